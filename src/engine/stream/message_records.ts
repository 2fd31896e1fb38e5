/** The log of a stream as messages of AMQP 0-9-1, so that it can go where no stream is. */
import type { QueueEntry } from "../../archive/manifest.ts";
import { encodeRecord } from "../../archive/record.ts";
import { LOSS, type Loss, toAmqp091 } from "../../message/amqp10_to_091.ts";
import { withHeader } from "../../message/properties.ts";
import { type Origin, readEntries } from "./entries.ts";

/** What a conversion loses, in how many messages. */
export class ConversionLosses {
  readonly #messages = new Map<Loss, number>();

  add(losses: ReadonlySet<Loss>): void {
    for (const loss of losses) this.#messages.set(loss, (this.#messages.get(loss) ?? 0) + 1);
  }

  /** For people, with the numbers of messages; empty when nothing was lost. */
  texts(): string[] {
    return [...this.#messages].map(([loss, messages]) => `${LOSS[loss]} (${messages})`);
  }
}

/**
 * The records of a segment as those of messages: of a log converted, one by one, with the header
 * `x-stream-offset`, as a broker gives them out by AMQP 0-9-1. The time is that of the chunk.
 *
 * @throws {AppError} as `readEntries`
 */
export async function* messageRecords(
  records: AsyncIterable<Uint8Array>,
  { entry, losses }: { entry: Pick<QueueEntry, "stream">; losses?: ConversionLosses },
): AsyncGenerator<Uint8Array> {
  if (entry.stream === undefined) {
    yield* records;
    return;
  }
  const change = (message: Uint8Array, origin: Origin) => recordOf(message, { origin, losses });
  for await (const entries of readEntries(records, { change })) {
    for (const { body } of entries) yield body;
  }
}

function recordOf(
  message: Uint8Array,
  { origin: { offset, timestamp }, losses }: {
    origin: Origin;
    losses: ConversionLosses | undefined;
  },
): Uint8Array {
  const { exchange, routingKey, properties, body, losses: lost } = toAmqp091(message);
  losses?.add(lost);
  return encodeRecord({
    head: {
      capturedAt: timestamp,
      redelivered: false,
      exchange,
      routingKey,
      properties: withHeader(properties, "x-stream-offset", { tag: "l", value: offset }),
      bodySize: body.length,
    },
    body,
  });
}
