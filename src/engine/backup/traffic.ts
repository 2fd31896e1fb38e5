import { setTimeout as delay } from "node:timers/promises";
import type { ManagementClient } from "../../broker/management/client.ts";
import { AppError } from "../../errors.ts";
import type { BackupQueueRow } from "../../checkpoint/rows.ts";
import type { BackupContext } from "./queue.ts";
import { queueKey } from "../queue_key.ts";
import type { PlannedQueue } from "../survey/survey.ts";

/** The broker brings its statistics up to date that often. */
const STATISTICS_MS = 5_500;

/**
 * Adds to the report of each queue that others used meanwhile what they published and consumed, so
 * that depth before, plus published, minus consumed is the depth after. Published is the broker's
 * figure, some seconds late; consumed is what is missing then (expired messages among it).
 */
export async function reportTraffic(
  context: BackupContext,
  client: ManagementClient,
  queues: readonly PlannedQueue[],
): Promise<void> {
  const { checkpoint, run, signal, readNow } = context;
  const found = new Map(queues.map((one) => [queueKey(one.queue), one]));
  const isConsumed = (row: BackupQueueRow) => (found.get(queueKey(row))?.consumers ?? 0) > 0;
  const publishedBefore = (row: BackupQueueRow) => found.get(queueKey(row))?.queue.published;
  const rows = checkpoint.backups.queues(run.id).filter((row) => {
    const capture = row.report.entry?.capture;
    if (row.state !== "done" || !readNow.has(queueKey(row)) || !capture) return false;
    const { depth_before, depth_after } = capture;
    return depth_after !== null && (isConsumed(row) || depth_after !== depth_before);
  });
  const put = (row: BackupQueueRow, published: number) => {
    const capture = row.report.entry!.capture!;
    const net = capture.depth_after! - capture.depth_before;
    // What arrived is at least what the depth has grown by, however late the figure is.
    const arrived = Math.max(published, net, 0);
    capture.traffic = { published: arrived, consumed: arrived - net };
    checkpoint.backups.putQueue(run.id, row);
  };
  // Without consumers the depth says it all, and statistics from before would only blur it.
  for (const row of rows) if (!isConsumed(row)) put(row, 0);
  const consumed = rows.filter((row) => isConsumed(row) && publishedBefore(row) !== undefined);
  if (consumed.length === 0) return;
  try {
    await delay(STATISTICS_MS, undefined, { signal });
    const listed = await client.queues({ signal });
    const after = new Map(listed.map((queue) => [queueKey(queue), queue.message_stats?.publish]));
    for (const row of consumed) {
      const published = after.get(queueKey(row));
      if (published !== undefined) put(row, published - publishedBefore(row)!);
    }
  } catch (error) {
    // It is no part of the backup: without the figures it is as good.
    if (!(error instanceof AppError)) throw error;
  }
}
