import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { BackupOptions } from "../../config/config.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { Pace } from "../pace.ts";
import type { QueueWork } from "../progress.ts";
import type { NodeWatch } from "../survey/node_watch.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import type { HoldBudget } from "./budget.ts";
import { type Captured, captureQueue, ExhaustedError } from "./capture.ts";

/** What reading a queue shares with the reading of others. */
export interface CaptureContext {
  readonly options: BackupOptions;
  readonly checkpoint: CheckpointStore;
  readonly connections: ConnectionPool;
  readonly nodes: NodeWatch;
  readonly budget: HoldBudget;
  /** The broker that delivery attempts are counted for. */
  readonly peer: string;
  /** A pause comes before a queue, never while its messages are held. */
  readonly pace?: Pace;
  readonly signal: AbortSignal;
}

/**
 * Reads a queue into a folder as {@linkcode captureQueue} does, once its node has memory for it, and
 * records the delivery attempts that this costs. `begun` is called before the first delivery.
 */
export async function captureCounted(
  context: CaptureContext,
  item: { planned: PlannedQueue; folder: string; work: QueueWork; begun?: () => void },
): Promise<Captured> {
  const { options: backup, checkpoint, connections, nodes, budget, peer, pace, signal } = context;
  const { planned, folder, work } = item;
  const { queue, plan } = planned;
  await pace?.ready(signal);
  using _memory = await budget.memory(planned, signal);
  // That may have been a while ago.
  await pace?.ready(signal);
  const used = checkpoint.deliveryCount(peer, queue);
  if (plan.deliveryAttempts > 0) {
    // Before the first delivery: a process that is killed now has cost an attempt, too.
    checkpoint.putDeliveryCount(peer, queue, used + plan.deliveryAttempts);
  }
  item.begun?.();
  work.phase = "reading";
  work.messagesHeld = 0;
  try {
    return await connections.use(
      queue.vhost,
      (connection) => captureQueue(connection, { planned, backup, folder, nodes, work, signal }),
    );
  } catch (error) {
    if (error instanceof ExhaustedError && error.returned === 0) {
      checkpoint.putDeliveryCount(peer, queue, used);
    }
    throw error;
  }
}
