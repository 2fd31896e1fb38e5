import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../errors.ts";
import { systemCode, unless } from "./filesystem_error.ts";
import { TEMPORARY_PREFIX } from "./key.ts";

/** Messages are private: only the user who took the backup reads them. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Smaller chunks are gathered up to this size before they are written. */
const WRITE_BYTES = 512 * 1024;

/** An unfinished file that nobody wrote to for so long is of a process that is gone. */
const STALE_MS = 60 * 60 * 1000;

/** How a file system without hard links answers to `link`. */
const NO_HARD_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/** A claim is held for the time of a rename: 5 s are plenty. */
const CLAIM_WAIT_MS = 50;
const CLAIM_TRIES = 100;

/** How file systems without it answer to a sync of a directory. */
const NO_DIRECTORY_SYNC = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EISDIR", "EBADF"];

/** Creates the directories that are missing, from the top down, each on disk before the next. */
export async function makeDirectories(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    await makeDirectories(dirname(path));
    await unless(["EEXIST"], () => mkdir(path, { mode: DIRECTORY_MODE }));
  }
  await syncDirectory(dirname(path));
}

/** Removes what crashed processes left in a directory; best effort, as nobody waits for it. */
export async function removeStaleFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = join(directory, name);
    const info = await lstat(path).catch(() => undefined);
    if (info === undefined || Date.now() - info.mtimeMs < STALE_MS) continue;
    await rm(path, { force: true }).catch(() => {});
  }
}

/** A file under a temporary name that becomes visible with {@linkcode publish} or never. */
export class UnfinishedFile {
  readonly #path: string;
  readonly #file: FileHandle;
  #size = 0;
  #gathered = new Uint8Array(0);
  #gatheredBytes = 0;
  #open = true;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Creates it in `directory`; `ENOENT` when there is no such directory. */
  static async create(directory: string): Promise<UnfinishedFile> {
    const path = join(directory, TEMPORARY_PREFIX + randomUUID());
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    return new UnfinishedFile(path, await open(path, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE));
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes a chunk; it may be changed again when this returns. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#size += chunk.length;
    if (this.#gatheredBytes + chunk.length > WRITE_BYTES) await this.#flush();
    if (chunk.length >= WRITE_BYTES) return await this.#writeAll(chunk);
    if (this.#gathered.length === 0) this.#gathered = new Uint8Array(WRITE_BYTES);
    this.#gathered.set(chunk, this.#gatheredBytes);
    this.#gatheredBytes += chunk.length;
  }

  /** Brings all to disk and closes the file. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#file.sync();
    this.#open = false;
    await this.#file.close();
  }

  /**
   * Makes it visible as `target`. With `ifAbsent` the system decides whether it is the first one;
   * `EEXIST` when not. The directory is on disk when this returns.
   */
  async publish(target: string, options: { ifAbsent: boolean; hardLinks: boolean }): Promise<void> {
    if (!options.ifAbsent) {
      await rename(this.#path, target);
    } else if (!options.hardLinks || !(await this.#tryLink(target))) {
      await this.#renameWithClaim(target);
    }
    await syncDirectory(dirname(target));
  }

  /** Closes and removes the temporary name; fine to call whatever happened before. */
  async discard(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      await this.#file.close().catch(() => {});
    }
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #flush(): Promise<void> {
    const bytes = this.#gathered.subarray(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    await this.#writeAll(bytes);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done);
      done += bytesWritten;
    }
  }

  /** Unlike rename, link fails when the target exists. False: this file system has no hard links. */
  async #tryLink(target: string): Promise<boolean> {
    try {
      await link(this.#path, target);
    } catch (error) {
      if (NO_HARD_LINKS.includes(systemCode(error) ?? "")) return false;
      throw error;
    }
    await rm(this.#path, { force: true });
    return true;
  }

  /**
   * Without hard links: whoever creates the claim may look whether the target exists and rename to
   * it; the others fail. A claim that a crash left is removed like any unfinished file.
   */
  async #renameWithClaim(target: string): Promise<void> {
    const handle = await openClaim(claimPath(target), target);
    try {
      await handle.close();
      if (await exists(target)) throw Object.assign(new Error("exists"), { code: "EEXIST" });
      await rename(this.#path, target);
    } finally {
      await rm(claimPath(target), { force: true });
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await unless(NO_DIRECTORY_SYNC, () => open(path, constants.O_RDONLY));
  if (directory === undefined) return;
  try {
    await unless(NO_DIRECTORY_SYNC, () => directory.sync());
  } finally {
    await directory.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return await unless(["ENOENT"], () => lstat(path)) !== undefined;
}

function claimPath(target: string): string {
  // Of the name alone: other machines may have the directory mounted elsewhere.
  const hash = createHash("sha256").update(basename(target)).digest("hex").slice(0, 32);
  return join(dirname(target), `${TEMPORARY_PREFIX}claim-${hash}`);
}

async function openClaim(claim: string, target: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  for (let tries = 0;; tries++) {
    try {
      return await open(claim, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
    } catch (error) {
      if (systemCode(error) !== "EEXIST" || await exists(target)) throw error;
      if (tries < CLAIM_TRIES) {
        await delay(CLAIM_WAIT_MS);
        continue;
      }
      throw new AppError("locked", `Cannot store ${target}: another process is storing it`, {
        hint: "Wait until it is done; what a crash left here is cleared after an hour",
        cause: error,
      });
    }
  }
}
