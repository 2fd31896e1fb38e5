import { manifestKey } from "../../archive/layout.ts";
import {
  type DefinitionsEntry,
  type Manifest,
  type QueueEntry,
  type SkippedQueue,
  totalsOf,
} from "../../archive/manifest.ts";
import { encodeManifest } from "../../archive/manifest_io.ts";
import type { BackupQueueRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import { bytesOf, ObjectExistsError, type Storage } from "../../storage/storage.ts";
import { VERSION } from "../../version.ts";
import type { SummaryEvent } from "../events.ts";
import type { BackupContext } from "./queue.ts";

/**
 * Writes the manifest from what the checkpoint knows, and never over one that exists: this moment
 * makes it a backup.
 */
export async function finishBackup(
  context: BackupContext,
  result: Pick<ManifestParts, "definitions" | "incomplete" | "source" | "warnings">,
): Promise<SummaryEvent> {
  const { backupId, options, run, checkpoint, storage, meter } = context;
  const manifest = newManifest({
    ...result,
    ...outcomeOf(checkpoint.backups.queues(run.id)),
    backupId,
    formatVersion: options.format === "v2" ? 2 : 1,
    compression: options.compression,
    createdAt: run.startedAt,
  });
  await putManifest(storage, manifest);
  return backupSummary(manifest, { location: storage.location, seconds: meter.seconds });
}

/** What a manifest is made of. */
export interface ManifestParts {
  readonly backupId: string;
  readonly formatVersion: 1 | 2;
  readonly compression: Manifest["compression"];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly source: { readonly clusterName: string; readonly rabbitmqVersion: string | null };
  readonly definitions: DefinitionsEntry | null;
  readonly queues: QueueEntry[];
  readonly skipped: SkippedQueue[];
  readonly warnings: string[];
  /** Something that was asked for is missing, beyond single queues; `warnings` says what. */
  readonly incomplete: boolean;
}

/** The manifest of a backup that is finished now. */
export function newManifest(parts: ManifestParts): Manifest {
  const { queues, skipped } = parts;
  const isPartial = parts.incomplete || skipped.some(({ kind }) => kind !== "excluded") ||
    queues.some(({ partial }) => partial !== undefined);
  return {
    format_version: parts.formatVersion,
    backup_id: parts.backupId,
    state: isPartial ? "partial" : "complete",
    created_at: parts.createdAt,
    completed_at: Date.now(),
    source_cluster: parts.source.clusterName,
    rabbitmq_version: parts.source.rabbitmqVersion,
    backup_tool_version: VERSION,
    compression: parts.compression,
    definitions: parts.definitions,
    queues,
    skipped,
    warnings: parts.warnings,
    ...totalsOf(queues),
  };
}

/**
 * Stores a manifest.
 *
 * @throws {AppError} `refused` when there is one of that id
 */
export async function putManifest(storage: Storage, manifest: Manifest): Promise<void> {
  const { backup_id: backupId } = manifest;
  try {
    await storage.put(manifestKey(backupId), bytesOf(encodeManifest(manifest)), { ifAbsent: true });
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    throw new AppError(
      "refused",
      `Cannot finish backup "${backupId}": another run finished one of that id meanwhile`,
      { hint: "choose another backup_id", cause: error },
    );
  }
}

/** What a finished backup holds. */
export function backupSummary(
  manifest: Manifest,
  { location, seconds }: { location: string; seconds: number },
): SummaryEvent {
  return {
    type: "summary",
    operation: "backup",
    backupId: manifest.backup_id,
    location,
    outcome: manifest.state === "complete" ? "ok" : "partial",
    queuesOk: manifest.queues.length,
    queuesSkipped: manifest.skipped.filter(({ kind }) => kind !== "failed").length,
    queuesFailed: manifest.skipped.filter(({ kind }) => kind === "failed").length,
    queuesPartial: manifest.queues.filter(({ partial }) => partial !== undefined).length,
    messages: manifest.total_messages,
    bytes: manifest.total_body_bytes,
    bytesStored: manifest.total_bytes,
    seconds,
  };
}

/**
 * Takes the manifest back when another machine took the lock while it was written, after a long sleep
 * of this one: what it names may have been written over.
 */
export async function assertStillOurs(
  { backupId, storage }: Pick<BackupContext, "backupId" | "storage">,
  lock: { assertHeld(): Promise<void> },
): Promise<void> {
  try {
    await lock.assertHeld();
  } catch (error) {
    // One that cannot be asked now is no reason to doubt what was asked just before.
    if (!(error instanceof AppError) || error.code !== "locked") return;
    await storage.delete([manifestKey(backupId)]);
    throw error;
  }
}

/** The queues that are in a backup, and those that are not. */
export function outcomeOf(
  rows: readonly BackupQueueRow[],
): Pick<ManifestParts, "queues" | "skipped"> {
  return {
    queues: rows.flatMap(({ report, state }) =>
      state === "done" && report.entry !== undefined ? [report.entry] : []
    ),
    skipped: rows.flatMap(({ report, state }) =>
      state === "skipped" && report.skipped !== undefined ? [report.skipped] : []
    ),
  };
}
