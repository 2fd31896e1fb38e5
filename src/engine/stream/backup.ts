import { queueFolder } from "../../archive/layout.ts";
import type { QueueEntry, StoredConsumer, StreamReport } from "../../archive/manifest.ts";
import { chunkAt } from "../../broker/stream/commands.ts";
import type { StreamConnection } from "../../broker/stream/connection.ts";
import type { BackupQueueRow, SegmentRow, SpooledChunks } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import { type BackupContext, emptyEntry, reportDone, spoolFolderOf } from "../backup/queue.ts";
import type { QueueWork } from "../progress.ts";
import { isQueueFailure } from "../queue_failure.ts";
import { removeFolder } from "../spool/spool.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import { ChunkSpool, offsetNumber, type SpooledStreamSegment } from "./chunk_spool.ts";
import { readChunks } from "./read.ts";
import { Retry, retrying } from "./retry.ts";
import { readStreamByAmqp } from "./amqp_backup.ts";
import { storedConsumers } from "./consumers.ts";
import { SEGMENTS_AHEAD, type Storing, whileStoring } from "./storing.ts";
import { otherStream, type StreamStart } from "./start.ts";

/** One stream of a backup, and what is done of it. */
interface StreamWork {
  readonly planned: PlannedQueue;
  readonly row: BackupQueueRow;
  /** What is read, up to the last offset that was committed when it was begun. */
  readonly start: StreamStart;
  /** Nothing was asked of the stream since `start` was found. */
  isFresh: boolean;
  /** Segments in storage, in order. */
  readonly segments: (SegmentRow & { spooled: SpooledStreamSegment })[];
  readonly progress: QueueWork;
  /** Offsets at the end that were gone before they could be read. */
  lastGap?: { first: number; last: number } | undefined;
}

/**
 * Backs up one stream: reads its chunks, from where it is to begin up to the last that is committed
 * now, and stores a segment while the next one is read. Nothing is taken, held or given back. A segment
 * that is stored is in the checkpoint; a later run goes on behind it.
 */
export async function backupStream(
  context: BackupContext,
  item: { planned: PlannedQueue; row?: BackupQueueRow },
): Promise<void> {
  const { checkpoint, run, meter, options } = context;
  const { planned } = item;
  const { queue } = planned;
  const progress = meter.begin(queue, { phase: "waiting", messagesTotal: planned.ready });
  try {
    const room = (SEGMENTS_AHEAD + 1) * options.segment_max_bytes;
    using _spool = await context.budget.spoolBytes(room, context.signal);
    progress.phase = "reading";
    const entry = planned.plan.byAmqp === undefined
      ? await readStream(context, { ...await resumed(context, item), progress })
      : await readStreamByAmqp(context, { ...await resumed(context, item), progress });
    checkpoint.backups.putQueue(run.id, {
      vhost: queue.vhost,
      name: queue.name,
      state: "done",
      report: { entry },
    });
    removeFolder(spoolFolderOf(context, queue));
    progress.messagesDone = progress.messagesTotal = entry.message_count;
    tellFiltered(context, entry);
    reportDone(context, entry, meter.end(progress));
  } catch (error) {
    meter.end(progress);
    if (isQueueFailure(error) && !context.signal.aborted) await forget(context, planned);
    throw error;
  }
}

/**
 * What was begun by one protocol is not gone on with by the other, but begun anew; and nothing that was
 * read by the stream protocol makes way for less because its port is closed for a moment.
 */
async function resumed(
  context: BackupContext,
  item: { planned: PlannedQueue; row?: BackupQueueRow },
): Promise<{ planned: PlannedQueue; row?: BackupQueueRow }> {
  const { planned, row } = item;
  if (row?.state !== "reading") return { planned };
  const { offsets, amqpOffsets } = row.report;
  const [same, other] = planned.plan.byAmqp === undefined
    ? [offsets, amqpOffsets]
    : [amqpOffsets, offsets];
  if (same !== undefined) return { planned, row };
  if (offsets !== undefined && context.options.stream_protocol === "auto") {
    const { because } = planned.plan.byAmqp!;
    throw new AppError(
      "broker_unreachable",
      `Cannot go on with stream "${row.name}" by the stream protocol: ${because}`,
      { hint: "run the same command when it can be reached, or with backup.stream_protocol: amqp" },
    );
  }
  if (other !== undefined) await forget(context, planned);
  return { planned };
}

