import { manifestKey } from "../../archive/layout.ts";
import type { DefinitionsEntry, Manifest } from "../../archive/manifest.ts";
import { encodeManifest } from "../../archive/manifest_io.ts";
import { AppError } from "../../errors.ts";
import { bytesOf, ObjectExistsError } from "../../storage/storage.ts";
import { VERSION } from "../../version.ts";
import type { BackupContext } from "./queue.ts";
import type { SummaryEvent } from "../events.ts";

/**
 * Writes the manifest from what the checkpoint knows, and never over one that exists: this moment
 * makes it a backup.
 */
export async function finishBackup(
  context: BackupContext,
  result: {
    definitions: DefinitionsEntry | null;
    /** Something that was asked for is missing, beyond single queues; `warnings` says what. */
    incomplete: boolean;
    source: { clusterName: string; rabbitmqVersion: string };
    warnings: string[];
  },
): Promise<SummaryEvent> {
  const manifest = buildManifest(context, result);
  try {
    await context.storage.put(
      manifestKey(context.backupId),
      bytesOf(encodeManifest(manifest)),
      { ifAbsent: true },
    );
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    throw new AppError(
      "refused",
      `Cannot finish backup "${context.backupId}": another run finished one of that id meanwhile`,
      { hint: "choose another backup_id", cause: error },
    );
  }
  return {
    type: "summary",
    operation: "backup",
    backupId: context.backupId,
    location: context.storage.location,
    outcome: manifest.state === "complete" ? "ok" : "partial",
    queuesOk: manifest.queues.length,
    queuesSkipped: manifest.skipped.filter(({ kind }) => kind !== "failed").length,
    queuesFailed: manifest.skipped.filter(({ kind }) => kind === "failed").length,
    messages: manifest.total_messages,
    bytes: manifest.total_body_bytes,
    bytesStored: manifest.total_bytes,
    seconds: context.meter.seconds,
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

function buildManifest(
  context: BackupContext,
  result: Parameters<typeof finishBackup>[1],
): Manifest {
  const rows = context.checkpoint.backupQueues(context.run.id);
  const queues = rows.flatMap(({ report, state }) =>
    state === "done" && report.entry !== undefined ? [report.entry] : []
  );
  const skipped = rows.flatMap(({ report, state }) =>
    state === "skipped" && report.skipped !== undefined ? [report.skipped] : []
  );
  const incomplete = result.incomplete || skipped.some(({ kind }) => kind !== "excluded") ||
    queues.some(({ partial }) => partial !== undefined);
  const segments = queues.flatMap((queue) => queue.segments);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    format_version: context.options.format === "v2" ? 2 : 1,
    backup_id: context.backupId,
    state: incomplete ? "partial" : "complete",
    created_at: context.run.startedAt,
    completed_at: Date.now(),
    source_cluster: result.source.clusterName,
    rabbitmq_version: result.source.rabbitmqVersion,
    backup_tool_version: VERSION,
    compression: context.options.compression,
    definitions: result.definitions,
    queues,
    skipped,
    warnings: result.warnings,
    total_messages: sum(queues.map((queue) => queue.message_count)),
    total_body_bytes: sum(queues.map((queue) => queue.body_bytes)),
    total_bytes: sum(segments.map((segment) => segment.size_bytes)),
    total_segments: segments.length,
  };
}
