import { setTimeout as delay } from "node:timers/promises";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import { messageBounds } from "../../broker/amqp/stream_reader.ts";
import type { AmqpOffsets } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import type { PlannedQueue } from "../survey/survey.ts";

/** How long the last chunk may take to come; the broker counts messages anew every 5 s. */
const WAIT_MS = 6_000;
/** How often its count is looked at meanwhile, milliseconds. */
const ASKED_MS = 500;

/**
 * From the first message that a stream has, as far as the broker tells, to the last one that comes by
 * AMQP 0-9-1, and what is behind that; undefined when it is empty.
 *
 * @throws {AppError} `failed` when there are messages, and the last ones do not come; as `messageBounds`
 */
export async function amqpBounds(
  connection: BrokerConnection,
  { queue }: PlannedQueue,
  { signal }: { signal: AbortSignal },
): Promise<Pick<AmqpOffsets, "first" | "last" | "tail"> | undefined> {
  const { name } = queue;
  const found = await messageBounds(connection, { stream: name, waitMs: WAIT_MS, signal });
  await using inspector = new QueueInspector(connection);
  if (found === undefined) {
    const { ready } = await inspector.depth(name);
    if (ready === 0) return undefined;
    throw new AppError(
      "failed",
      `Cannot read stream "${name}" by AMQP 0-9-1: of its ${ready} messages the last ones do not come`,
      {
        hint:
          "are they in compressed batches? make the stream port reachable (source.stream_port): " +
          "by it every message is read",
      },
    );
  }
  const { last } = found;
  // What is in front of the first one that comes are batches, unless retention has dropped it; then
  // nobody can tell whether what does not come is in front of all others or behind them.
  const isKept = !hasRetention(queue);
  const ready = await countOf(inspector, {
    name,
    least: last + 1 - (isKept ? 0 : found.first),
    signal,
  });
  const first = isKept ? 0 : Math.max(0, Math.min(found.first, last + 1 - ready));
  const isTail = isKept && ready > last + 1;
  return { first, last, ...(isTail ? { tail: { first: last + 1, last: ready - 1 } } : {}) };
}

/** The offsets that a stream takes. The count is some seconds old: waits until it is not too small. */
async function countOf(
  inspector: QueueInspector,
  { name, least, signal }: { name: string; least: number; signal: AbortSignal },
): Promise<number> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const { ready } = await inspector.depth(name);
    if (ready >= least || performance.now() > deadline) return ready;
    await delay(ASKED_MS, undefined, { signal });
  }
}

function hasRetention(
  { arguments: own, policy, operatorPolicy }: PlannedQueue["queue"],
): boolean {
  return ["max-age", "max-length-bytes"].some((key) =>
    (operatorPolicy[key] ?? policy[key] ?? own[`x-${key}`]) !== undefined
  );
}
