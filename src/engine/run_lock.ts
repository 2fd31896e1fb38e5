import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { RunKey } from "../checkpoint/rows.ts";
import { AppError, reasonOf } from "../errors.ts";
import { removeFolder } from "./spool/spool.ts";

const LOCK = "lock";
/** A run that nobody went on with for so long is given up, milliseconds: its spool holds messages. */
const FORGOTTEN_MS = 14 * 24 * 60 * 60 * 1000;

/** How often a lock is tried that another process removes as we take it. */
const TRIES = 10;

/** Folder of one run below a root (spool or locks): short, and the same for the same run. */
export function runFolder(root: string, key: RunKey): string {
  const id = createHash("sha256")
    .update([key.operation, key.backupId, key.location, key.scope].join("\0"))
    .digest("hex").slice(0, 16);
  return join(root, `${key.operation}-${id}`);
}

/**
 * Holds a file lock for as long as the process lives, so that two processes never work on the same
 * run. The folder goes with it unless there is something else in it. Throws `locked` when another
 * process holds it. `setting` is the key that the folder follows from, for the hint.
 */
export function lockRun(
  folder: string,
  key: RunKey,
  { setting = "backup.spool_dir" }: { setting?: string } = {},
): Disposable {
  const path = join(folder, LOCK);
  const file = acquire(folder, { key, setting });
  Deno.utimeSync(path, new Date(), new Date());
  removeForgotten(dirname(folder));
  return {
    [Symbol.dispose]() {
      removeIfBare(folder, file);
      file.close();
    },
  };
}

/** Removes all that an earlier process left in the folder of a run whose lock is held. */
export function clearFolder(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name !== LOCK) Deno.removeSync(join(folder, name), { recursive: true });
  }
}

/** Holds the part of a checkpoint file that is of one run, as {@linkcode lockRun} does a folder. */
export function lockCheckpoint(dbPath: string, key: RunKey): Disposable {
  return lockRun(runFolder(`${dbPath}.locks`, key), key, { setting: "offset_storage.db_path" });
}

/**
 * Locks the file that stands at the path afterwards: whoever held it may have removed it in between,
 * and a lock on a file without a name would keep nobody out.
 */
function acquire(
  folder: string,
  { key, setting }: { key: RunKey; setting: string },
): Deno.FsFile {
  for (let tries = 1;; tries++) {
    const file = openLock(folder, { tries, setting });
    if (file === undefined) continue;
    const locked = file.tryLockSync(true);
    if (locked && standsAt(join(folder, LOCK), file)) return file;
    file.close();
    if (!locked || tries >= TRIES) throw lockedError(key);
  }
}

/** `undefined` when another process removed the folder right now. */
function openLock(
  folder: string,
  { tries, setting }: { tries: number; setting: string },
): Deno.FsFile | undefined {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return Deno.openSync(join(folder, LOCK), { create: true, write: true, mode: 0o600 });
  } catch (error) {
    const { NotFound, AlreadyExists } = Deno.errors;
    const isVanishing = error instanceof NotFound || error instanceof AlreadyExists;
    if (isVanishing && tries < TRIES) return undefined;
    throw new AppError("storage_denied", `Cannot write to "${folder}": ${reasonOf(error)}`, {
      cause: error,
      hint:
        `set ${setting} to a place that can be written, or XDG_STATE_HOME, below which it is by ` +
        "default",
    });
  }
}

function lockedError({ operation, backupId }: RunKey): AppError {
  return new AppError(
    "locked",
    `Cannot start ${operation} "${backupId}": another process is working on it`,
    { hint: "wait for it to end" },
  );
}

/**
 * Removes the folder of a run that left nothing in it. Only who holds the lock removes its file, so
 * no other process can hold one that stands there.
 */
function removeIfBare(folder: string, lock: Deno.FsFile): void {
  const path = join(folder, LOCK);
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    if (names.some((name) => name !== LOCK) || !standsAt(path, lock)) return;
    Deno.removeSync(path);
    // Fails, as it should, when another process has begun to use it.
    Deno.removeSync(folder);
  } catch {
    // It is gone, or stays: it does no harm.
  }
}

/** Whether the open file is the one that the path leads to. */
function standsAt(path: string, file: Deno.FsFile): boolean {
  try {
    const [here, open] = [Deno.statSync(path), file.statSync()];
    // Windows tells no number, and lets no open file be removed.
    return here.ino === open.ino && here.dev === open.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes folders of runs that were killed long ago and never gone on with. */
function removeForgotten(root: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(root)) {
    if (!isDirectory || !/^(backup|restore)-[0-9a-f]{16}$/.test(name)) continue;
    try {
      const path = join(root, name, LOCK);
      const { mtime } = Deno.statSync(path);
      if (mtime === null || Date.now() - mtime.getTime() < FORGOTTEN_MS) continue;
      using file = Deno.openSync(path, { write: true });
      if (file.tryLockSync(true) && standsAt(path, file)) removeFolder(join(root, name));
    } catch {
      // Another process may be removing the same; what is left is tried again next time.
    }
  }
}
