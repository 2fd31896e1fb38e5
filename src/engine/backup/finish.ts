import { markerKey } from "../../archive/layout.ts";
import type { Manifest, QueueEntry } from "../../archive/manifest.ts";
import type {
  AmqpOffsets,
  BackupQueueRow,
  Run,
  RunKey,
  SegmentRow,
} from "../../checkpoint/rows.ts";
import { CheckpointStore } from "../../checkpoint/store.ts";
import type { Config, QueueFilter } from "../../config/config.ts";
import { compileNames } from "../../config/name_pattern.ts";
import { type DefinedObject, objectsOf } from "../../definitions/document.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { EventSink, SummaryEvent } from "../events.ts";
import { Handover } from "../handover/handover.ts";
import { queuesAre, quotedNames } from "../names.ts";
import { openRunStorage } from "../open_storage.ts";
import { Pace } from "../pace.ts";
import { Packer } from "../packing/packer.ts";
import { type PackContext, storeSpooled } from "../packing/store_spooled.ts";
import { queueKey } from "../queue_key.ts";
import { lockCheckpoint, lockRun, runFolder } from "../run_lock.ts";
import { removeFolder } from "../spool/spool.ts";
import { BaseCheck } from "../stored/chain.ts";
import { assertUnfinished } from "../stored/list.ts";
import { amqpStreamEntry } from "../stream/amqp_entry.ts";
import { streamEntry } from "../stream/backup.ts";
import type { RunOptions } from "./backup.ts";
import { checkedRow } from "./checked_row.ts";
import { isOf, type Marker, readMarker } from "./claim.ts";
import {
  backupSummary,
  type ManifestParts,
  newManifest,
  outcomeOf,
  putManifest,
} from "./manifest.ts";
import { definedType, rebuildQueues } from "./rebuild.ts";
import { findDefinitions, type FoundDefinitions } from "./stored_definitions.ts";

/** Options of {@linkcode finishInterrupted}. */
export interface FinishOptions extends RunOptions {
  /** Whether to go by the stored segments where the checkpoint of the run is not here. */
  readonly fromStorage: boolean;
}

/** What a manifest says of queues, and of where they are from. */
type Found = Pick<
  ManifestParts,
  "queues" | "skipped" | "warnings" | "createdAt" | "source" | "formatVersion" | "compression"
>;

/**
 * Makes a partial backup of what an interrupted one has, without its source: queues that are stored,
 * and those that are whole in the local spool.
 *
 * @throws {AppError} `backup_not_found`; `refused` when it is finished; `locked` when a run is at it,
 * here or on another machine, or its checkpoint is elsewhere; `failed` when there is nothing whole in it
 */
export async function finishInterrupted(options: FinishOptions): Promise<SummaryEvent> {
  const { config, backupId, emit } = options;
  const begunAt = performance.now();
  const storage = await openRunStorage(options);
  try {
    // 1. An unfinished backup, and nobody at it, here or on another machine.
    await assertUnfinished(storage, backupId);
    const key: RunKey = {
      operation: "backup",
      backupId,
      location: storage.location,
      scope: "",
    };
    const spoolFolder = runFolder(config.backup.spool_dir, key);
    using _lock = lockRun(spoolFolder, key);
    using checkpoint = CheckpointStore.open(config.offset_storage.db_path);
    using _checkpointLock = lockCheckpoint(config.offset_storage.db_path, key);
    const abort = new AbortController();
    const signal = AbortSignal.any([options.signal, abort.signal]);
    await using handover = await Handover.begin({
      ...{ config, key, checkpoint, folder: spoolFolder, emit, signal },
      breakLock: options.breakLock ?? false,
      // Without a checkpoint here a copy has less than what is stored by now.
      takesProgress: checkpoint.runs.find(key)?.state === "running",
      onLost: (error) => abort.abort(error),
    });
    const known = checkpoint.runs.find(key);
    const marker = await readMarker(storage, backupId);
    const run = known?.state === "running" && isOf(marker, known) ? known : undefined;
    if (run === undefined && !options.fromStorage) throw checkpointMissing(backupId, marker);

    // 2. What there is of it.
    const definitions = await findDefinitions(storage, backupId);
    const context = { config, backupId, storage, checkpoint, definitions, marker, emit, signal };
    const found = run === undefined ? await bySegments(context) : await byCheckpoint(context, run);
    if (found.queues.length === 0) throw nothingWhole(backupId);

    // 3. The manifest makes it a backup; then the traces of the way go.
    const manifest = newManifest({
      ...found,
      backupId,
      definitions: definitions?.entry ?? null,
      warnings: [
        "it was interrupted, and finished without its source",
        ...found.warnings,
        ...untouched(found, { definitions, choice: run?.choice }),
      ],
      incomplete: true,
    });
    await handover.assertHeld();
    await putManifest(storage, manifest);
    await storage.delete([markerKey(backupId)]);
    if (run !== undefined) checkpoint.runs.finish(run.id);
    await handover.finish();
    removeFolder(spoolFolder);
    tellMissing(manifest, emit);
    const seconds = (performance.now() - begunAt) / 1000;
    return backupSummary(manifest, { location: storage.location, seconds });
  } finally {
    await storage.close();
  }
}

