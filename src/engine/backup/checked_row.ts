import { existsSync } from "node:fs";
import type { SegmentEntry } from "../../archive/manifest.ts";
import type { BackupQueueRow } from "../../checkpoint/rows.ts";
import { AppError } from "../../errors.ts";
import { storedKey } from "../packing/store_spooled.ts";
import type { BaseCheck } from "../stored/chain.ts";
import type { BackupContext } from "./queue.ts";

/** What {@linkcode checkedRow} looks at. */
type CheckContext = Pick<
  BackupContext,
  "backupId" | "options" | "run" | "storage" | "checkpoint"
>;

/**
 * What an earlier process did is looked at again: a queue has to be read again when its spool is gone,
 * or what was stored of it; a segment that is gone has to be stored again while it is in the spool.
 */
export async function checkedRow(
  context: CheckContext,
  { row, bases }: { row: BackupQueueRow; bases: BaseCheck },
): Promise<BackupQueueRow> {
  const { checkpoint, run, storage } = context;
  const isThere = async ({ key, size_bytes }: SegmentEntry) =>
    (await storage.stat(key))?.size === size_bytes;
  // What is stored stands on something that is gone.
  const base = row.report.offsets?.base ?? row.report.entry?.stream?.base;
  if (base !== undefined && !await bases.isThere(base)) {
    return { ...row, state: "reading", report: {} };
  }
  if (row.state === "done") {
    for (const stored of row.report.entry!.segments) {
      assertSameFormat(context, { row, stored });
      if (!await isThere(stored)) return { ...row, state: "reading", report: {} };
    }
    return row;
  }
  if (row.state === "reading") return await checkedStream(row);
  if (row.state !== "read") return row;
  for (const segment of checkpoint.backups.segments(run.id, row)) {
    if (!existsSync(segment.spooled.file)) return { ...row, state: "reading", report: {} };
    if (segment.stored === undefined) continue;
    assertSameFormat(context, { row, stored: segment.stored });
    if (!await isThere(segment.stored)) {
      checkpoint.backups.putSegment(run.id, row, { ...segment, stored: undefined });
    }
  }
  return row;

  /** Of a stream that is being read, the segments that are stored are kept. */
  async function checkedStream(row: BackupQueueRow): Promise<BackupQueueRow> {
    for (const { stored } of checkpoint.backups.segments(run.id, row)) {
      assertSameFormat(context, { row, stored: stored! });
      if (!await isThere(stored!)) return { ...row, report: {} };
    }
    return row;
  }
}

/** A backup is in one format. */
function assertSameFormat(
  context: CheckContext,
  { row, stored }: { row: BackupQueueRow; stored: SegmentEntry },
): void {
  if (storedKey(context, { ...row, sequence: stored.sequence }) === stored.key) return;
  throw new AppError(
    "config",
    `Cannot go on with backup "${context.backupId}": it was begun with another backup.format or compression`,
    { hint: "set both as they were, or choose another backup_id" },
  );
}
