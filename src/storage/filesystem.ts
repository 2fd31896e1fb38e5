import { constants } from "node:fs";
import { type FileHandle, lstat, open, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AppError } from "../errors.ts";
import { explainSystemError, rootMissing, systemCode, unless } from "./filesystem_error.ts";
import { isPlainDirectory, walk, walkFolders } from "./filesystem_walk.ts";
import { makeDirectories, removeStaleFiles, UnfinishedFile } from "./filesystem_write.ts";
import { checkFolder, checkKey, checkPrefix } from "./key.ts";
import { pull } from "./pull.ts";
import {
  endOf,
  type GetOptions,
  ObjectExistsError,
  ObjectMissingError,
  type PutOptions,
  type Storage,
  type StoredObject,
} from "./storage.ts";

/** Size of the chunks that `get` gives. */
const READ_BYTES = 512 * 1024;

/** Another process may remove a directory that it emptied before we put a file into it. */
const CREATE_TRIES = 5;

/** What there may be in place of an object when there is none. */
const ABSENT = ["ENOENT", "ENOTDIR"];

/** Options of {@linkcode FilesystemStorage}. */
export interface FilesystemOptions {
  /** False: do without hard links, as where the file system turns out to have none. */
  hardLinks?: boolean;
}

/**
 * Objects as files below a directory. A key is the path below it.
 *
 * Files get mode 0600 and directories 0700, less what the umask takes: messages are private. The
 * directory is created by the first `put`, and removed by `close` if nothing stayed in it. Symbolic links below it are refused with
 * `storage_denied`. A store whose directory is missing has no objects for `get` and `stat`; listing
 * it is an error (`storage_missing`), as the path is likely mistaken.
 */
export class FilesystemStorage implements Storage {
  /** Absolute path of the directory. */
  readonly location: string;
  readonly #hardLinks: boolean;
  readonly #cleaned = new Set<string>();
  /** Whether the directory itself was made by this object. */
  #madeRoot = false;

  constructor(path: string, options: FilesystemOptions = {}) {
    this.location = resolve(path);
    this.#hardLinks = options.hardLinks ?? true;
  }

