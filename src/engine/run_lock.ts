import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { RunKey } from "../checkpoint/rows.ts";
import { AppError, messageOf } from "../errors.ts";
import { removeFolder } from "./spool.ts";

const LOCK = "lock";
/** A run that nobody went on with for so long is given up, milliseconds: its spool holds messages. */
const FORGOTTEN_MS = 14 * 24 * 60 * 60 * 1000;

/** Folder of one run below a root (spool or locks): short, and the same for the same run. */
export function runFolder(root: string, key: RunKey): string {
  const id = createHash("sha256")
    .update([key.operation, key.backupId, key.location, key.scope].join("\0"))
    .digest("hex").slice(0, 16);
  return join(root, `${key.operation}-${id}`);
}

/**
 * Holds a file lock for as long as the process lives, so that two processes never work on the same
 * run. Throws `locked` when another one does.
 */
export function lockRun(folder: string, key: RunKey): Disposable {
  let file: Deno.FsFile;
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    file = Deno.openSync(join(folder, LOCK), { create: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new AppError("storage_denied", `Cannot write to "${folder}": ${messageOf(error)}`, {
      cause: error,
      hint: "set backup.spool_dir to a folder that can be written",
    });
  }
  if (!file.tryLockSync(true)) {
    file.close();
    throw new AppError(
      "locked",
      `Cannot start ${key.operation} "${key.backupId}": another process is working on it`,
      { hint: "wait for it to end" },
    );
  }
  Deno.utimeSync(join(folder, LOCK), new Date(), new Date());
  removeForgotten(dirname(folder));
  return { [Symbol.dispose]: () => file.close() };
}

/** Removes folders of runs that were killed long ago and never gone on with. */
function removeForgotten(root: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(root)) {
    if (!isDirectory || !/^(backup|restore)-[0-9a-f]{16}$/.test(name)) continue;
    try {
      const { mtime } = Deno.statSync(join(root, name, LOCK));
      if (mtime === null || Date.now() - mtime.getTime() < FORGOTTEN_MS) continue;
      using file = Deno.openSync(join(root, name, LOCK), { write: true });
      if (file.tryLockSync(true)) removeFolder(join(root, name));
    } catch {
      // Another process may be removing the same; what is left is tried again next time.
    }
  }
}