interface FinishContext {
  readonly config: Config;
  readonly backupId: string;
  readonly storage: Storage;
  readonly checkpoint: CheckpointStore;
  readonly definitions: FoundDefinitions | undefined;
  readonly marker: Marker | undefined;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** By what the interrupted run has recorded. */
async function byCheckpoint(context: FinishContext, run: Run): Promise<Found> {
  const { config: { backup }, checkpoint, definitions, emit } = context;
  emit({ type: "step", message: "Storing what the interrupted run has read" });
  using packer = new Packer();
  const packing: PackContext = { ...context, options: backup, run, packer, pace: new Pace() };
  const rows: BackupQueueRow[] = [];
  const bases = new BaseCheck(context.storage);
  for (const known of checkpoint.backups.queues(run.id)) {
    const row = await finishedRow(packing, await checkedRow(packing, { row: known, bases }));
    // But for a stream that was read in part: the backup command would take that for all of it.
    if (known.state === "read") checkpoint.backups.putQueue(run.id, row);
    rows.push(row);
  }
  return {
    ...outcomeOf(rows),
    warnings: [],
    createdAt: run.startedAt,
    source: { clusterName: run.peer, rabbitmqVersion: versionIn(definitions) },
    formatVersion: backup.format === "v2" ? 2 : 1,
    compression: backup.compression,
  };
}

/** What of a queue goes into the backup, or why it does not. */
async function finishedRow(context: PackContext, row: BackupQueueRow): Promise<BackupQueueRow> {
  const { checkpoint, run } = context;
  if (row.state === "done" || row.state === "skipped") return row;
  if (row.state === "read") {
    return { ...row, state: "done", report: { entry: await storeSpooled(context, { row }) } };
  }
  const { entry, offsets, amqpOffsets } = row.report;
  const stored = entry === undefined ? [] : checkpoint.backups.segments(run.id, row);
  if (entry !== undefined && stored.length > 0 && offsets !== undefined) {
    return { ...row, state: "done", report: { entry: streamPart(entry, { stored, offsets }) } };
  }
  if (entry !== undefined && stored.length > 0 && amqpOffsets !== undefined) {
    const part = amqpStreamPart(entry, { stored, offsets: amqpOffsets });
    return { ...row, state: "done", report: { entry: part } };
  }
  const { vhost, name } = row;
  const skipped = {
    ...{ vhost, name, queue_type: entry?.queue_type ?? "unknown" },
    kind: "failed" as const,
    reason: "the backup was interrupted while it was read",
  };
  return { ...row, state: "skipped", report: { skipped } };
}

/** Of a stream that was being read, what is stored. */
function streamPart(
  entry: QueueEntry,
  { stored, offsets }: {
    stored: SegmentRow[];
    offsets: NonNullable<BackupQueueRow["report"]["offsets"]>;
  },
): QueueEntry {
  const { lastChunk, ...known } = offsets;
  const place = { ...known, first: BigInt(offsets.first), last: BigInt(offsets.last) };
  const segments = stored as Parameters<typeof streamEntry>[1]["segments"];
  const read = segments.at(-1)!.spooled.stream.lastOffset;
  // Whose offsets were not asked for, would be in no later one either.
  const named = [offsets, ...segments.map(({ spooled }) => spooled.stream)]
    .flatMap(({ consumers = [] }) => consumers);
  if (read >= offsets.last && named.length === 0) {
    return streamEntry(entry, { segments, start: { ...place, lastChunk } });
  }
  // Nothing may be built on it: what is behind its end is not what is missing.
  const part = streamEntry(entry, { segments, start: place });
  const missing = read < offsets.last
    ? `the backup was interrupted before offsets ${read + 1} to ${offsets.last}`
    : "the offsets of its consumers are missing";
  return { ...part, partial: [part.partial, missing].filter(Boolean).join("; ") };
}

/** The same of one that was being read by AMQP 0-9-1. */
function amqpStreamPart(
  entry: QueueEntry,
  { stored, offsets }: { stored: SegmentRow[]; offsets: AmqpOffsets },
): QueueEntry {
  const segments = stored as Parameters<typeof amqpStreamEntry>[1]["segments"];
  const part = amqpStreamEntry(entry, { segments, offsets });
  const read = segments.at(-1)!.spooled.stream.lastOffset;
  if (read >= offsets.last) return part;
  const missing = `the backup was interrupted before offsets ${read + 1} to ${offsets.last}`;
  return { ...part, partial: [part.partial, missing].filter(Boolean).join("; ") };
}

/** By what is stored, where nothing else is left. */
async function bySegments(context: FinishContext): Promise<Found> {
  const { backupId, storage, definitions, marker, emit, signal } = context;
  emit({ type: "step", message: "Reading what is stored of the interrupted backup" });
  const rebuilt = await rebuildQueues(storage, {
    backupId,
    definitions: definitions?.content,
    signal,
  });
  const begun = Date.parse(marker?.startedAt ?? "");
  return {
    ...rebuilt,
    createdAt: Number.isNaN(begun)
      ? Math.min(...rebuilt.queues.map((queue) => queue.first_message_timestamp!))
      : begun,
    source: {
      clusterName: marker?.source ?? "unknown",
      rabbitmqVersion: versionIn(definitions),
    },
    formatVersion: 2,
    compression: rebuilt.compression ?? "zstd",
  };
}

function versionIn(definitions: FoundDefinitions | undefined): string | null {
  const version = definitions?.content["rabbitmq_version"];
  return typeof version === "string" ? version : null;
}

/** Queues that the definitions name and the backup does not; without `choice` of all queues. */
function untouched(
  found: Found,
  { definitions, choice }: {
    definitions: FoundDefinitions | undefined;
    /** The queues that the interrupted run was to have, as it recorded them. */
    choice: string | undefined;
  },
): string[] {
  if (definitions === undefined) return ["which queues it lacks is not known"];
  const named = new Set([...found.queues, ...found.skipped].map(queueKey));
  const filter: QueueFilter | undefined = choice ? JSON.parse(choice) : undefined;
  const isChosen = filter === undefined ? () => true : choiceMatcher(filter);
  const others = objectsOf(definitions.content, "queues")
    .filter(isChosen)
    .map(({ vhost, name }) => ({ vhost: String(vhost), name: String(name) }))
    .filter((queue) => !named.has(queueKey(queue)));
  if (others.length === 0) return [];
  // Definitions do not tell of depths.
  const isSure = filter?.min_messages === 0;
  return [
    `${queuesAre(others.length)} in the definitions that it had not come to` +
    `${isSure ? "" : ", or was not to have"}: ${quotedNames(others)}`,
  ];
}

function choiceMatcher(
  { vhosts, include, exclude, types }: QueueFilter,
): (queue: DefinedObject) => boolean {
  const isVhost = compileNames({ include: vhosts });
  const isName = compileNames({ include, exclude });
  const ofType = new Set<string>(types);
  return (queue) =>
    isVhost(String(queue.vhost)) && isName(String(queue.name)) &&
    (ofType.size === 0 || ofType.has(definedType(queue)));
}

/** What the summary counts, by name. */
function tellMissing({ skipped, warnings = [] }: Manifest, emit: EventSink): void {
  for (const { vhost, name, queue_type, kind, reason } of skipped) {
    emit({
      type: "queue_done",
      operation: "backup",
      vhost,
      queue: name,
      queueType: queue_type,
      outcome: kind === "failed" ? "failed" : "skipped",
      messages: 0,
      bytes: 0,
      seconds: 0,
      reason,
    });
  }
  for (const message of warnings) emit({ type: "warning", message });
}

function checkpointMissing(backupId: string, marker: Marker | undefined): AppError {
  const begun = marker === undefined
    ? ""
    : `it was begun on host "${marker.host}" at ${marker.startedAt}, and `;
  return new AppError(
    "locked",
    `Cannot finish backup "${backupId}": ${begun}the checkpoint of that run is not here`,
    {
      hint:
        "finish it there, or point --db-path at its checkpoint; if that is lost, and no run is " +
        "at it any more, --from-storage goes by what is stored alone",
    },
  );
}

function nothingWhole(backupId: string): AppError {
  return new AppError(
    "failed",
    `Cannot finish backup "${backupId}": no queue of it had been read when it was interrupted`,
    { hint: "take another one, or restore an earlier one: list shows them" },
  );
}
