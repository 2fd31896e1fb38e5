import { join } from "node:path";
import { manifestKey, segmentKey } from "../../archive/layout.ts";
import {
  type Manifest,
  type QueueEntry,
  type SegmentEntry,
  totalsOf,
} from "../../archive/manifest.ts";
import { encodeManifest } from "../../archive/manifest_io.ts";
import { RecordParser, type RecordSink } from "../../archive/record.ts";
import { packSegment } from "../../archive/segment.ts";
import type { RecordRange, Run, SpooledSegment } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { MessageHead } from "../../message/message.ts";
import { openStorage } from "../../storage/open.ts";
import { bytesOf, ObjectExistsError, type Storage } from "../../storage/storage.ts";
import { VERSION } from "../../version.ts";
import { queueKey } from "../queue_key.ts";
import { readSpooled, removeFolder, SpoolWriter } from "../spool/spool.ts";
import { MessagePicker } from "./picker.ts";
import { openedSegments } from "./segment_feed.ts";
import { type MessageSelection, shareOf } from "./selection.ts";

const COMPRESSION = "zstd";
const LEVEL = 3;
const SEGMENT_MAX_BYTES = 128 * 1024 * 1024;
const LONGEST_ID = 128;
/** How the id of an archive ends. */
const ARCHIVE_SUFFIX = /\.undelivered-\d{8}T\d{9}Z$/;

/** A backup of messages that a restore could not deliver. */
export interface UndeliveredArchive {
  readonly backupId: string;
  /** Where it is stored. */
  readonly location: string;
  readonly messages: number;
}

/** What {@linkcode storeUndelivered} needs of a run. */
export interface UndeliveredContext {
  /** The backup that was restored, and its storage. */
  readonly manifest: Manifest;
  readonly storage: Storage;
  /** What was chosen of the backup. */
  readonly selection: MessageSelection;
  readonly run: Run;
  readonly checkpoint: CheckpointStore;
  /** Folder of the archives. */
  readonly path: string;
  /** Folder on the local disk for messages on their way. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/**
 * Copies the messages that the target did not take, as the backup has them, into a backup of their own,
 * and forgets them. What an interruption left half-written is written again under the same id.
 */
export async function storeUndelivered(
  context: UndeliveredContext,
): Promise<UndeliveredArchive[]> {
  const { run, checkpoint, manifest, path } = context;
  const ids = checkpoint.restores.claimUndelivered(
    run.id,
    archiveId(manifest.backup_id, new Date()),
  );
  if (ids.length === 0) return [];
  const target = await openStorage({ backend: "filesystem", path, prefix: "" });
  try {
    const archives: UndeliveredArchive[] = [];
    for (const backupId of ids) {
      const messages = await storeArchive(context, { target, backupId });
      checkpoint.restores.dropUndelivered(run.id, backupId);
      archives.push({ backupId, location: target.location, messages });
    }
    return archives;
  } finally {
    await target.close();
  }
}

/**
 * Says when, down to the millisecond: no two runs write the same. What is left of such an archive is
 * one of the same backup, later.
 */
export function archiveId(backupId: string, now: Date): string {
  const suffix = `.undelivered-${now.toISOString().replace(/[-:.]/g, "")}`;
  const origin = backupId.replace(ARCHIVE_SUFFIX, "");
  return origin.slice(0, LONGEST_ID - suffix.length) + suffix;
}

async function storeArchive(
  context: UndeliveredContext,
  options: { target: Storage; backupId: string },
): Promise<number> {
  const { run, checkpoint, manifest } = context;
  const { target, backupId } = options;
  const createdAt = Date.now();
  const entries = new Map(manifest.queues.map((entry) => [queueKey(entry), entry]));
  const queues: QueueEntry[] = [];
  for (const queue of checkpoint.restores.undeliveredQueues(run.id, backupId)) {
    const ranges = () => checkpoint.restores.undeliveredRanges(run.id, backupId, queue);
    const entry = entries.get(queueKey(queue))!;
    queues.push(await storeQueue(context, { ...options, entry, ranges }));
  }
  const written = manifestOf(context, { backupId, createdAt, queues });
  try {
    await target.put(manifestKey(backupId), bytesOf(encodeManifest(written)), { ifAbsent: true });
  } catch (error) {
    // Written before an interruption, with the same messages in it.
    if (!(error instanceof ObjectExistsError)) throw error;
  }
  return written.total_messages;
}

async function storeQueue(
  context: UndeliveredContext,
  options: {
    target: Storage;
    backupId: string;
    entry: QueueEntry;
    ranges: () => Iterable<RecordRange>;
  },
): Promise<QueueEntry> {
  const { target, backupId, entry, ranges } = options;
  const folder = join(context.folder, "undelivered");
  try {
    using spool = new SpoolWriter({
      folder,
      segmentMaxBytes: SEGMENT_MAX_BYTES,
      segmentMaxIntervalMs: Infinity,
      onError: () => {},
    });
    await copyRecords(context, { entry, ranges: ranges(), spool });
    spool.finish();
    if (spool.failure !== undefined) throw spool.failure;
    const segments: SegmentEntry[] = [];
    for (const spooled of spool.segments) {
      const sequence = segments.length + 1;
      const key = segmentKey(backupId, entry.vhost, entry.name, sequence, COMPRESSION);
      segments.push(await storeSegment(target, { key, sequence, spooled, signal: context.signal }));
    }
    return {
      ...entry,
      segments,
      message_count: spool.messageCount,
      body_bytes: spool.bodyBytes,
      largest_body: spool.largestBody,
      first_message_timestamp: segments[0]?.first_timestamp ?? null,
      last_message_timestamp: segments.at(-1)?.last_timestamp ?? null,
      capture: null,
    };
  } finally {
    removeFolder(folder);
  }
}

/** Reads what was chosen of the queue's backup up to the last of the messages, and copies these. */
async function copyRecords(
  context: UndeliveredContext,
  options: { entry: QueueEntry; ranges: Iterable<RecordRange>; spool: SpoolWriter },
): Promise<void> {
  const { entry, spool } = options;
  const ranges = options.ranges[Symbol.iterator]();
  const filter = new RangeFilter(spool, {
    picker: new MessagePicker(context.selection, { taken: 0, leftOut: 0, untimed: 0 }),
    next: () => {
      const { done, value } = ranges.next();
      return done ? undefined : value;
    },
  });
  const { segments } = shareOf(entry, context.selection);
  for await (const segment of openedSegments(segments, context)) {
    const parser = new RecordParser(filter);
    for await (const chunk of segment.records()) parser.push(chunk);
    parser.finish();
    if (filter.isDone) break;
  }
}

/** Passes on some of the chosen messages. */
class RangeFilter implements RecordSink {
  readonly #sink: SpoolWriter;
  readonly #next: () => RecordRange | undefined;
  #range: RecordRange | undefined;
  readonly #picker: MessagePicker;
  #isTaken = false;

