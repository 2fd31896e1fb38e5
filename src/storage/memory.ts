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

interface MemoryObject {
  readonly bytes: Uint8Array;
  readonly modifiedAt: number;
}

/** Size of the chunks that `get` gives. */
const READ_BYTES = 512 * 1024;

/** All stores of this process, by name. */
const STORES = new Map<string, Map<string, MemoryObject>>();

/**
 * Objects in this process's memory: `memory://name`. All with the same name see the same objects,
 * which live until the process ends. For tests and trials.
 */
export class MemoryStorage implements Storage {
  readonly location: string;
  readonly #objects: Map<string, MemoryObject>;

  constructor(name = "default") {
    this.location = `memory://${name}`;
    const known = STORES.get(name);
    this.#objects = known ?? new Map();
    if (known === undefined) STORES.set(name, this.#objects);
  }

  async put(
    key: string,
    source: AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<number> {
    checkKey(key);
    options.signal?.throwIfAborted();
    this.#refuseTaken(key, options);
    const chunks: Uint8Array[] = [];
    // Copied: the source may use its buffer again.
    for await (const chunk of pull(source, options.signal)) chunks.push(chunk.slice());
    options.signal?.throwIfAborted();
    const bytes = concatenate(chunks);
    this.#refuseTaken(key, options);
    this.#objects.set(key, { bytes, modifiedAt: Date.now() });
    return bytes.length;
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkKey(key);
    const offset = options.offset ?? 0;
    const object = this.#objects.get(key);
    if (object === undefined) throw new ObjectMissingError(key, this.location);
    const size = object.bytes.length;
    const end = endOf(options, size);
    if (offset < 0 || end < offset || end > size) {
      throw new RangeError(`Cannot read "${key}": ${offset} to ${end} of ${size} bytes`);
    }
    for (let position = offset; position < end; position += READ_BYTES) {
      options.signal?.throwIfAborted();
      yield object.bytes.slice(position, Math.min(position + READ_BYTES, end));
    }
  }

  // deno-lint-ignore require-await
  async stat(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    const object = this.#objects.get(key);
    return object && { key, size: object.bytes.length, modifiedAt: object.modifiedAt };
  }

  async *list(prefix: string): AsyncGenerator<StoredObject, void, void> {
    checkPrefix(prefix);
    for (const key of [...this.#objects.keys()].sort()) {
      if (!key.startsWith(prefix)) continue;
      const object = await this.stat(key);
      if (object !== undefined) yield object;
    }
  }

  async *listFolders(folder: string): AsyncGenerator<string, void, void> {
    checkFolder(folder);
    const prefix = folder === "" ? "" : `${folder}/`;
    const names = new Set<string>();
    for (const key of this.#objects.keys()) {
      const slash = key.indexOf("/", prefix.length);
      if (key.startsWith(prefix) && slash >= 0) names.add(key.slice(prefix.length, slash));
    }
    yield* [...names].sort();
  }

  // deno-lint-ignore require-await
  async delete(keys: Iterable<string>): Promise<void> {
    for (const key of keys) {
      checkKey(key);
      this.#objects.delete(key);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #refuseTaken(key: string, options: PutOptions): void {
    if (options.ifAbsent && this.#objects.has(key)) {
      throw new ObjectExistsError(key, this.location);
    }
  }
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
