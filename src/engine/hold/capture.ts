import { setTimeout as delay } from "node:timers/promises";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import {
  LARGEST_WINDOW,
  QueueReader,
  type ReadEnd,
  WINDOWS_PER_CHANNEL,
} from "../../broker/amqp/queue_reader.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { BackupOptions } from "../../config/config.ts";
import type { CaptureReport } from "../../archive/manifest.ts";
import { ExhaustedError } from "./exhausted.ts";
import { HoldWatch } from "./watch.ts";
import { Elections, isDoubtful } from "../survey/empty_quorum.ts";
import type { NodeWatch } from "../survey/node_watch.ts";
import type { QueueWork } from "../progress.ts";
import { putBack } from "./put_back.ts";
import { SpoolWriter } from "../spool/spool.ts";
import { heldAtMost, type PlannedQueue } from "../survey/survey.ts";

/** How long nothing may arrive before the broker is asked whether there is more. */
const IDLE_MS = 1_000;
/** How long the depth may take to show that the messages are back, and how long it may stand still. */
const SETTLE_MS = 15_000;
const QUIET_MS = 2_000;
/** The same where the queue has consumers; our own may still be counted for some milliseconds. */
const CONSUMED_MS = 200;

/** What was read: the spool's segments and numbers, and how it went. */
export interface Captured {
  readonly spool: SpoolWriter;
  readonly report: Pick<
    CaptureReport,
    "depth_before" | "return_method" | "delivery_attempts" | "hold_ms"
  >;
  /** Others consumed from it at the end, and may have taken what is missing. */
  readonly sawOthers: boolean;
  /** Why not all was read that could have been. */
  readonly partial: string | undefined;
}

/**
 * Reads one queue into the spool and gives the messages back. In this order: depth, read, return.
 * Whatever fails, the messages go back: by the reader, or by the connection's end.
 */
export async function captureQueue(
  connection: BrokerConnection,
  options: {
    planned: PlannedQueue;
    backup: BackupOptions;
    folder: string;
    nodes: NodeWatch;
    work: QueueWork;
    signal: AbortSignal;
  },
): Promise<Captured> {
  const { planned, planned: { queue, plan }, backup, nodes, work, signal } = options;
  await using inspector = new QueueInspector(connection);
  let before = await inspector.depth(queue.name);
  if (isDoubtful({ ...queue, messages: planned.ready }, before)) {
    before = await new Elections(inspector, signal).depth(queue.name);
  }
  if (before.ready === 0) {
    await assertEmpty(inspector, queue);
    before = await inspector.depth(queue.name);
  }
  const limit = backup.stop_at_current_depth ? before.ready : Number.MAX_SAFE_INTEGER;
  const reading: { reader?: QueueReader } = {};
  using spool = new SpoolWriter({
    folder: options.folder,
    segmentMaxBytes: backup.segment_max_bytes,
    segmentMaxIntervalMs: backup.segment_max_interval_ms,
    onError: (error) => reading.reader?.fail(error),
  });
  if (spool.failure !== undefined) throw spool.failure;
  work.messagesTotal = heldAtMost({ ready: before.ready, plan });
  const { deliveryLimit, consumerTimeoutSecs } = plan.hold;
  const isFree = plan.deliveryAttempts === 0;
  const reader = reading.reader = new QueueReader(connection, counted(spool, work), {
    queue: queue.name,
    limit,
    untilDrained: !backup.stop_at_current_depth,
    ...(plan.atMost === undefined ? {} : { enough: plan.atMost }),
    window: windowSize(backup.prefetch_count, before.ready),
    returnMethod: plan.returnMethod,
    returnsLineUp: queue.type === "quorum",
    priority: backup.consumer_priority,
    ...(consumerTimeoutSecs === undefined ? {} : { consumerTimeoutSecs }),
    ...(deliveryLimit === undefined ? {} : {
      exhausted: {
        limit: deliveryLimit,
        isFree,
        rescue: async (places) => {
          spool.finish();
          const { segments } = spool;
          return await putBack(connection, { queue: queue.name, segments, places });
        },
      },
    }),
    idleMs: IDLE_MS,
    signal,
  });
  let partial = plan.atMost === undefined ? undefined : plan.reason;
  let isLetGo = false;
  using watch = new HoldWatch(connection, {
    queue,
    hold: plan.hold,
    held: () => ({ messages: spool.messageCount, bytes: spool.bodyBytes }),
    nodes,
    letGo: (reason) => {
      if (!plan.keepsPart) return reader.fail(reason);
      partial = reason.message;
      isLetGo = true;
      reader.stop();
    },
    signal,
  });
  const startedAt = performance.now();
  let end: ReadEnd | undefined;
  let failure: unknown;
  try {
    end = await reader.read();
  } catch (error) {
    failure = error;
  }
  work.phase = "returning";
  watch[Symbol.dispose]();
  const lost = await reader.giveBack();
  work.messagesReturned = work.messagesHeld ?? 0;
  work.messagesHeld = 0;
  // Not before: what was on its way when reading ended has come whole, and is of the backup.
  spool.finish();
  const holdMs = Math.round(performance.now() - startedAt);
  if (lost.exhausted > 0) {
    const { received } = reader;
    const dropped = lost.cut === undefined
      ? undefined
      : { places: lost.cut, segments: spool.segments };
    throw new ExhaustedError(queue.name, {
      ...{ limit: deliveryLimit!, isFree, received, dropped },
      ...lost,
    });
  }
  if (failure !== undefined) throw failure;
  reader.throwIfFailed();
  // Stopped by the signal: what was read is only a part. Read whole, it is kept.
  if (end === "stopped" && !isLetGo) signal.throwIfAborted();
  return {
    spool,
    report: {
      depth_before: before.ready,
      return_method: plan.returnMethod,
      delivery_attempts: plan.deliveryAttempts,
      hold_ms: holdMs,
    },
    sawOthers: reader.sawOthers,
    partial,
  };
}

