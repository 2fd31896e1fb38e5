import { checkBackupId, isIdPattern, LATEST } from "../config/backup_id.ts";
import { type Config, requireStorage } from "../config/config.ts";
import { AppError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { usageError } from "./context.ts";

/** The backup that a command is about: the one named, or the newest finished one for `latest`. */
export async function chooseBackup(config: Config, verb: string): Promise<string> {
  const storage = await openConfiguredStorage(config);
  try {
    return await chooseFrom(storage, { named: config.backup_id, verb });
  } finally {
    await storage.close();
  }
}

/** The same for a store that is open already. */
export async function chooseFrom(
  storage: Storage,
  { named, verb }: { named: string | undefined; verb: string },
): Promise<string> {
  if (named === undefined) {
    throw usageError(
      `Cannot ${verb}: no backup is named`,
      'use --backup-id with an id that "rabbitmq-backup list" shows, or with latest',
    );
  }
  if (named === LATEST) return await newestIn(storage, verb);
  if (isIdPattern(named)) {
    throw usageError(
      `Cannot ${verb} "${named}": it is a pattern for the names of new backups`,
      'name one backup with --backup-id; "rabbitmq-backup list" shows them',
    );
  }
  return checkBackupId(named);
}

/** Opens the store of a configuration. */
export async function openConfiguredStorage(config: Config): Promise<Storage> {
  const { openStorage } = await import("../storage/open.ts");
  return await openStorage(requireStorage(config));
}

async function newestIn(storage: Storage, verb: string): Promise<string> {
  const { listBackups } = await import("../engine/list.ts");
  const finished = (await listBackups(storage))
    .filter(({ state }) => state === "complete" || state === "partial")
    .toSorted((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0));
  const newest = finished.at(-1);
  if (newest !== undefined) return newest.backupId;
  throw new AppError(
    "backup_not_found",
    `Cannot ${verb} the newest backup: there is no finished one in ${storage.location}`,
    { hint: "check --path; rabbitmq-backup list shows what is there" },
  );
}
