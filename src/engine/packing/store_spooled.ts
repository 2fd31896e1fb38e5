import PQueue from "p-queue";
import { segmentKey, segmentKeyV1 } from "../../archive/layout.ts";
import type { QueueEntry, SegmentEntry, StreamRange } from "../../archive/manifest.ts";
import type {
  BackupQueueRow,
  SegmentRow,
  SpooledChunks,
  SpooledSegment,
} from "../../checkpoint/rows.ts";
import type { BackupContext } from "../backup/queue.ts";
import type { QueueWork } from "../progress.ts";
import type { PackedFile, SegmentJob } from "./protocol.ts";

/** zstd's fastest: a stream is packed while it is read, and both want the processors. */
const STREAM_LEVEL = 1;

/** What storing takes of a backup run. */
export type PackContext = Pick<
  BackupContext,
  "backupId" | "options" | "run" | "storage" | "checkpoint" | "packer" | "pace" | "emit" | "signal"
>;

/** Segments of one queue that are packed and stored at the same time. */
const SEGMENTS_AT_ONCE = 2;

/**
 * Packs what the spool holds of a queue and storage does not, with a checkpoint behind each segment;
 * returns the manifest entry with all of them. Whatever fails, nothing of it goes on behind its end.
 */
export async function storeSpooled(
  context: PackContext,
  { row, work }: { row: BackupQueueRow; work?: QueueWork },
): Promise<QueueEntry> {
  const { checkpoint, run, packer } = context;
  const entry = row.report.entry!;
  const segments = checkpoint.backups.segments(run.id, row);
  if (segments.length === 0) return entry;
  const abort = new AbortController();
  const signal = AbortSignal.any([context.signal, abort.signal]);
  const losses = new Set<string>();
  const pool = new PQueue({ concurrency: SEGMENTS_AT_ONCE });
  const start = (work: () => Promise<void>) =>
    pool.add(async () => {
      if (!signal.aborted) await work().catch((error) => abort.abort(error));
    });
  if (work !== undefined) {
    const stored = segments.filter(({ stored }) => stored !== undefined);
    work.messagesPacked = work.messagesStored = sum(
      stored.map(({ spooled }) => messagesOf(spooled)),
    );
  }
  let firstDeliveryTag = 1;
  for (const segment of segments) {
    const job = jobOf(context, { row, segment, firstDeliveryTag });
    firstDeliveryTag += segment.spooled.recordCount;
    if (segment.stored !== undefined) continue;
    start(async () => {
      segment.stored = await storeSegment(context, { row, job, segment, losses, work, signal });
      checkpoint.backups.putSegment(run.id, row, segment);
    });
  }
  start(async () => {
    const totals = {
      segments: segments.map(({ spooled }) => spooled),
      countsDeliveries: entry.queue_type === "quorum",
    };
    Object.assign(entry.capture!, await packer.totals(totals, { signal }));
  });
  await pool.onIdle();
  signal.throwIfAborted();
  keepDeliveryCount(context, entry);
  for (const message of losses) {
    context.emit({ type: "warning", vhost: row.vhost, queue: row.name, message });
  }
  return { ...entry, segments: segments.map(({ stored }) => stored!) };
}

/** The job that makes a spooled segment into one of the format that was chosen. */
export function jobOf(
  { options }: Pick<PackContext, "options">,
  item: {
    row: Pick<BackupQueueRow, "vhost" | "name">;
    segment: Pick<SegmentRow, "spooled">;
    firstDeliveryTag: number;
  },
): Omit<SegmentJob, "kind"> {
  const { row: { vhost, name: queue }, segment: { spooled }, firstDeliveryTag } = item;
  return {
    segment: spooled,
    compression: options.compression,
    level: options.compression_level ?? (spooled.stream === undefined ? undefined : STREAM_LEVEL),
    ...(options.format === "rbak-v1" ? { v1: { vhost, queue, firstDeliveryTag } } : {}),
  };
}

/** Packs one spooled segment and stores it; returns what the manifest says of it. */
export async function storeSegment(
  context: PackContext,
  item: {
    row: Pick<BackupQueueRow, "vhost" | "name">;
    segment: Pick<SegmentRow, "sequence" | "spooled">;
    job: Omit<SegmentJob, "kind">;
    losses: Set<string>;
    work?: QueueWork | undefined;
    signal: AbortSignal;
  },
): Promise<SegmentEntry> {
  const { storage, packer, pace } = context;
  const { row, segment: { sequence, spooled }, job, losses, work, signal } = item;
  const key = storedKey(context, { ...row, sequence });
  let packed: PackedFile | undefined;
  async function* bytes() {
    packed = yield* packer.segment(job);
    if (work !== undefined) work.messagesPacked = (work.messagesPacked ?? 0) + messagesOf(spooled);
  }
  await pace.ready(signal);
  const startedAt = performance.now();
  // Replaces what an interrupted upload of this same segment may have left.
  await storage.put(key, bytes(), { signal });
  pace.worked(performance.now() - startedAt);
  if (work !== undefined) work.messagesStored = (work.messagesStored ?? 0) + messagesOf(spooled);
  for (const loss of packed!.losses) losses.add(loss);
  return {
    key,
    sequence,
    record_count: spooled.recordCount,
    size_bytes: packed!.sizeBytes,
    uncompressed_bytes: packed!.uncompressedBytes,
    first_timestamp: spooled.firstTimestamp,
    last_timestamp: spooled.lastTimestamp,
    checksum: packed!.checksum,
    ...(spooled.stream === undefined ? {} : { stream: rangeOf(spooled.stream) }),
  };
}

/** A record of a stream is a chunk of messages. */
function messagesOf({ recordCount, stream }: SpooledSegment): number {
  return stream?.messageCount ?? recordCount;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function rangeOf({ messageCount, firstOffset, lastOffset }: SpooledChunks): StreamRange {
  return { message_count: messageCount, first_offset: firstOffset, last_offset: lastOffset };
}

/** Key of a segment in the format and compression that the backup is to have. */
export function storedKey(
  { backupId, options: { compression, format } }: Pick<PackContext, "backupId" | "options">,
  { vhost, name, sequence }: { vhost: string; name: string; sequence: number },
): string {
  const keyOf = format === "rbak-v1" ? segmentKeyV1 : segmentKey;
  return keyOf(backupId, vhost, name, sequence, compression);
}

/** What the messages' counts are now, after the return: known better than by adding up. */
function keepDeliveryCount({ checkpoint, run }: PackContext, entry: QueueEntry): void {
  const { delivery_attempts: attempts, highest_delivery_count: highest } = entry.capture!;
  if (attempts > 0) checkpoint.backups.putDeliveryCount(run.peer, entry, (highest ?? 0) + attempts);
}
