import type { QueueEntry } from "../../archive/manifest.ts";
import type { BackupQueueRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import { settledDepth } from "../hold/capture.ts";
import { firstInQueue, firstRecord } from "../hold/first_message.ts";
import { readSpooled } from "../spool/spool.ts";
import type { PlannedQueue } from "../survey/survey.ts";

/** A first message that may be larger is not sent once more. */
const LARGEST_BODY = 1024 * 1024;

/** What shows that a queue is as it was. */
export interface AfterReturn {
  /** Ready messages; null when it cannot be told: queue or broker are gone, the backup has them. */
  readonly depth: number | null;
  /** Its first message, against the first that was read; only where looking costs nothing. */
  readonly first?: "same" | "different";
}

/**
 * Asked while the messages are packed: a classic queue takes seconds to show many of them again.
 * `spooled` is the first file of the spool.
 */
export async function lookAfterReturn(
  { connections, signal }: { connections: ConnectionPool; signal: AbortSignal },
  options: { row: BackupQueueRow; planned: PlannedQueue | undefined; spooled: string | undefined },
): Promise<AfterReturn> {
  const { row: { vhost, name, report }, planned, spooled } = options;
  const { capture, largest_body } = report.entry!;
  const expected = capture?.depth_before ?? 0;
  if (expected === 0) return { depth: null };
  const mayLook = planned !== undefined && spooled !== undefined && mayLookAtFirst(planned) &&
    largest_body <= LARGEST_BODY;
  try {
    // Before packing is through, which removes the file.
    const wanted = mayLook
      ? await firstRecord(readSpooled(spooled, { reuseBuffer: true }))
      : undefined;
    const depth = await depthOnceBack(connections, { queue: { vhost, name }, expected });
    if (wanted === undefined || depth !== expected) return { depth };
    const found = await connections.use(
      vhost,
      (connection) => firstInQueue(connection, { queue: name, signal }),
    );
    return found === undefined
      ? { depth }
      : { depth, first: found === wanted ? "same" : "different" };
  } catch (error) {
    if (error instanceof AppError) return { depth: null };
    throw error;
  }
}

/** The depth once it shows the messages that were given back. */
export async function depthOnceBack(
  connections: ConnectionPool,
  { queue: { vhost, name }, ...options }: {
    queue: { vhost: string; name: string };
    expected: number;
    /** See {@linkcode settledDepth}. */
    patienceMs?: number;
    signal?: AbortSignal;
  },
): Promise<number> {
  return await connections.use(
    vhost,
    (connection) => settledDepth(connection, { name, ...options }),
  );
}

/** Nobody consumes, nothing expires, and yet it is not as it was: that should never be, and is told. */
export function tellDifference(
  emit: EventSink,
  { entry, planned }: { entry: QueueEntry; planned: PlannedQueue | undefined },
): void {
  const { capture, vhost, name } = entry;
  if (!capture || capture.depth_after === null || planned === undefined) return;
  if (capture.first_after === "different") {
    emit({
      type: "warning",
      vhost,
      queue: name,
      message: `The first message of queue "${name}" is another than before it was read`,
      hint:
        "did somebody read or purge it, or publish with a higher priority? this backup has the " +
        "messages as they were",
    });
  }
  const { depth_before: before, depth_after: after } = capture;
  if (after >= before || planned.consumers > 0 || planned.plan.expires) return;
  emit({
    type: "warning",
    vhost,
    queue: name,
    message: `Queue "${name}" holds ${after} messages after it was read, and held ${before} before`,
    hint: "did messages expire, or was somebody reading or purging it? this backup has them",
  });
}

/**
 * A quorum queue may charge an attempt for it, or move what is returned; a consumer waits for every
 * message; and where the oldest are dropped, one that is held leaves room for a new one.
 */
function mayLookAtFirst({ queue, consumers, plan }: PlannedQueue): boolean {
  const { maxLength, maxLengthBytes } = plan.hold;
  return queue.type === "classic" && consumers === 0 && !plan.expires &&
    maxLength === undefined && maxLengthBytes === undefined;
}
