/** One stored object as a listing shows it. */
export interface StoredObject {
  readonly key: string;
  /** Size in bytes. */
  readonly size: number;
  /** Last modification, in epoch milliseconds. */
  readonly modifiedAt: number;
}

/** Options of {@linkcode Storage.put}. */
export interface PutOptions {
  /** Fail with {@linkcode ObjectExistsError} when the key exists, decided by the store atomically. */
  ifAbsent?: boolean;
  /**
   * It is soon replaced or deleted: leave out the storage class and the retention that the
   * configuration has for backups, where they cost or forbid that.
   */
  isTransient?: boolean;
  signal?: AbortSignal;
}

/** Options of {@linkcode Storage.get}: a byte range; without `length` to the end. */
export interface GetOptions {
  offset?: number;
  length?: number;
  /** With `length`: an object that ends before it is read to its end. */
  orLess?: boolean;
  /** Give pieces that are valid only until the next is asked for, where that takes less memory. */
  reuseMemory?: boolean;
  signal?: AbortSignal;
}

/**
 * A place that keeps objects under keys. Keys are relative, `/`-separated text without control
 * characters and backslash, without `.` or `..` components and without components that start with
 * `.tmp-`, at most 255 bytes of UTF-8 a component and 1024 in all; an implementation refuses others
 * with a `RangeError`. This tool writes ASCII only; an earlier one did not.
 *
 * Every implementation passes `tests/conformance/storage.ts`. Errors are {@linkcode AppError}s with
 * code `storage_unreachable` (after retries, where the store is remote), `storage_denied`,
 * `storage_missing` or `storage_full`, and the two classes below.
 */
export interface Storage {
  /** Where it is, for messages: a path or URL without secrets. */
  readonly location: string;

  /**
   * Stores a stream of unknown length in bounded memory. The object appears whole or not at all:
   * when the source or the store fails, nothing is visible and nothing is left behind that the store
   * would not remove itself.
   * Without `ifAbsent` an existing object is replaced atomically. Returns the size in bytes.
   * The source may use the memory of a piece again once it is asked for the next: keep copies only.
   */
  put(key: string, source: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<number>;

  /**
   * Reads an object, or a range of it, as a stream. Throws {@linkcode ObjectMissingError} on the
   * first read when there is none, and `RangeError` when the object does not have the whole range,
   * unless `orLess` lets it end before.
   * A stream that ends early is an error, not an end.
   */
  get(key: string, options?: GetOptions): AsyncIterable<Uint8Array>;

  /** Size and time of one object, or `undefined` when there is none. */
  stat(key: string): Promise<StoredObject | undefined>;

  /** All objects whose key starts with `prefix` (a string prefix), in ascending byte order of keys. */
  list(prefix: string): AsyncIterable<StoredObject>;

  /**
   * Names of the folders directly below `folder` ("" is the root), without slashes, ascending:
   * the distinct next components of keys that have more below them.
   */
  listFolders(folder: string): AsyncIterable<string>;

  /** Deletes objects; keys that do not exist are passed over. */
  delete(keys: Iterable<string>): Promise<void>;

  /** Releases what the store holds; calling it twice is fine. */
  close(): Promise<void>;
}

/** The object asked for does not exist. */
export class ObjectMissingError extends Error {
  constructor(readonly key: string, readonly location: string, options?: ErrorOptions) {
    super(`Cannot read "${key}" in ${location}: no such object`, options);
    this.name = "ObjectMissingError";
  }
}

/** `ifAbsent` was asked for and the key exists. */
export class ObjectExistsError extends Error {
  constructor(readonly key: string, readonly location: string, options?: ErrorOptions) {
    super(`Cannot store "${key}" in ${location}: it exists already`, options);
    this.name = "ObjectExistsError";
  }
}

/** Where the wanted range of an object of that size ends, which may lie behind its end. */
export function endOf({ offset = 0, length, orLess }: GetOptions, size: number): number {
  if (length === undefined) return size;
  return orLess ? Math.min(offset + length, Math.max(size, offset)) : offset + length;
}

/** Reads a whole small object (manifests, definitions) into memory, at most `maxBytes`. */
export async function readAll(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError(`Cannot read object: more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** A text or bytes as a source of {@linkcode Storage.put}. */
export async function* bytesOf(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield typeof content === "string" ? new TextEncoder().encode(content) : content;
}
