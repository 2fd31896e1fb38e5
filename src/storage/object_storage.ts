import PQueue from "p-queue";
import type { ObjectStoreConfig } from "../config/storage.ts";
import { checkFolder, checkKey, checkPrefix, isComponent } from "./key.ts";
import { type ObjectDriver, ObjectFailure } from "./object_driver.ts";
import { explainFailure } from "./object_error.ts";
import { uploadObject } from "./object_upload.ts";
import { PartBudget } from "./part_budget.ts";
import { pull } from "./pull.ts";
import { Retrier, type RetryOptions } from "./retry.ts";
import {
  endOf,
  type GetOptions,
  ObjectExistsError,
  ObjectMissingError,
  type PutOptions,
  type Storage,
  type StoredObject,
} from "./storage.ts";

/** Requests of one `delete` that are under way at the same time. */
const DELETES_AT_ONCE = 16;

/** Options of {@linkcode ObjectStorage}. */
export interface ObjectStorageOptions extends RetryOptions {
  readonly partSize: ObjectStoreConfig["part_size"];
  /** Parts in memory at the same time. */
  readonly uploadConcurrency: number;
}

/** Objects in a cloud's store; what differs between clouds is in the driver. */
export class ObjectStorage implements Storage {
  readonly location: string;
  /** Parts in memory. */
  readonly budget: PartBudget;
  readonly #driver: ObjectDriver;
  readonly #retrier: Retrier;
  readonly #partSize: number;

  constructor(driver: ObjectDriver, options: ObjectStorageOptions) {
    this.location = options.location;
    this.budget = new PartBudget(options.uploadConcurrency);
    this.#driver = driver;
    this.#retrier = new Retrier(options);
    this.#partSize = options.partSize;
  }