  /** `next`: which of those that `picker` takes, from 1. */
  constructor(
    sink: SpoolWriter,
    { picker, next }: { picker: MessagePicker; next: () => RecordRange | undefined },
  ) {
    this.#sink = sink;
    this.#picker = picker;
    this.#next = next;
    this.#range = next();
  }

  get isDone(): boolean {
    return this.#range === undefined;
  }

  head(head: MessageHead): void {
    const { taken } = this.#picker.takes(head) ? this.#picker : { taken: 0 };
    this.#isTaken = this.#range !== undefined && taken >= this.#range.first;
    if (this.#isTaken) this.#sink.head(head);
    if (this.#range !== undefined && taken >= this.#range.last) this.#range = this.#next();
  }

  body(chunk: Uint8Array): void {
    if (this.#isTaken) this.#sink.body(chunk);
  }

  end(): void {
    if (this.#isTaken) this.#sink.end();
  }
}

async function storeSegment(
  target: Storage,
  options: { key: string; sequence: number; spooled: SpooledSegment; signal: AbortSignal },
): Promise<SegmentEntry> {
  const { key, sequence, spooled, signal } = options;
  const { recordCount, firstTimestamp, lastTimestamp } = spooled;
  const pieces = packSegment(readSpooled(spooled.file, { reuseBuffer: true }), {
    recordCount,
    firstTimestamp,
    lastTimestamp,
    compression: COMPRESSION,
    level: LEVEL,
    reuseMemory: true,
  });
  let packed: { sizeBytes: number; uncompressedBytes: number; checksum: string } | undefined;
  async function* bytes() {
    packed = yield* pieces;
  }
  await target.put(key, bytes(), { signal });
  return {
    key,
    sequence,
    record_count: recordCount,
    size_bytes: packed!.sizeBytes,
    uncompressed_bytes: packed!.uncompressedBytes,
    first_timestamp: firstTimestamp,
    last_timestamp: lastTimestamp,
    checksum: packed!.checksum,
  };
}

function manifestOf(
  { manifest, run }: UndeliveredContext,
  { backupId, createdAt, queues }: { backupId: string; createdAt: number; queues: QueueEntry[] },
): Manifest {
  return {
    format_version: 2,
    backup_id: backupId,
    state: "complete",
    created_at: createdAt,
    completed_at: Date.now(),
    source_cluster: manifest.source_cluster,
    rabbitmq_version: manifest.rabbitmq_version,
    backup_tool_version: VERSION,
    compression: COMPRESSION,
    definitions: null,
    queues,
    skipped: [],
    warnings: [`messages of backup "${manifest.backup_id}" that ${run.scope} did not take`],
    ...totalsOf(queues),
  };
}