  async put(
    key: string,
    source: AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<number> {
    checkKey(key);
    options.signal?.throwIfAborted();
    const file = await this.#explain(`store "${key}"`, () => this.#create(key, options));
    try {
      for await (const chunk of pull(source, options.signal)) {
        await this.#explain(`store "${key}"`, () => file.write(chunk));
      }
      await this.#explain(`store "${key}"`, () => this.#publish(key, file, options));
      return file.size;
    } catch (error) {
      await file.discard();
      // A directory that was made for this object alone goes with it.
      await this.#removeEmptyParents(key);
      throw error;
    }
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkKey(key);
    const offset = options.offset ?? 0;
    options.signal?.throwIfAborted();
    const file = await this.#explain(`read "${key}"`, () => this.#openObject(key));
    try {
      const { size } = await this.#explain(`read "${key}"`, () => file.stat());
      const end = endOf(options, size);
      if (offset < 0 || end < offset || end > size) {
        throw new RangeError(`Cannot read "${key}": ${offset} to ${end} of ${size} bytes`);
      }
      let chunk: Uint8Array | undefined;
      for (let position = offset; position < end;) {
        options.signal?.throwIfAborted();
        const length = Math.min(READ_BYTES, end - position);
        if (chunk === undefined || !options.reuseMemory) chunk = new Uint8Array(length);
        const { bytesRead } = await this.#explain(
          `read "${key}"`,
          () => file.read(chunk!, 0, length, position),
        );
        if (bytesRead === 0) throw this.#endedEarly(key, position, end);
        position += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    return await this.#explain(`look at "${key}"`, async () => {
      if (!(await this.#parentIsPlain(key))) return undefined;
      const info = await unless(ABSENT, () => lstat(this.#path(key)));
      if (info?.isSymbolicLink()) throw linkError();
      if (!info?.isFile()) return undefined;
      return { key, size: info.size, modifiedAt: Math.round(info.mtimeMs) };
    });
  }

  async *list(prefix: string): AsyncGenerator<StoredObject, void, void> {
    checkPrefix(prefix);
    yield* this.#explainEach("list", walk(this.location, prefix));
  }

  async *listFolders(folder: string): AsyncGenerator<string, void, void> {
    checkFolder(folder);
    yield* this.#explainEach("list", walkFolders(this.location, folder));
  }

  /** Removes also the directories that become empty, as a folder is nothing but its objects. */
  async delete(keys: Iterable<string>): Promise<void> {
    for (const key of keys) {
      checkKey(key);
      await this.#explain(`delete "${key}"`, () => this.#delete(key));
    }
  }

  async close(): Promise<void> {
    // Not when it is not empty.
    if (this.#madeRoot) await rmdir(this.location).catch(() => {});
  }

  async #create(key: string, options: PutOptions): Promise<UnfinishedFile> {
    if (await this.#isTaken(key, options.ifAbsent ?? false)) {
      throw new ObjectExistsError(key, this.location);
    }
    return await this.#createFile(key);
  }

  async #publish(key: string, file: UnfinishedFile, options: PutOptions): Promise<void> {
    const ifAbsent = options.ifAbsent ?? false;
    await file.finish();
    options.signal?.throwIfAborted();
    try {
      await file.publish(this.#path(key), { ifAbsent, hardLinks: this.#hardLinks });
    } catch (error) {
      if (!ifAbsent || systemCode(error) !== "EEXIST") throw error;
      throw new ObjectExistsError(key, this.location, { cause: error });
    }
  }

  /** Looks before the source is read; what decides is the publishing at the end. */
  async #isTaken(key: string, ifAbsent: boolean): Promise<boolean> {
    if (!(await this.#parentIsPlain(key))) return false;
    const info = await unless(ABSENT, () => lstat(this.#path(key)));
    if (info?.isSymbolicLink()) throw linkError();
    if (info?.isDirectory()) throw Object.assign(new Error("a directory"), { code: "EISDIR" });
    return ifAbsent && info !== undefined;
  }

  async #createFile(key: string): Promise<UnfinishedFile> {
    const directory = dirname(this.#path(key));
    for (let tries = 1;; tries++) {
      try {
        this.#madeRoot ||= !(await this.#rootExists());
        await makeDirectories(directory);
        if (!this.#cleaned.has(directory)) {
          await removeStaleFiles(directory);
          this.#cleaned.add(directory);
        }
        return await UnfinishedFile.create(directory);
      } catch (error) {
        if (systemCode(error) !== "ENOENT" || tries === CREATE_TRIES) throw error;
      }
    }
  }

  async #openObject(key: string): Promise<FileHandle> {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    const found = await this.#parentIsPlain(key);
    // O_NONBLOCK: opening a named pipe would wait for its writer.
    const file = found &&
      await unless(ABSENT, () => open(this.#path(key), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (!file) throw new ObjectMissingError(key, this.location);
    const info = await file.stat();
    if (info.isFile()) return file;
    await file.close();
    throw new ObjectMissingError(key, this.location);
  }

  async #delete(key: string): Promise<void> {
    if (!(await this.#parentIsPlain(key))) return;
    const info = await unless(ABSENT, () => lstat(this.#path(key)));
    if (info === undefined || info.isDirectory()) return;
    await rm(this.#path(key), { force: true });
    await this.#removeEmptyParents(key);
  }

  async #removeEmptyParents(key: string): Promise<void> {
    const components = key.split("/").slice(0, -1);
    for (; components.length > 0; components.pop()) {
      try {
        await rmdir(this.#path(components.join("/")));
      } catch {
        return; // not empty, or not ours to remove: it does no harm
      }
    }
  }

  async #parentIsPlain(key: string): Promise<boolean> {
    const slash = key.lastIndexOf("/");
    return slash < 0 || await isPlainDirectory(this.location, key.slice(0, slash));
  }

  #path(key: string): string {
    return join(this.location, key);
  }

  #endedEarly(key: string, position: number, end: number): AppError {
    return new AppError(
      "storage_unreachable",
      `Cannot read "${key}" in ${this.location}: it ended at ${position} of ${end} bytes`,
      { hint: "Another process changes this directory; see which" },
    );
  }

  async #explain<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await explainSystemError(error, `${action} in ${this.location}`, this.location);
    }
  }

  async *#explainEach<T>(action: string, source: AsyncIterable<T>): AsyncGenerator<T, void, void> {
    try {
      yield* source;
    } catch (error) {
      const what = `${action} ${this.location}`;
      if (systemCode(error) === "ENOENT" && !(await this.#rootExists())) {
        throw rootMissing(what, this.location);
      }
      throw await explainSystemError(error, what, this.location);
    }
  }

  async #rootExists(): Promise<boolean> {
    return await stat(this.location).then(() => true, () => false);
  }
}

function linkError(): Error {
  return Object.assign(new Error("a symbolic link"), { code: "ELOOP" });
}
