import { join } from "node:path";
import { queueFolder, segmentKey, segmentKeyV1 } from "../archive/layout.ts";
import type { QueueEntry, SegmentEntry, SkippedQueue } from "../archive/manifest.ts";
import { QueueInspector } from "../broker/amqp/queue_inspector.ts";
import type { BackupQueueRow, Run, SegmentRow } from "../checkpoint/rows.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { BackupOptions } from "../config/config.ts";
import { AppError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { assertEmpty, captureQueue } from "./capture.ts";
import type { ConnectionPool } from "./connection_pool.ts";
import type { EventSink } from "./events.ts";
import type { PackStep } from "./pack_protocol.ts";
import type { Packer } from "./packer.ts";
import type { ProgressMeter, QueueWork } from "./progress.ts";
import { removeFolder, syncSpool } from "./spool.ts";
import type { PlannedQueue } from "./survey.ts";

/** What all queues of one backup run share. */
export interface BackupContext {
  readonly backupId: string;
  readonly options: BackupOptions;
  readonly run: Run;
  readonly storage: Storage;
  readonly checkpoint: CheckpointStore;
  readonly connections: ConnectionPool;
  readonly packer: Packer;
  readonly meter: ProgressMeter;
  readonly emit: EventSink;
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
  const queue = planned?.queue ?? item.row!;
  const work = meter.begin(queue, { messagesTotal: planned?.ready ?? 0 });
  let row = item.row;
  try {
    if (row?.state !== "read") row = await read(context, { planned: planned!, work });
    work.messagesDone = work.messagesTotal = row.report.entry!.message_count;
    work.phase = "packing";
    const entry = await pack(context, row);
    row = { ...row, state: "done", report: { entry } };
    checkpoint.putBackupQueue(run.id, row);
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
  context.checkpoint.putBackupQueue(context.run.id, {
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
  item: { planned: PlannedQueue; work: QueueWork },
): Promise<BackupQueueRow> {
  const { checkpoint, run, signal } = context;
  const { planned, work } = item;
  const { queue } = planned;
  const folder = spoolFolderOf(context, queue);
  const entry = emptyEntry(planned);
  const row: BackupQueueRow = {
    vhost: queue.vhost,
    name: queue.name,
    state: "read",
    report: { entry },
  };
  if (planned.ready === 0) {
    await context.connections.use(queue.vhost, async (connection) => {
      await using inspector = new QueueInspector(connection);
      await assertEmpty(inspector, queue);
    });
    checkpoint.putDeliveryCount(run.peer, queue, 0);
    checkpoint.putCaptured(run.id, row, []);
    return row;
  }
  if (planned.plan.deliveryAttempts > 0) {
    // Before the first delivery: a process that is killed now has cost an attempt, too.
    const used = checkpoint.deliveryCount(run.peer, queue);
    checkpoint.putDeliveryCount(run.peer, queue, used + planned.plan.deliveryAttempts);
  }
  checkpoint.putBackupQueue(run.id, { ...row, state: "reading" });
  const captured = await context.connections.use(
    queue.vhost,
    (connection) =>
      captureQueue(connection, { planned, backup: context.options, folder, work, signal }),
  );
  const { segments } = captured.spool;
  await syncSpool(segments);
  entry.message_count = captured.spool.messageCount;
  entry.body_bytes = captured.spool.bodyBytes;
  entry.largest_body = captured.spool.largestBody;
  entry.first_message_timestamp = segments[0]?.firstTimestamp ?? null;
  entry.last_message_timestamp = segments.at(-1)?.lastTimestamp ?? null;
  entry.capture = { ...captured.report, highest_delivery_count: null, fingerprint: "" };
  checkpoint.putCaptured(
    run.id,
    row,
    segments.map((spooled, index) => ({ sequence: index + 1, spooled, stored: undefined })),
  );
  return row;
}

/** Packs what the spool holds and storage does not; returns the finished manifest entry. */
async function pack(context: BackupContext, row: BackupQueueRow): Promise<QueueEntry> {
  const { checkpoint, run, options } = context;
  const entry = row.report.entry!;
  const segments = checkpoint.segments(run.id, row);
  if (segments.length === 0) return entry;
  const steps = context.packer.pack({
    segments: segments.map(({ spooled }) => spooled),
    alreadyStored: segments.filter(({ stored }) => stored !== undefined).length,
    compression: options.compression,
    level: options.compression_level,
    format: options.format,
    vhost: row.vhost,
    queue: row.name,
  });
  try {
    for (;;) {
      const { value: step, done } = await steps.next();
      if (done) throw new AppError("failed", "Cannot pack messages: the worker ended early");
      if (step.type === "totals") {
        entry.capture!.fingerprint = step.totals.fingerprint;
        entry.capture!.highest_delivery_count = step.totals.highestDeliveryCount;
        keepDeliveryCount(context, entry);
        for (const message of step.totals.losses) {
          context.emit({ type: "warning", vhost: row.vhost, queue: row.name, message });
        }
        break;
      }
      if (step.type !== "segment") throw new AppError("failed", "Cannot pack messages: no segment");
      const segment = segments[step.index]!;
      segment.stored = await storeSegment(context, { row, segment, steps });
      checkpoint.putSegment(run.id, row, segment);
    }
  } finally {
    await steps.return(undefined);
  }
  entry.segments = segments.map(({ stored }) => stored!);
  return entry;
}

/** What the messages' counts are now, after the return: known better than by adding up. */
function keepDeliveryCount({ checkpoint, run }: BackupContext, entry: QueueEntry): void {
  const { delivery_attempts: attempts, highest_delivery_count: highest } = entry.capture!;
  if (attempts > 0) checkpoint.putDeliveryCount(run.peer, entry, (highest ?? 0) + attempts);
}

async function storeSegment(
  context: BackupContext,
  item: { row: BackupQueueRow; segment: SegmentRow; steps: AsyncGenerator<PackStep> },
): Promise<SegmentEntry> {
  const { backupId, options: { compression, format }, storage, signal } = context;
  const { row, segment: { sequence, spooled }, steps } = item;
  const keyOf = format === "rbak-v1" ? segmentKeyV1 : segmentKey;
  const key = keyOf(backupId, row.vhost, row.name, sequence, compression);
  let packed: { sizeBytes: number; uncompressedBytes: number; checksum: string } | undefined;
  async function* bytes() {
    for (;;) {
      const { value: step, done } = await steps.next();
      if (done) throw new AppError("failed", "Cannot pack messages: the worker ended early");
      if (step.type === "bytes") yield step.bytes;
      else if (step.type === "segment_end") {
        packed = step.packed;
        return;
      }
    }
  }
  // Replaces what an interrupted upload of this same segment may have left.
  await storage.put(key, bytes(), { signal });
  return {
    key,
    sequence,
    record_count: spooled.recordCount,
    size_bytes: packed!.sizeBytes,
    uncompressed_bytes: packed!.uncompressedBytes,
    first_timestamp: spooled.firstTimestamp,
    last_timestamp: spooled.lastTimestamp,
    checksum: packed!.checksum,
  };
}

function emptyEntry({ queue }: PlannedQueue): QueueEntry {
  return {
    vhost: queue.vhost,
    name: queue.name,
    queue_type: queue.type,
    durable: queue.durable,
    auto_delete: queue.autoDelete,
    arguments: { ...queue.arguments },
    segments: [],
    message_count: 0,
    body_bytes: 0,
    largest_body: 0,
    first_message_timestamp: null,
    last_message_timestamp: null,
    capture: null,
  };
}

function spoolFolderOf(context: BackupContext, queue: { vhost: string; name: string }): string {
  return join(context.spoolFolder, queueFolder(context.backupId, queue.vhost, queue.name));
}

function reportDone(context: BackupContext, entry: QueueEntry, seconds: number): void {
  const { capture } = entry;
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
    ...(capture === null ? {} : {
      holdSeconds: capture.hold_ms / 1000,
      returnCost: { method: capture.return_method, deliveryAttempts: capture.delivery_attempts },
    }),
  });
}
