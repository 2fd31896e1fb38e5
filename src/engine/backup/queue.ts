import { join } from "node:path";
import { RecordFingerprint } from "../../archive/fingerprint.ts";
import { queueFolder } from "../../archive/layout.ts";
import { nothingStored, type QueueEntry, type SkippedQueue } from "../../archive/manifest.ts";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { BackupQueueRow, Run } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { BackupOptions } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { assertEmpty } from "../hold/capture.ts";
import { alone } from "../hold/company.ts";
import { captureCounted } from "../hold/counted_capture.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import type { HoldBudget } from "../hold/budget.ts";
import { isDoubtful } from "../survey/empty_quorum.ts";
import type { NodeWatch } from "../survey/node_watch.ts";
import type { Packer } from "../packing/packer.ts";
import type { Pace } from "../pace.ts";
import type { ProgressMeter, QueueWork } from "../progress.ts";
import { queueKey } from "../queue_key.ts";
import { depthOnceBack, lookAfterReturn, tellDifference } from "./after_return.ts";
import { removeFolder, syncSpool } from "../spool/spool.ts";
import { storeSpooled } from "../packing/store_spooled.ts";
import { isRead } from "../../safety/plan.ts";
import type { PlannedQueue, Survey } from "../survey/survey.ts";
import { backupStream } from "../stream/backup.ts";
import type { StreamStarts } from "../stream/start.ts";

/**
 * RabbitMQ 4.3 and newer wait a minute for a node that is gone before they take back from a quorum
 * queue's consumers what they had through it (consumer_disconnected_timeout).
 */
const DISCONNECTED_MS = 65_000;
/** An interruption may have been just now when the reading began no longer ago than this. */
const RECENT_MS = 600_000;

/** What all queues of one backup run share. */
export interface BackupContext {
  readonly backupId: string;
  readonly options: BackupOptions;
  readonly run: Run;
  readonly storage: Storage;
  readonly checkpoint: CheckpointStore;
  readonly client: ManagementClient;
  readonly connections: ConnectionPool;
  readonly streams: StreamConnector;
  readonly starts: StreamStarts;
  readonly packer: Packer;
  readonly nodes: NodeWatch;
  readonly budget: HoldBudget;
  readonly meter: ProgressMeter;
  readonly pace: Pace;
  readonly emit: EventSink;
  /** Plans a queue by what is known of it now; undefined when it is gone. */
  readonly plan: Survey["plan"];
  /** Queues that this process has read, by their keys. */
  readonly readNow: Set<string>;
  /** Folder of this run's spool. */
  readonly spoolFolder: string;
  readonly signal: AbortSignal;
}

/**
 * Backs up one queue: read and give back, make the spool durable, pack into storage; with a
 * checkpoint behind each step, so that a later run goes on behind the last one. A queue that is in
 * the spool already (`row.state` is `read`) needs no plan.
 */
export async function backupQueue(
  context: BackupContext,
  item: { planned?: PlannedQueue; row?: BackupQueueRow },
): Promise<void> {
  const { checkpoint, run, meter } = context;
  const { planned } = item;
  if (planned?.queue.type === "stream") return await backupStream(context, { ...item, planned });
  const queue = planned?.queue ?? item.row!;
  const work = meter.begin(queue, { phase: "waiting", messagesTotal: planned?.ready ?? 0 });
  let row = item.row;
  try {
    const isRead = row?.state === "read";
    using _spool = isRead ? undefined : await context.budget.spool(planned!, context.signal);
    if (row === undefined || !isRead) {
      const interrupted = item.row?.state === "reading" ? item.row : undefined;
      const back = await returned(context, { planned: planned!, interrupted });
      row = await read(context, { ...back, work });
      context.readNow.add(queueKey(row));
    }
    work.messagesDone = work.messagesTotal = row.report.entry!.message_count;
    work.phase = "packing";
    const spooled = checkpoint.backups.segments(run.id, row)[0]?.spooled.file;
    const [entry, after] = await Promise.all([
      storeSpooled(context, { row, work }),
      item.row === row ? undefined : lookAfterReturn(context, { row, planned, spooled }),
    ]);
    if (entry.capture !== null && after !== undefined) {
      entry.capture.depth_after = after.depth;
      if (after.first !== undefined) entry.capture.first_after = after.first;
    }
    tellDifference(context.emit, { entry, planned });
    row = { ...row, state: "done", report: { entry } };
    checkpoint.backups.putQueue(run.id, row);
    removeFolder(spoolFolderOf(context, queue));
    reportDone(context, entry, meter.end(work));
  } catch (error) {
    meter.end(work);
    throw error;
  }
}