async function readStream(
  context: BackupContext,
  item: { planned: PlannedQueue; row?: BackupQueueRow; progress: QueueWork },
): Promise<QueueEntry> {
  const work = await begin(context, item);
  if (work === undefined) return emptyEntry(item.planned);
  await readAll(context, work);
  const entry = streamEntry(emptyEntry(item.planned), work);
  const consumers = await consumersOf(context, work);
  if (consumers.length === 0) return entry;
  return { ...entry, stream: { ...entry.stream!, consumers } };
}

/** The consumers that the log tells of, and the offsets that they have stored now. */
async function consumersOf(
  context: BackupContext,
  { planned, start, segments }: StreamWork,
): Promise<StoredConsumer[]> {
  const known = [
    ...start.consumers ?? [],
    ...segments.flatMap(({ spooled }) => spooled.stream.consumers ?? []),
  ];
  return await retrying(
    context,
    planned.queue,
    () =>
      withStream(
        context,
        planned,
        (connection) =>
          storedConsumers(connection, { stream: planned.queue.name, known, behind: start.last }),
      ),
  );
}

/** Removes what was stored of a stream that will not be in the backup. */
async function forget({ storage, backupId }: BackupContext, { queue }: PlannedQueue) {
  const folder = queueFolder(backupId, queue.vhost, queue.name);
  const stored = await Array.fromAsync(storage.list(`${folder}/`), ({ key }) => key);
  if (stored.length > 0) await storage.delete(stored);
}

/** Finds where to begin and where to end; undefined when the stream is empty. */
async function begin(
  context: BackupContext,
  item: { planned: PlannedQueue; row?: BackupQueueRow; progress: QueueWork },
): Promise<StreamWork | undefined> {
  const { checkpoint, run } = context;
  const { planned, progress } = item;
  const { vhost, name } = planned.queue;
  const known = item.row?.report.offsets;
  if (known !== undefined) {
    const segments = checkpoint.backups.segments(run.id, item.row!) as StreamWork["segments"];
    const read = segments.at(-1)?.spooled.stream.lastOffset ?? known.first - 1;
    progress.messagesTotal = known.last - read;
    const start = { ...known, first: BigInt(known.first), last: BigInt(known.last) };
    return { planned, row: item.row!, start, isFresh: false, segments, progress };
  }
  const { queue } = planned;
  const start = await retrying(
    context,
    queue,
    () => withStream(context, planned, (connection) => context.starts.find({ connection, queue })),
  );
  if (start === undefined) return undefined;
  tellStart(context, { queue, start });
  const { lastChunk, base, consumers } = start;
  const offsets = {
    first: offsetNumber(start.first),
    last: offsetNumber(start.last),
    lastChunk,
    ...(base === undefined ? {} : { base }),
    ...(consumers === undefined ? {} : { consumers }),
  };
  progress.messagesTotal = offsets.last - offsets.first + 1;
  const report = { entry: emptyEntry(planned), offsets };
  const row: BackupQueueRow = { vhost, name, state: "reading", report };
  checkpoint.backups.putQueue(run.id, row);
  return { planned, row, start, isFresh: true, segments: [], progress };
}

/** What was not asked for, is told: that it is taken whole, or that something is gone. */
function tellStart(
  { emit }: BackupContext,
  { queue: { vhost, name }, start: { note, isWarning } }: {
    queue: { vhost: string; name: string };
    start: StreamStart;
  },
): void {
  if (!isWarning) return;
  emit({ type: "warning", vhost, queue: name, message: `Stream "${name}": ${note}` });
}

/** Reads what is not stored yet, and stores it. */
async function readAll(context: BackupContext, work: StreamWork): Promise<void> {
  const { planned, segments, start: { first, last }, progress } = work;
  const read = segments.at(-1)?.spooled.stream.lastOffset;
  const next = read === undefined ? first : BigInt(read) + 1n;
  if (next > last) return;
  const messagesBefore = progress.messagesDone;
  await whileStoring(context, work, async (context, storing) => {
    using spool = new ChunkSpool({
      folder: spoolFolderOf(context, planned.queue),
      sequence: segments.length + 1,
      next,
      segmentMaxBytes: context.options.segment_max_bytes,
      onSegment: (segment, sequence) => storing.add(segment, sequence),
      onChunk: () => {
        progress.messagesDone = messagesBefore + spool.messages;
        progress.bytesDone = spool.bytesOfEntries;
      },
    });
    await readThrough(context, { work, spool, storing });
    spool.finish();
    work.lastGap = spool.lastGap;
    progress.phase = "packing";
  });
}

