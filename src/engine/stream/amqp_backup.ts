import type { QueueEntry } from "../../archive/manifest.ts";
import { readStreamMessages } from "../../broker/amqp/stream_reader.ts";
import type { AmqpOffsets, BackupQueueRow, SegmentRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import { type BackupContext, emptyEntry, spoolFolderOf } from "../backup/queue.ts";
import type { Pace } from "../pace.ts";
import type { QueueWork } from "../progress.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import { amqpBounds } from "./amqp_bounds.ts";
import { amqpStreamEntry } from "./amqp_entry.ts";
import type { SpooledStreamSegment } from "./chunk_spool.ts";
import { MessageSpool } from "./message_spool.ts";
import { Retry, retrying } from "./retry.ts";
import { type Storing, whileStoring } from "./storing.ts";

/** How long nothing may come although there is something, milliseconds. */
const STALL_MS = 60_000;

/** One stream of a backup that is read by AMQP 0-9-1, and what is done of it. */
interface AmqpStreamWork {
  readonly planned: PlannedQueue;
  readonly row: BackupQueueRow;
  readonly offsets: AmqpOffsets;
  /** Segments in storage, in order. */
  readonly segments: (SegmentRow & { spooled: SpooledStreamSegment })[];
  readonly progress: QueueWork;
}

/**
 * Reads one stream by AMQP 0-9-1, from the first message that comes to the last one that there is now,
 * and stores segments on the way. What the broker does not give out this way is named in the entry.
 */
export async function readStreamByAmqp(
  context: BackupContext,
  item: { planned: PlannedQueue; row?: BackupQueueRow; progress: QueueWork },
): Promise<QueueEntry> {
  const work = await begin(context, item);
  if (work === undefined) return emptyEntry(item.planned);
  await readAll(context, work);
  return amqpStreamEntry(emptyEntry(item.planned), work);
}

/** Finds where to begin and where to end; undefined when the stream is empty. */
async function begin(
  context: BackupContext,
  item: { planned: PlannedQueue; row?: BackupQueueRow; progress: QueueWork },
): Promise<AmqpStreamWork | undefined> {
  const { checkpoint, run } = context;
  const { planned, progress, row: known } = item;
  const { vhost, name } = planned.queue;
  if (known?.report.amqpOffsets !== undefined) {
    const { amqpOffsets: offsets } = known.report;
    const segments = checkpoint.backups.segments(run.id, known) as AmqpStreamWork["segments"];
    const read = segments.at(-1)?.spooled.stream.lastOffset ?? offsets.first - 1;
    progress.messagesTotal = offsets.last - read;
    return { planned, row: known, offsets, segments, progress };
  }
  const bounds = await retrying(
    context,
    planned.queue,
    () => context.connections.use(vhost, (connection) => amqpBounds(connection, planned, context)),
  );
  if (bounds === undefined) return undefined;
  const { byAmqp, reason } = planned.plan;
  const isChosen = context.options.stream_protocol === "amqp";
  const offsets: AmqpOffsets = {
    ...bounds,
    losses: [...byAmqp!.losses],
    ...(isChosen || reason === undefined ? {} : { reason }),
  };
  progress.messagesTotal = offsets.last - offsets.first + 1;
  const report = { entry: emptyEntry(planned), amqpOffsets: offsets };
  const row: BackupQueueRow = { vhost, name, state: "reading", report };
  checkpoint.backups.putQueue(run.id, row);
  return { planned, row, offsets, segments: [], progress };
}

/** Reads what is not stored yet, and stores it. */
async function readAll(context: BackupContext, work: AmqpStreamWork): Promise<void> {
  const { planned, segments, offsets: { first, last }, progress } = work;
  const read = segments.at(-1)?.spooled.stream.lastOffset;
  const next = read === undefined ? first : read + 1;
  if (next > last) return;
  const { options } = context;
  const messagesBefore = progress.messagesDone;
  await whileStoring(context, work, async (context, storing, abort) => {
    using spool = new MessageSpool({
      folder: spoolFolderOf(context, planned.queue),
      sequence: segments.length + 1,
      next,
      segmentMaxBytes: options.segment_max_bytes,
      segmentMaxIntervalMs: options.segment_max_interval_ms,
      onSegment: (segment, sequence) => storing.add(segment, sequence),
      onMessage: () => {
        progress.messagesDone = messagesBefore + spool.messages;
        progress.bytesDone = spool.bytes;
      },
      onError: (error) => abort.abort(error),
    });
    await readThrough(context, { work, spool, storing });
    spool.finish();
    progress.phase = "packing";
  });
}

/** Reads to the end, over as many connections as it takes. */
async function readThrough(
  context: BackupContext,
  { work, spool, storing }: { work: AmqpStreamWork; spool: MessageSpool; storing: Storing },
): Promise<void> {
  const { planned: { queue }, offsets: { last } } = work;
  const { connections, pace, signal } = context;
  const retry = new Retry(context, queue);
  while (spool.next <= last) {
    await pace.ready(signal);
    const before = spool.next;
    try {
      const end = await connections.use(
        queue.vhost,
        (connection) =>
          readStreamMessages(connection, {
            stream: queue.name,
            from: { offset: spool.next },
            last,
            room: () => roomOrPause(storing, pace),
            sink: spool,
            idleMs: STALL_MS,
            signal,
          }),
      );
      if (end === "last") return;
      throw stalled(queue.name, { next: spool.next, last });
    } catch (error) {
      spool.abandon();
      if (error instanceof Paused) continue;
      await retry.orThrow(error, { hasProgressed: spool.next > before });
    }
  }
}

/** Reading has ended for a pause. */
class Paused extends Error {}

/**
 * A broker closes a channel whose messages are not acknowledged for long (consumer_timeout), so that
 * none is kept open over a pause.
 *
 * @throws {Paused}
 */
async function roomOrPause(storing: Storing, pace: Pace): Promise<void> {
  const { promise: paused, reject } = Promise.withResolvers<never>();
  const check = () => pace.isPaused && reject(new Paused());
  using _watch = pace.watch(check);
  check();
  await Promise.race([storing.room(), paused]);
}

function stalled(name: string, { next, last }: { next: number; last: number }): AppError {
  return new AppError(
    "failed",
    `Cannot read stream "${name}" by AMQP 0-9-1: nothing came for ${STALL_MS / 1000} s at offset ` +
      `${next}, and it had messages up to ${last} when reading began`,
    { hint: "was it deleted, or made anew? take another backup" },
  );
}