  async put(
    key: string,
    source: AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<number> {
    checkKey(key);
    const ifAbsent = options.ifAbsent ?? false;
    const signal = this.#retrier.signalOf(options.signal);
    signal.throwIfAborted();
    // Looks before the source is read; what decides is the condition of the write.
    if (ifAbsent && await this.#head(key, signal) !== undefined) {
      throw new ObjectExistsError(key, this.location);
    }
    const context = {
      key,
      driver: this.#driver,
      budget: this.budget,
      partSize: this.#partSize,
      write: {
        ifAbsent,
        writeId: crypto.randomUUID(),
        isTransient: options.isTransient ?? false,
      },
      signal,
      request: <T>(work: (signal: AbortSignal) => Promise<T>) =>
        this.#request(`store "${key}"`, { work, key, signal, writes: true }),
    };
    return await uploadObject(context, pull(source, signal));
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkKey(key);
    const { offset = 0, length, reuseMemory = false, signal } = options;
    signal?.throwIfAborted();
    if (offset < 0 || (length ?? 0) < 0) throw rangeError(key, offset, length);
    if (length === 0) return await this.#checkPlace(key, { offset, signal });
    let position = offset;
    let end = length === undefined ? undefined : offset + length;
    let version: string | undefined;
    while (end === undefined || position < end) {
      // Opened again where it broke, as long as each time something comes.
      const opened = await this.#open(key, { offset: position, end, version, signal });
      if (opened === undefined) return await this.#checkPlace(key, { offset, signal });
      version = opened.version;
      end = endOf(options, opened.size);
      if (end > opened.size) throw rangeError(key, offset, length);
      for await (const piece of this.#piecesUntilBroken(opened, { key, signal })) {
        position += piece.length;
        yield reuseMemory ? piece : piece.slice();
      }
    }
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    return await this.#head(key);
  }

  async *list(prefix: string): AsyncGenerator<StoredObject, void, void> {
    checkPrefix(prefix);
    for await (const { objects } of this.#pages({ prefix })) {
      // Other tools' objects may have names that are no keys here.
      for (const object of objects) if (isKey(object.key)) yield object;
    }
  }

  async *listFolders(folder: string): AsyncGenerator<string, void, void> {
    checkFolder(folder);
    const prefix = folder === "" ? "" : `${folder}/`;
    const names: string[] = [];
    for await (const { folders } of this.#pages({ prefix, delimiter: "/" })) {
      for (const found of folders) {
        const name = found.slice(prefix.length, -1);
        if (isComponent(name)) names.push(name);
      }
    }
    // The service sorts "a/" behind "a-b/".
    yield* names.sort();
  }

  async delete(keys: Iterable<string>): Promise<void> {
    const all = [...new Set(keys)];
    for (const key of all) checkKey(key);
    const pool = new PQueue({ concurrency: DELETES_AT_ONCE });
    const size = this.#driver.deleteBatch;
    const work: Promise<void>[] = [];
    for (let at = 0; at < all.length; at += size) {
      const batch = all.slice(at, at + size);
      const what = batch.length === 1 ? `"${batch[0]}"` : `${batch.length} objects`;
      work.push(
        pool.add(() =>
          this.#request(`delete ${what}`, { work: (signal) => this.#driver.delete(batch, signal) })
        ),
      );
    }
    await Promise.all(work);
  }

  async close(): Promise<void> {
    await this.#driver.close();
  }

  async #head(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    try {
      const { size, modifiedAt } = await this.#request(`look at "${key}"`, {
        work: (signal) => this.#driver.head(key, signal),
        key,
        signal,
      });
      return { key, size, modifiedAt };
    } catch (error) {
      if (error instanceof ObjectMissingError) return undefined;
      throw error;
    }
  }

  /** An empty range is right where the object has that place. */
  async #checkPlace(
    key: string,
    { offset, signal }: { offset: number; signal: AbortSignal | undefined },
  ): Promise<void> {
    const object = await this.#head(key, signal);
    if (object === undefined) throw new ObjectMissingError(key, this.location);
    if (offset > object.size) throw rangeError(key, offset, 0);
  }

  /**
   * An object of which the first piece has come; `undefined` when it ends before the range begins.
   * Until something comes it is one request, so that a store that only ever begins is given up.
   */
  async #open(
    key: string,
    range: {
      offset: number;
      end: number | undefined;
      version: string | undefined;
      signal: AbortSignal | undefined;
    },
  ): Promise<OpenedObject | undefined> {
    const work = async (signal: AbortSignal): Promise<OpenedObject | undefined> => {
      const { size, version, body } = await this.#driver.read(key, range, signal);
      const pieces = pull(body, signal);
      const first = await pieces.next();
      if (first.done && range.offset < Math.min(range.end ?? size, size)) {
        throw new ObjectFailure("transient", "the answer ended before its first byte");
      }
      return { size, version, first: first.value, pieces };
    };
    try {
      return await this.#request(`read "${key}"`, { work, key, signal: range.signal });
    } catch (error) {
      if (error instanceof Error && failureBehind(error)?.kind === "range") return undefined;
      throw error;
    }
  }

  /** Ends where the connection breaks; what is missing is asked for again. */
  async *#piecesUntilBroken(
    { first, pieces }: OpenedObject,
    { key, signal }: { key: string; signal: AbortSignal | undefined },
  ): AsyncGenerator<Uint8Array, void, void> {
    if (first === undefined) return;
    try {
      yield first;
      for await (const piece of pieces) yield piece;
    } catch (error) {
      this.#retrier.signalOf(signal).throwIfAborted();
      const failure = this.#driver.failureOf(error);
      if (failure === undefined) throw error;
      if (failure.kind !== "transient") throw this.#explained(failure, `read "${key}"`, key);
    } finally {
      await pieces.return();
    }
  }

  async *#pages(query: { prefix: string; delimiter?: "/" }) {
    let next: string | undefined;
    do {
      const page = await this.#request("list", {
        work: (signal) => this.#driver.list({ ...query, next }, signal),
      });
      yield page;
      next = page.next;
    } while (next !== undefined);
  }

  async #request<T>(
    action: string,
    { work, key, signal, writes = false }: {
      work: (signal: AbortSignal) => Promise<T>;
      key?: string;
      signal?: AbortSignal | undefined;
      writes?: boolean;
    },
  ): Promise<T> {
    try {
      return await this.#retrier.run(async (signal) => {
        try {
          return await work(signal);
        } catch (error) {
          throw this.#driver.failureOf(error) ?? error;
        }
      }, signal);
    } catch (error) {
      if (!(error instanceof ObjectFailure)) throw error;
      // Where one writes or lists, it can only be the bucket that is missing.
      const isBucket = (writes || action === "list") && error.kind === "missing";
      throw this.#explained(
        isBucket ? new ObjectFailure("no_bucket", error.message, error) : error,
        action,
        key,
      );
    }
  }

  #explained(failure: ObjectFailure, action: string, key: string | undefined): Error {
    const { kind } = failure;
    const { location } = this;
    if (kind === "missing" && key) return new ObjectMissingError(key, location, { cause: failure });
    if (kind === "exists" && key) return new ObjectExistsError(key, location, { cause: failure });
    return explainFailure(
      failure,
      action === "list" ? `list ${location}` : `${action} in ${location}`,
    );
  }
}

/** An object that is being read. */
interface OpenedObject {
  readonly size: number;
  readonly version: string;
  /** Absent when the object is empty. */
  readonly first: Uint8Array | void;
  /** Those behind the first. */
  readonly pieces: AsyncGenerator<Uint8Array, void, void>;
}

function failureBehind({ cause }: Error): ObjectFailure | undefined {
  return cause instanceof ObjectFailure ? cause : undefined;
}

function isKey(text: string): boolean {
  try {
    checkKey(text);
    return true;
  } catch {
    return false;
  }
}

function rangeError(key: string, offset: number, length: number | undefined): RangeError {
  const end = length === undefined ? "the end" : offset + length;
  return new RangeError(`Cannot read "${key}": it does not have ${offset} to ${end}`);
}
