/** The log of a stream as messages of AMQP 0-9-1, so that it can go where no stream is. */
import type { QueueEntry } from "../../archive/manifest.ts";
import { encodeRecord } from "../../archive/record.ts";
import { toAmqp091 } from "../../message/amqp10_to_091.ts";
import type { Loss, LossCounts } from "../../message/conversion_losses.ts";
import { withHeader } from "../../message/properties.ts";
import { type Origin, readEntries } from "./entries.ts";

/** Adds up what a conversion loses. */
export class ConversionLosses {
  readonly counts: LossCounts = {};
  /** Messages come again when a connection was lost. */
  #counted = -1n;

  add(losses: ReadonlySet<Loss>, { offset }: Origin): void {
    if (offset <= this.#counted) return;
    this.#counted = offset;
    for (const loss of losses) this.counts[loss] = (this.counts[loss] ?? 0) + 1;
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
  { origin, losses }: { origin: Origin; losses: ConversionLosses | undefined },
): Uint8Array {
  const { offset, timestamp } = origin;
  const { exchange, routingKey, properties, body, losses: lost } = toAmqp091(message);
  losses?.add(lost, origin);
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