/** Throws when a depth of 0 does not mean that the queue is empty. */
export async function assertEmpty(
  inspector: QueueInspector,
  queue: { type: string; name: string },
): Promise<void> {
  if (queue.type === "quorum") await inspector.assertHasLeader(queue.name);
}

/** Passes deliveries on and keeps the numbers on screen true. */
function counted(spool: SpoolWriter, work: QueueWork): SpoolWriter {
  const end = spool.end.bind(spool);
  spool.end = () => {
    end();
    work.messagesDone = work.messagesHeld = spool.messageCount;
    work.bytesDone = spool.bytes;
  };
  return spool;
}

/** Larger than asked for where a deep queue would need more windows than fit on a channel. */
function windowSize(prefetch: number | undefined, depth: number): number {
  if (prefetch === undefined || prefetch === 0) return LARGEST_WINDOW;
  return Math.min(Math.max(prefetch, Math.ceil(depth / WINDOWS_PER_CHANNEL)), LARGEST_WINDOW);
}

/**
 * The depth once the returned messages show in it; those that expired or were consumed never will.
 * `patienceMs`: so long is waited in any case, also where the queue has consumers.
 */
export async function settledDepth(
  connection: BrokerConnection,
  queue: { name: string; expected: number; patienceMs?: number; signal?: AbortSignal },
): Promise<number> {
  const { expected, patienceMs = 0, signal } = queue;
  await using inspector = new QueueInspector(connection);
  const start = performance.now();
  let last: number | undefined;
  let changed = start;
  for (;;) {
    const { ready, consumers } = await inspector.depth(queue.name);
    const now = performance.now();
    if (ready !== last) changed = now;
    last = ready;
    if (last >= expected) return last;
    const isSettled = now - changed > QUIET_MS ||
      now - start > (consumers > 0 ? CONSUMED_MS : SETTLE_MS);
    if (isSettled && now - start >= patienceMs) return last;
    await delay(50, undefined, signal === undefined ? {} : { signal });
  }
}