/** Records that a queue is not in the backup, and why. */
export function skipQueue(context: BackupContext, skipped: SkippedQueue): void {
  const { vhost, name } = skipped;
  context.checkpoint.backups.putQueue(context.run.id, {
    vhost,
    name,
    state: "skipped",
    report: { skipped },
  });
  context.meter.queuesDone++;
  if (skipped.kind === "failed") context.meter.errorCount++;
  context.emit({
    type: "queue_done",
    operation: "backup",
    vhost,
    queue: name,
    queueType: skipped.queue_type,
    outcome: skipped.kind === "failed" ? "failed" : "skipped",
    messages: 0,
    bytes: 0,
    seconds: 0,
    reason: skipped.reason,
    ...(skipped.hint === undefined ? {} : { hint: skipped.hint }),
  });
}

async function read(
  context: BackupContext,
  item: { planned: PlannedQueue; missing: number; work: QueueWork },
): Promise<BackupQueueRow> {
  const { checkpoint, run } = context;
  const { missing, work } = item;
  const { queue } = item.planned;
  const folder = spoolFolderOf(context, queue);
  const entry = emptyEntry(item.planned);
  const row: BackupQueueRow = {
    vhost: queue.vhost,
    name: queue.name,
    state: "read",
    report: { entry },
  };
  if (item.planned.ready === 0) {
    const { planned, ready, hasWaited, missing: kept } = await alone(context, item.planned);
    if (hasWaited && ready > 0) return await readAfterAll(context, item);
    await context.connections.use(queue.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      await assertEmpty(inspector, queue);
      await assertStillEmpty(inspector, queue);
    });
    const inFlight = inFlightOf(planned, { depth_before: 0, read: 0, sawOthers: false });
    markInFlight(context, entry, missing + kept + inFlight);
    checkpoint.backups.putDeliveryCount(run.peer, queue, 0);
    checkpoint.backups.putCaptured(run.id, row, []);
    return row;
  }
  const depth = item.planned.ready + missing;
  const captured = await captureCounted({ ...context, peer: run.peer }, {
    planned: item.planned,
    folder,
    work,
    begun: () =>
      checkpoint.backups.putQueue(run.id, {
        ...row,
        state: "reading",
        report: { entry, depth, startedAt: Date.now() },
      }),
  });
  const { segments } = captured.spool;
  await syncSpool(segments);
  entry.message_count = captured.spool.messageCount;
  entry.body_bytes = captured.spool.bodyBytes;
  entry.largest_body = captured.spool.largestBody;
  entry.first_message_timestamp = segments[0]?.firstTimestamp ?? null;
  entry.last_message_timestamp = segments.at(-1)?.lastTimestamp ?? null;
  const { depth_before } = captured.report;
  const inFlight = missing + captured.missing + inFlightOf(captured.planned, {
    depth_before,
    read: entry.message_count,
    sawOthers: captured.sawOthers,
  });
  if (captured.partial !== undefined) entry.partial = captured.partial;
  else markInFlight(context, entry, inFlight);
  entry.capture = {
    ...captured.report,
    in_flight: inFlight,
    depth_after: null,
    highest_delivery_count: null,
    fingerprint: new RecordFingerprint().digest(),
  };
  checkpoint.backups.putCaptured(
    run.id,
    row,
    segments.map((spooled, index) => ({ sequence: index + 1, spooled, stored: undefined })),
  );
  return row;
}

/** What was taken for empty, as another run had all of it. */
async function readAfterAll(
  context: BackupContext,
  item: { planned: PlannedQueue; missing: number; work: QueueWork },
): Promise<BackupQueueRow> {
  const planned = await context.plan(item.planned.queue);
  if (planned === undefined || !isRead(planned.plan)) {
    const { reason = "it was deleted", hint } = planned?.plan ?? {};
    throw new AppError("refused", reason, hint === undefined ? {} : { hint });
  }
  using _spool = await context.budget.spool(planned, context.signal);
  return await read(context, { ...item, planned });
}

