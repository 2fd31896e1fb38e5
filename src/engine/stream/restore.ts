import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { QueueEntry, SegmentEntry } from "../../archive/manifest.ts";
import { streamBounds } from "../../broker/stream/commands.ts";
import type { StreamConnection } from "../../broker/stream/connection.ts";
import { CODE, responseCodeOf } from "../../broker/stream/protocol.ts";
import { StreamPublisher } from "../../broker/stream/publisher.ts";
import type { RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import type { QueueWork } from "../progress.ts";
import { counted, isOrAre } from "../names.ts";
import { movedTo, type QueueName } from "../restore/mapping.ts";
import { windowOf } from "../restore/offset_windows.ts";
import type { RestoreContext, RestoredQueue, RestoreItem } from "../restore/context.ts";
import { openedSegments } from "../restore/segment_feed.ts";
import { ConsumerRestore } from "./consumer_restore.ts";
import { type EntryChoice, readEntries } from "./entries.ts";
import { OriginAnnotations } from "./origin.ts";

/** How often the position is recorded, milliseconds. */
const RECORD_MS = 1_000;
/** How often is asked whether the broker takes messages again, and for how long, milliseconds. */
const ALARM_ASKED_MS = 2_000;
const ALARM_MS = 600_000;

/** The first pause before a lost connection is tried again, and the longest, milliseconds. */
const PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;

/** One stream that is being restored. */
interface StreamRestore {
  readonly item: RestoreItem;
  readonly work: QueueWork;
  /** The name under which the broker remembers what it has of this restore. */
  readonly reference: string;
  readonly consumers: ConsumerRestore;
  /** Chosen messages that are in the target, from the first of the backup on. */
  restored: number;
  /** Chosen messages that were met in the backup. */
  chosen: number;
  /** Bytes of entries published by this process. */
  bytes: number;
}

/**
 * Publishes what a backup has of one stream, in order, byte for byte. The publishing ids are the
 * offsets in the source: the broker drops what it has already, so that nothing is there twice however
 * often the connection or the process ends. Of a time window, the times are those of the chunks.
 */
export async function restoreStream(
  context: RestoreContext,
  item: RestoreItem,
): Promise<RestoredQueue> {
  const { checkpoint, run } = context;
  const { entry, share, position } = item;
  const work = context.meter.begin(entry, {
    phase: "publishing",
    messagesTotal: share.atMost - position.confirmed,
    ...movedTo(item),
  });
  // Recorded before the first publish: from here on the target may hold messages of this run.
  checkpoint.restores.putQueue(run.id, { ...position, unsettled: 1 });
  const restore: StreamRestore = {
    item,
    work,
    reference: referenceOf(run, entry),
    consumers: new ConsumerRestore({
      consumers: context.options.consumer_offsets ? entry.stream!.consumers ?? [] : [],
      destination: item.destination,
      emit: context.emit,
      signal: context.signal,
    }),
    restored: position.confirmed,
    chosen: 0,
    bytes: 0,
  };
  try {
    await publishAll(context, restore);
    record(context, restore, { done: true });
    return {
      ...item.taken,
      leftOut: entry.message_count - restore.restored,
      untimed: 0,
    };
  } finally {
    context.meter.end(work);
  }
}

/** Publishes to the end, over as many connections as it takes. */
async function publishAll(context: RestoreContext, restore: StreamRestore): Promise<void> {
  const { destination } = restore.item;
  const { signal } = context;
  let pause = 0;
  await context.reconnector.run(destination.vhost, {
    progress: () => restore.restored,
    work: async () => {
      await delay(pause, undefined, { signal });
      pause = Math.min(Math.max(PAUSE_MS, pause * 2), LONGEST_PAUSE_MS);
      await using connection = await context.streams.openFor(destination.vhost, destination.name);
      const stop = () => void connection.close();
      signal.addEventListener("abort", stop);
      try {
        await publishRest(context, { connection, restore });
        await checkOffsets(connection, { restore, emit: context.emit });
      } finally {
        signal.removeEventListener("abort", stop);
        record(context, restore);
      }
    },
  });
}

/** Publishes what the broker has not got yet. */
async function publishRest(
  context: RestoreContext,
  { connection, restore }: { connection: StreamConnection; restore: StreamRestore },
): Promise<void> {
  const { signal, limit, selection } = context;
  const { item: { entry, destination, share, position }, work, reference, consumers } = restore;
  let recordedAt = performance.now();
  // Messages that the broker had before.
  let before = 0;
  restore.chosen = 0;
  using publisher = await openPublisher(context, {
    destination,
    open: () =>
      StreamPublisher.open(connection, {
        stream: destination.name,
        reference,
        window: context.options.window,
        onConfirmed: (confirmed) => {
          restore.restored = before + confirmed;
          work.messagesDone = Math.max(0, restore.restored - position.confirmed);
          if (performance.now() - recordedAt < RECORD_MS) return;
          recordedAt = performance.now();
          record(context, restore);
        },
      }),
  });
  consumers.resumeAt(publisher.lastId);
  const origin = new OriginAnnotations();
  const choice: EntryChoice = {
    time: selection.timeWindow,
    offsets: windowOf(selection.offsets, entry),
    change: context.options.stream_origin_annotations ? origin.mark : undefined,
  };
  const isWhole = choice.time === undefined && choice.offsets === undefined &&
    selection.limit === Infinity;
  const isDone = (segment: SegmentEntry) => isWhole && isThere(segment, publisher.lastId);
  for (const segment of share.segments.filter(isDone)) {
    before += segment.stream!.message_count;
    restore.chosen += segment.stream!.message_count;
  }
  const left = share.segments.filter((segment) => !isDone(segment));
  segments: for await (const fetched of openedSegments(left, context)) {
    for await (const entries of readEntries(fetched.recordsFrom(context.packer), choice)) {
      for (const outgoing of entries) {
        if (restore.chosen + outgoing.records > selection.limit) break segments;
        restore.chosen += outgoing.records;
        if (outgoing.id <= publisher.lastId) {
          before += outgoing.records;
          consumers.passed(outgoing);
          continue;
        }
        if (consumers.isDueBefore(outgoing.id)) {
          await publisher.finish(signal);
          await consumers.store(connection, outgoing.id);
        }
        const room = publisher.publish(outgoing, signal);
        if (room !== undefined) await room;
        consumers.passed(outgoing);
        restore.bytes += outgoing.size;
        work.bytesDone += outgoing.size;
        if (limit.isOn && limit.owe(outgoing.records, outgoing.size) > 0) await limit.wait(signal);
      }
    }
  }
  await publisher.finish(signal);
  await consumers.store(connection);
  restore.restored = before + publisher.confirmed;
  assertWhole(restore, { isWhole });
  tellUnmarked(context, { destination, origin });
}

/** What is no message of AMQP 1.0 has no place for annotations. */
function tellUnmarked(
  { emit }: RestoreContext,
  { destination: { vhost, name }, origin: { unmarked } }: {
    destination: QueueName;
    origin: OriginAnnotations;
  },
): void {
  if (unmarked === 0) return;
  const message =
    `${counted(unmarked, "message")} of stream "${name}" ${isOrAre(unmarked)} not of ` +
    "AMQP 1.0, and without annotations of their origin";
  emit({ type: "warning", vhost, queue: name, message });
}

function assertWhole(
  { item: { entry }, restored, chosen }: StreamRestore,
  { isWhole }: { isWhole: boolean },
): void {
  const expected = isWhole ? entry.message_count : chosen;
  if (restored === expected) return;
  throw new AppError(
    "failed",
    `Cannot restore stream "${entry.name}" whole: ${restored} messages were published, and the ` +
      `backup has ${expected}`,
  );
}

/** Whether the target has all of a segment: publishing ids are offsets and one. */
function isThere({ stream }: SegmentEntry, lastId: bigint): boolean {
  return BigInt(stream!.last_offset) < lastId;
}

/** Opens the publisher; while an alarm of the broker keeps it from that, waits. */
async function openPublisher(
  { emit, signal }: RestoreContext,
  { destination, open }: { destination: QueueName; open: () => Promise<StreamPublisher> },
): Promise<StreamPublisher> {
  const deadline = performance.now() + ALARM_MS;
  for (let isTold = false;; isTold = true) {
    try {
      return await open();
    } catch (error) {
      const mayEnd = responseCodeOf(error) === CODE.preconditionFailed;
      if (!mayEnd || performance.now() > deadline) throw error;
      if (!isTold) {
        emit({
          type: "warning",
          vhost: destination.vhost,
          queue: destination.name,
          message:
            `Stream "${destination.name}" has to wait: the target does not take messages for now`,
          hint: "it goes on by itself when the target's memory or disk alarm ends",
        });
      }
      await delay(ALARM_ASKED_MS, undefined, { signal });
    }
  }
}

/** Confirmed is not kept: retention drops the oldest all the same. */
async function checkOffsets(
  connection: StreamConnection,
  { restore, emit }: { restore: StreamRestore; emit: RestoreContext["emit"] },
): Promise<void> {
  const { item: { destination: { vhost, name } }, restored: messages } = restore;
  const bounds = await streamBounds(connection, name);
  const written = bounds === undefined ? 0n : bounds.last + 1n;
  if (written < BigInt(messages)) {
    throw new AppError(
      "failed",
      `Cannot restore stream "${name}" whole: ${messages} messages were confirmed, but only ` +
        `${written} offsets were ever written to it`,
      { hint: "was it deleted and made anew meanwhile? delete it, and restore again" },
    );
  }
  if (bounds === undefined || bounds.first === 0n) return;
  emit({
    type: "warning",
    vhost,
    queue: name,
    message:
      `Stream "${name}" begins at offset ${bounds.first} already: its retention (x-max-age, ` +
      "x-max-length-bytes or a policy) drops the oldest messages",
  });
}

function record(context: RestoreContext, restore: StreamRestore, end: { done?: true } = {}): void {
  const { item: { position, taken }, restored, bytes } = restore;
  const row: RestoreQueueRow = {
    ...position,
    confirmed: restored,
    unsettled: end.done ? 0 : 1,
    done: end.done ?? false,
  };
  context.checkpoint.restores.putQueue(context.run.id, row);
  taken.messages = restored - position.confirmed;
  taken.bytes = bytes;
}

/**
 * The publisher's name: the same when a run is gone on with, another in a new run, whose messages the
 * broker would drop as known otherwise.
 */
function referenceOf(run: Run, { vhost, name }: QueueEntry): string {
  const identity = JSON.stringify([run.backupId, run.peer, run.startedAt, vhost, name]);
  const hash = createHash("sha256").update(identity).digest("hex").slice(0, 32);
  return `rabbitmq-backup restore ${run.backupId} ${hash}`;
}
