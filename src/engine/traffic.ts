import { setTimeout as delay } from "node:timers/promises";
import type { ManagementClient } from "../broker/management/client.ts";
import type { QueueEntry } from "../archive/manifest.ts";
import { AppError } from "../errors.ts";
import type { BackupContext } from "./backup_queue.ts";
import { queueKey } from "./queue_key.ts";
import type { PlannedQueue } from "./survey.ts";

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
  const { checkpoint, run, signal } = context;
  const before = new Map(queues.map(({ queue }) => [queueKey(queue), queue]));
  const busy = checkpoint.backupQueues(run.id).filter(({ state, report, vhost, name }) => {
    const queue = before.get(queueKey({ vhost, name }));
    return state === "done" && queue?.published !== undefined &&
      isBusy(report.entry!, { ...queue, publishRate: queue.publishRate ?? 0 });
  });
  if (busy.length === 0) return;
  try {
    await delay(STATISTICS_MS, undefined, { signal });
    const listed = await client.queues({ signal });
    const after = new Map(listed.map((queue) => [queueKey(queue), queue.message_stats?.publish]));
    for (const row of busy) {
      const published = after.get(queueKey(row));
      if (published === undefined) continue;
      const capture = row.report.entry!.capture!;
      const more = Math.max(0, published - before.get(queueKey(row))!.published!);
      const net = capture.depth_after! - capture.depth_before;
      // What arrived is at least what the depth has grown by, however late the figure is.
      const arrived = Math.max(more, net, 0);
      capture.traffic = { published: arrived, consumed: arrived - net };
      checkpoint.putBackupQueue(run.id, row);
    }
  } catch (error) {
    // It is no part of the backup: without the figures it is as good.
    if (!(error instanceof AppError)) throw error;
  }
}

function isBusy(
  { capture }: QueueEntry,
  { consumers = 0, publishRate }: { consumers?: number; publishRate: number },
): boolean {
  if (capture === null || capture.depth_after === null) return false;
  return consumers > 0 || publishRate > 0 || capture.depth_after !== capture.depth_before;
}