/** What had no leader when it was planned was empty only by its words. */
async function assertStillEmpty(
  inspector: QueueInspector,
  queue: PlannedQueue["queue"],
): Promise<void> {
  const { ready, consumers } = await inspector.depth(queue.name);
  if (ready === 0 || !isDoubtful(queue, { ready: 0, consumers })) return;
  throw new AppError(
    "failed",
    `Cannot read queue "${queue.name}": it said that it was empty when it was planned, and has ` +
      `${ready} messages now`,
    { hint: "take another backup" },
  );
}

/**
 * Waits until what an interrupted run had of the queue is back: the broker takes its time, and more of
 * it until it notices that a connection is gone. What is missing then, somebody has, or had.
 */
async function returned(
  { connections, emit, signal }: BackupContext,
  { planned, interrupted }: { planned: PlannedQueue; interrupted: BackupQueueRow | undefined },
): Promise<{ planned: PlannedQueue; missing: number }> {
  const { depth: expected, startedAt = 0 } = interrupted?.report ?? {};
  if (expected === undefined) return { planned, missing: 0 };
  const { queue, plan, consumers } = planned;
  // A dead node's consumers are still counted. Later on those that are there are others.
  const isDisconnected = plan.returnMethod === "recover" && consumers > 0 &&
    Date.now() - startedAt < RECENT_MS;
  const patienceMs = isDisconnected ? DISCONNECTED_MS : 0;
  if (isDisconnected) {
    const message = `Waiting for messages of queue "${queue.name}" that the interrupted run had`;
    emit({ type: "step", message });
  }
  const ready = await depthOnceBack(connections, { queue, expected, patienceMs, signal });
  return { planned: { ...planned, ready }, missing: Math.max(0, expected - ready) };
}

function markInFlight({ options }: BackupContext, entry: QueueEntry, inFlight: number): void {
  if (inFlight === 0 || options.in_flight === "accept") return;
  entry.partial = `${inFlight} ${
    inFlight === 1 ? "message was" : "messages were"
  } with its consumers`;
}

/** Messages that consumers had, by the statistics, and those that they took before they were read. */
function inFlightOf(
  { queue, consumers, plan }: PlannedQueue,
  { depth_before, read, sawOthers }: { depth_before: number; read: number; sawOthers: boolean },
): number {
  const taken = plan.atMost === undefined ? Math.max(0, depth_before - read) : 0;
  // Nobody had any: what the statistics still say is what we had a moment ago. And nobody came: what is
  // missing expired.
  if (consumers === 0) return sawOthers ? taken : 0;
  return (queue.messagesUnacknowledged ?? 0) + taken;
}

/** The entry of a queue of which nothing was read yet. */
export function emptyEntry({ queue }: PlannedQueue): QueueEntry {
  return {
    vhost: queue.vhost,
    name: queue.name,
    queue_type: queue.type,
    durable: queue.durable,
    auto_delete: queue.autoDelete,
    arguments: { ...queue.arguments },
    ...nothingStored(),
  };
}

/** Where the spool keeps what was read of a queue. */
export function spoolFolderOf(
  context: BackupContext,
  queue: { vhost: string; name: string },
): string {
  return join(context.spoolFolder, queueFolder(context.backupId, queue.vhost, queue.name));
}

/** Tells that a queue is in the backup. */
export function reportDone(context: BackupContext, entry: QueueEntry, seconds: number): void {
  const { capture, partial } = entry;
  context.emit({
    type: "queue_done",
    operation: "backup",
    vhost: entry.vhost,
    queue: entry.name,
    queueType: entry.queue_type,
    outcome: "ok",
    messages: entry.message_count,
    bytes: entry.body_bytes,
    bytesStored: entry.segments.reduce((sum, segment) => sum + segment.size_bytes, 0),
    segments: entry.segments.length,
    seconds,
    ...(entry.stream?.base === undefined ? {} : { base: entry.stream.base.backup_id }),
    ...(partial === undefined ? {} : { reason: partial }),
    ...(capture === null ? {} : {
      holdSeconds: capture.hold_ms / 1000,
      returnCost: { method: capture.return_method, deliveryAttempts: capture.delivery_attempts },
    }),
  });
}
