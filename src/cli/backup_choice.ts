import { checkBackupId, isIdPattern, LATEST } from "../config/backup_id.ts";
import { type Config, requireStorage } from "../config/config.ts";
import type { BackupListing } from "../engine/stored/list.ts";
import { AppError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { type CommandContext, loadCommandConfig, usageError } from "./context.ts";
import type { SettingGroup } from "../console/setting.ts";

/** The backup that a command is about: the one named, or the newest finished one for `latest`. */
export async function chooseBackup(
  context: CommandContext,
  { config, ...choice }: { config: Config } & Omit<Choice, "named">,
): Promise<string> {
  const storage = await openConfiguredStorage(context, config);
  try {
    return await chooseFrom(storage, context, { named: config.backup_id, ...choice });
  } finally {
    await storage.close();
  }
}

/** A store, and the backup in it that a command is about; disposing closes the store. */
export interface OpenBackup extends AsyncDisposable {
  readonly storage: Storage;
  readonly backupId: string;
}

/** What a command on a store alone begins with: its configuration, the store, the backup in it. */
export async function openBackup(
  context: CommandContext,
  { settings, verb }: { settings: readonly SettingGroup[]; verb: string },
): Promise<OpenBackup> {
  const config = await loadCommandConfig(context, { settings, sections: ["storage", "backup_id"] });
  const storage = await openConfiguredStorage(context, config);
  try {
    const choice = { named: config.backup_id, verb, prefix: true };
    const backupId = await chooseFrom(storage, context, choice);
    return { storage, backupId, [Symbol.asyncDispose]: () => storage.close() };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** What {@linkcode chooseFrom} goes by. */
export interface Choice {
  readonly named: string | undefined;
  /** For messages: "Cannot <verb> ...". */
  readonly verb: string;
  /** Whether the beginning of an id will do where only one finished backup has it. */
  readonly prefix?: boolean;
}

/** The same for a store that is open already. */
export async function chooseFrom(
  storage: Storage,
  { output }: CommandContext,
  { named, verb, prefix = false }: Choice,
): Promise<string> {
  if (named === undefined) {
    throw usageError(
      `Cannot ${verb}: no backup is named`,
      'use --backup-id with an id that "rabbitmq-backup list" shows, or with latest',
    );
  }
  if (named === LATEST) {
    const { newest, warning } = await newestIn(storage, verb);
    if (warning !== undefined) output.warning(warning);
    return newest;
  }
  if (isIdPattern(named)) {
    throw usageError(
      `Cannot ${verb} "${named}": it is a pattern for the names of new backups`,
      'name one backup with --backup-id; "rabbitmq-backup list" shows them',
    );
  }
  const id = checkBackupId(named);
  return prefix ? await completed(storage, { id, verb }) : id;
}

/** The one finished backup whose id begins so; an id that exists, or that none begins with, stays. */
async function completed(
  storage: Storage,
  { id, verb }: { id: string; verb: string },
): Promise<string> {
  const { manifestKey } = await import("../archive/layout.ts");
  if (await storage.stat(manifestKey(id)) !== undefined) return id;
  const { listBackups } = await import("../engine/stored/list.ts");
  const all = await listBackups(storage);
  if (all.some(({ backupId }) => backupId === id)) return id;
  const found = all.filter((one) => isFinished(one) && one.backupId.startsWith(id))
    .map(({ backupId }) => backupId);
  if (found.length < 2) return found[0] ?? id;
  const shown = found.slice(0, 5).join(", ") + (found.length > 5 ? ", ..." : "");
  throw usageError(
    `Cannot ${verb} "${id}": ${found.length} backups have an id that begins so`,
    `write more of it; there are ${shown}`,
  );
}

function isFinished({ state }: BackupListing): boolean {
  return state === "complete" || state === "partial";
}

/** Opens the store of a configuration; waiting for it is told. */
export async function openConfiguredStorage(
  { output }: CommandContext,
  config: Config,
): Promise<Storage> {
  const { openStorage, waitWarning } = await import("../storage/open.ts");
  return await openStorage(requireStorage(config), {
    onWait: (wait) => output.warning(waitWarning(wait)),
  });
}

async function newestIn(
  storage: Storage,
  verb: string,
): Promise<{ newest: string; warning?: { message: string; hint?: string } }> {
  const { listBackups } = await import("../engine/stored/list.ts");
  const finished = (await listBackups(storage))
    .filter(isFinished)
    .toSorted((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0));
  const newest = finished.at(-1);
  if (newest?.state === "complete") return { newest: newest.backupId };
  if (newest !== undefined) {
    const complete = finished.findLast(({ state }) => state === "complete");
    const message = `The latest backup, "${newest.backupId}", is partial`;
    const hint = complete === undefined ? {} : {
      hint: `the latest complete one is "${complete.backupId}"`,
    };
    return { newest: newest.backupId, warning: { message, ...hint } };
  }
  throw new AppError(
    "backup_not_found",
    `Cannot ${verb} the newest backup: there is no finished one in ${storage.location}`,
    { hint: "check --path; rabbitmq-backup list shows what is there" },
  );
}
