import { setTimeout as delay } from "node:timers/promises";
import pRetry from "p-retry";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { BackupOptions } from "../../config/config.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import type { Pace } from "../pace.ts";
import type { QueueWork } from "../progress.ts";
import type { NodeWatch } from "../survey/node_watch.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import { setting } from "../../safety/settings.ts";
import type { HoldBudget } from "./budget.ts";
import { putBack } from "./put_back.ts";
import { type Alone, alone } from "./company.ts";
import { type Captured, captureQueue } from "./capture.ts";
import { ExhaustedError } from "./exhausted.ts";

/** How often a queue is read when another run takes a part of it at the same moment. */
const TRIES = 5;
/** Up to so long between two tries, milliseconds. */
const PAUSE_MS = 3_000;
/** For so long at least it is tried to save a message. */
const RESCUE_SECONDS = 60;

/** What reading a queue shares with the reading of others. */
export interface CaptureContext {
  readonly options: BackupOptions;
  readonly checkpoint: CheckpointStore;
  readonly client: ManagementClient;
  readonly connections: ConnectionPool;
  readonly nodes: NodeWatch;
  readonly budget: HoldBudget;
  /** The broker that delivery attempts are counted for. */
  readonly peer: string;
  /** A pause comes before a queue, never while its messages are held. */
  readonly pace?: Pace;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** One queue, and where it is read into. `begun` is called before the first delivery. */
export interface CountedQueue {
  readonly planned: PlannedQueue;
  readonly folder: string;
  readonly work: QueueWork;
  readonly begun?: () => void;
}

/**
 * Reads a queue into a folder as {@linkcode captureQueue} does, once its node has memory for it and no
 * other run has messages of it, and records the delivery attempts that this costs. The result's
 * `planned` is the queue as it was found then, `missing` what somebody else had of it; see
 * {@linkcode alone}.
 */
export async function captureCounted(
  context: CaptureContext,
  item: CountedQueue,
): Promise<Captured & { planned: PlannedQueue; missing: number }> {
  using _memory = await context.budget.memory(item.planned, context.signal);
  for (let tries = 1;; tries++) {
    const { planned, ready, missing } = await aloneAndReady(context, item.planned);
    const captured = await capture(context, { ...item, planned });
    const isLast = tries === TRIES;
    const taken = await takenByOthers(context, { planned, ready, captured, isLast });
    const isFree = planned.plan.deliveryAttempts === 0 || captured.spool.messageCount === 0;
    if (taken === 0 || !isFree || isLast) {
      return { ...captured, planned, missing: missing + taken };
    }
    // Not at the same moment again.
    await delay(Math.random() * PAUSE_MS, undefined, { signal: context.signal });
  }
}

/** What {@linkcode alone} finds, where there is no pause since. */
async function aloneAndReady(
  context: CaptureContext,
  planned: PlannedQueue,
): Promise<Alone> {
  const { pace, signal } = context;
  for (;;) {
    await pace?.ready(signal);
    const found = await alone(context, planned);
    if (pace?.isPaused !== true) return found;
  }
}

/**
 * Messages that were not there when a queue without consumers had been read, and are there again: two
 * runs that began to read it at the same moment have shared it out among themselves.
 */
async function takenByOthers(
  context: CaptureContext,
  { planned, ready: known, captured, isLast }: {
    planned: PlannedQueue;
    ready: number;
    captured: Captured;
    isLast: boolean;
  },
): Promise<number> {
  const { queue, consumers, plan } = planned;
  const { spool: { messageCount: read }, report, partial } = captured;
  const before = Math.max(known, report.depth_before);
  if (partial !== undefined || consumers > 0 || plan.expires) return 0;
  // What another one gave back meanwhile may make up for the number, but not for the order.
  const isShared = captured.sawOthers && plan.returnMethod === "get" && !isLast;
  if (read >= before && !isShared) return 0;
  const { ready } = await alone(context, { ...planned, queue: { ...queue, messages: before } });
  if (isShared) return Math.max(1, before - read);
  return ready > read ? before - read : 0;
}

async function capture(
  context: CaptureContext,
  { planned, folder, work, begun }: CountedQueue,
): Promise<Captured> {
  const { options: backup, checkpoint, connections, nodes, peer, signal } = context;
  const { queue, plan } = planned;
  const used = checkpoint.backups.deliveryCount(peer, queue);
  if (plan.deliveryAttempts > 0) {
    // Before the first delivery: a process that is killed now has cost an attempt, too.
    checkpoint.backups.putDeliveryCount(peer, queue, used + plan.deliveryAttempts);
  }
  begun?.();
  work.phase = "reading";
  work.messagesHeld = 0;
  try {
    return await connections.use(
      queue.vhost,
      (connection) => captureQueue(connection, { planned, backup, folder, nodes, work, signal }),
    );
  } catch (error) {
    if (!(error instanceof ExhaustedError)) throw error;
    if (error.returned === 0) checkpoint.backups.putDeliveryCount(peer, queue, used);
    throw await rescueDropped(context, { planned, error });
  }
}

/** Puts back what the broker has dropped with a lost connection, where it went nowhere else. */
async function rescueDropped(
  { connections, options: { reconnect_secs } }: CaptureContext,
  { planned: { queue }, error }: { planned: PlannedQueue; error: ExhaustedError },
): Promise<ExhaustedError> {
  const { places = [], segments = [] } = error.dropped ?? {};
  if (places.length === 0 || setting(queue, "dead-letter-exchange") !== undefined) return error;
  const put = () =>
    connections.use(
      queue.vhost,
      (connection) => putBack(connection, { queue: queue.name, segments, places }),
    );
  try {
    const rescued = await pRetry(put, {
      retries: Infinity,
      maxRetryTime: Math.max(RESCUE_SECONDS, reconnect_secs) * 1000,
    });
    return error.afterRescue(rescued.length);
  } catch {
    return error;
  }
}
