/** Messages of streams that go into queues, and of queues that go into streams. */
import type { QueueEntry } from "../../archive/manifest.ts";
import type { RestoreOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { isTakenByStream } from "../../message/broker_headers.ts";
import { mappedType } from "./declaration.ts";
import type { QueueName } from "./mapping.ts";
import type { OutgoingQueue } from "./outgoing.ts";

/** Whether messages are of a stream, and their records have the times of its chunks. */
export function streamTimes({ queue_type, stream }: QueueEntry): OutgoingQueue["stream"] {
  if (queue_type !== "stream") return undefined;
  return stream === undefined ? "without times" : "with times";
}

/** Tells by its properties whether a message is taken; undefined where all are. */
export function takenBy(
  { queue_type: type }: QueueEntry,
  { queue_type_mapping }: Pick<RestoreOptions, "queue_type_mapping">,
): ((properties: Uint8Array) => boolean) | undefined {
  const becomesStream = type !== "stream" && mappedType(type, queue_type_mapping) === "stream";
  return becomesStream ? isTakenByStream : undefined;
}

/** Why a restore ends at a message that no stream takes. */
export function decimalRefusal({ name }: QueueName): AppError {
  return new AppError(
    "refused",
    `Cannot publish to stream "${name}": a message has a decimal in its headers, over which ` +
      "brokers end the connection of who publishes it to a stream",
    { hint: "restore.on_undelivered: keep keeps such messages apart, and goes on" },
  );
}
