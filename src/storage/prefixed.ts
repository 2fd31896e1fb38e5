import { checkFolder, checkKey, checkPrefix } from "./key.ts";
import {
  type GetOptions,
  ObjectExistsError,
  ObjectMissingError,
  type PutOptions,
  type Storage,
  type StoredObject,
} from "./storage.ts";

/** The part of another store whose keys lie below a folder; its keys are without that folder. */
export class PrefixedStorage implements Storage {
  readonly location: string;
  readonly #inner: Storage;
  readonly #prefix: string;

  /**
   * @param folder a key, without a slash at the end
   * @param options.location for messages; default: that of the store and the folder behind it
   * @throws RangeError when `folder` is no key
   */
  constructor(inner: Storage, folder: string, options: { location?: string } = {}) {
    checkKey(folder);
    this.location = options.location ?? `${inner.location}/${folder}`;
    this.#inner = inner;
    this.#prefix = `${folder}/`;
  }

  async put(
    key: string,
    source: AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<number> {
    checkKey(key);
    try {
      return await this.#inner.put(this.#prefix + key, source, options);
    } catch (error) {
      throw this.#withOuterKey(error, key);
    }
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkKey(key);
    try {
      yield* this.#inner.get(this.#prefix + key, options);
    } catch (error) {
      throw this.#withOuterKey(error, key);
    }
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    const object = await this.#inner.stat(this.#prefix + key);
    return object && { ...object, key };
  }

  async *list(prefix: string): AsyncGenerator<StoredObject, void, void> {
    checkPrefix(prefix);
    for await (const object of this.#inner.list(this.#prefix + prefix)) {
      yield { ...object, key: object.key.slice(this.#prefix.length) };
    }
  }

  async *listFolders(folder: string): AsyncGenerator<string, void, void> {
    checkFolder(folder);
    yield* this.#inner.listFolders(
      folder === "" ? this.#prefix.slice(0, -1) : this.#prefix + folder,
    );
  }

  async delete(keys: Iterable<string>): Promise<void> {
    const inner: string[] = [];
    for (const key of keys) {
      checkKey(key);
      inner.push(this.#prefix + key);
    }
    await this.#inner.delete(inner);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  #withOuterKey(error: unknown, key: string): unknown {
    const options = { cause: error };
    if (error instanceof ObjectMissingError) {
      return new ObjectMissingError(key, this.location, options);
    }
    if (error instanceof ObjectExistsError) {
      return new ObjectExistsError(key, this.location, options);
    }
    return error;
  }
}
