import { createHash } from "node:crypto";
import { runsFolder } from "../../archive/layout.ts";
import type { RunKey } from "../../checkpoint/rows.ts";
import type { Config } from "../../config/config.ts";

/** Where the lock of a run lies in the storage. */
export function lockFolder(key: RunKey): string {
  return `${runsFolder(key.backupId)}/${nameOf(key)}/lock`;
}

/** Where the copy of a run's progress lies in the storage. */
export function copyKey({ offset_storage: { s3_key } }: Config, key: RunKey): string {
  const { backupId } = key;
  if (s3_key === undefined) return `${runsFolder(backupId)}/${nameOf(key)}/checkpoint.db`;
  // Runs must not have one in common.
  const named = s3_key.includes("{backup_id}")
    ? s3_key.replaceAll("{backup_id}", backupId)
    : `${s3_key}.${backupId}`;
  return key.operation === "backup" ? named : `${named}.${nameOf(key)}`;
}

/** A backup is restored into any number of targets. */
function nameOf({ operation, scope }: RunKey): string {
  if (scope === "") return operation;
  return `${operation}-${createHash("sha256").update(scope).digest("hex").slice(0, 16)}`;
}