/** Reads to the end, over as many connections as it takes. */
async function readThrough(
  context: BackupContext,
  { work, spool, storing }: { work: StreamWork; spool: ChunkSpool; storing: Storing },
): Promise<void> {
  const { planned, start: { last } } = work;
  const { signal } = context;
  const retry = new Retry(context, planned.queue);
  while (spool.next <= last) {
    const before = spool.next;
    try {
      await withStream(context, planned, async (connection) => {
        if (!work.isFresh) await assertSame(connection, work);
        work.isFresh = false;
        await readChunks(connection, {
          stream: planned.queue.name,
          from: spool.next,
          last,
          room: () => storing.room(),
          sink: spool,
          signal,
        });
      });
      // What there is begins behind it.
      if (spool.next <= last) spool.skipTo(last + 1n);
    } catch (error) {
      spool.abandon();
      await retry.orThrow(error, { hasProgressed: spool.next > before });
    }
  }
}

async function withStream<T>(
  context: BackupContext,
  { queue }: PlannedQueue,
  work: (connection: StreamConnection) => Promise<T>,
): Promise<T> {
  await using connection = await context.streams.openFor(queue.vhost, queue.name);
  return await work(connection);
}

/** A log is never written again: where it is another, the stream is another of that name. */
async function assertSame(
  connection: StreamConnection,
  { planned: { queue }, start: { lastChunk } }: StreamWork,
): Promise<void> {
  const offset = BigInt(lastChunk.first_offset);
  const why = otherStream(lastChunk, await chunkAt(connection, queue.name, { offset }));
  if (why !== undefined) throw madeAnew(queue.name, why);
}

function madeAnew(name: string, what: string): AppError {
  return new AppError(
    "failed",
    `Cannot go on with stream "${name}": it was deleted and made anew meanwhile (${what})`,
    { hint: "choose another backup_id: what was read is of the stream that is gone" },
  );
}

/** The entry of a stream of which these segments are stored. */
export function streamEntry(
  entry: QueueEntry,
  work: Pick<StreamWork, "segments" | "lastGap"> & {
    /** Without the chunk that holds `last` nothing can stand on it. */
    start: Pick<StreamStart, "first" | "last" | "base"> & Partial<Pick<StreamStart, "lastChunk">>;
  },
): QueueEntry {
  const { segments, lastGap, start: { first: from, last, lastChunk, base } } = work;
  const chunks = segments.map(({ spooled }) => spooled);
  const sum = (value: (stream: SpooledChunks) => number) =>
    chunks.reduce((total, { stream }) => total + value(stream), 0);
  const gaps = [...chunks.flatMap(({ stream }) => stream.gaps), ...lastGap ? [lastGap] : []];
  const [first] = chunks;
  const stream: StreamReport = {
    first_offset: offsetNumber(from),
    last_offset: offsetNumber(last),
    gaps,
    filtered_messages: sum(({ filteredMessages }) => filteredMessages),
    ...(lastChunk === undefined ? {} : { last_chunk: lastChunk }),
    ...(base === undefined ? {} : { base }),
  };
  return {
    ...entry,
    segments: segments.map(({ stored }) => stored!),
    message_count: sum(({ messageCount }) => messageCount),
    body_bytes: sum(({ bodyBytes }) => bodyBytes),
    largest_body: Math.max(0, ...chunks.map(({ stream }) => stream.largestBody)),
    first_message_timestamp: first?.firstTimestamp ?? null,
    last_message_timestamp: chunks.at(-1)?.lastTimestamp ?? null,
    stream,
    ...(gaps.length === 0 ? {} : { partial: gapText(stream) }),
  };
}

function gapText({ gaps }: StreamReport): string {
  const ranges = gaps.map(({ first, last }) => `${first} to ${last}`);
  return `its retention dropped offsets ${ranges.join(", ")} before they were read`;
}

function tellFiltered({ emit }: BackupContext, entry: QueueEntry): void {
  const messages = entry.stream?.filtered_messages ?? 0;
  if (messages === 0) return;
  emit({
    type: "warning",
    vhost: entry.vhost,
    queue: entry.name,
    message: `Stream "${entry.name}" has up to ${messages} messages with filter values, which a ` +
      "broker does not give out: only those published by AMQP have theirs in the message as well",
    hint: "consumers that filter may pass over messages of a restore: see docs/streams.md",
  });
}
