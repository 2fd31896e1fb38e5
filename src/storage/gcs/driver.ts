import { createHash } from "node:crypto";
import type { GcsConfig } from "../../config/storage.ts";
import {
  type DriverOptions,
  type ListQuery,
  type ObjectDriver,
  ObjectFailure,
  type ObjectHead,
  type ObjectPage,
  type ObjectRead,
  type ObjectUpload,
  rangeHeader,
  type ReadRange,
  wholeSize,
  WRITE_ID,
  type WriteOptions,
} from "../object_driver.ts";
import { GcsApi, type GcsResource } from "./api.ts";
import { gcsFailure } from "./failure.ts";
import { GcsUpload } from "./upload.ts";

/**
 * A bucket of Google Cloud Storage, by its JSON API. Google's library for it can neither be aborted
 * nor share memory between uploads; credentials come from its library google-auth-library.
 */
export class GcsDriver implements ObjectDriver {
  readonly sequentialParts = true;
  readonly deleteBatch = 1;
  readonly failureOf = gcsFailure;
  readonly #config: GcsConfig;
  readonly #api: GcsApi;
  readonly #pageSize: number | undefined;

  constructor(config: GcsConfig, options: DriverOptions) {
    this.#config = config;
    this.#api = new GcsApi(config, options.transport);
    this.#pageSize = options.pageSize;
  }

  async put(
    key: string,
    bytes: Uint8Array,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const boundary = `part-${options.writeId}`;
    const md5Hash = createHash("md5").update(bytes).digest("base64");
    // The service refuses bytes that do not have this hash.
    const resource = JSON.stringify({ ...this.#written(key, options), md5Hash });
    const body = new Blob([
      `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resource}\r\n`,
      `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
      bytes as Uint8Array<ArrayBuffer>,
      `\r\n--${boundary}--\r\n`,
    ]);
    await this.#api.text({
      method: "POST",
      url: this.#uploadUrl("multipart", options),
      headers: { "content-type": `multipart/related; boundary=${boundary}` },
      body: await body.bytes(),
      signal,
    });
  }

  async startUpload(
    key: string,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<ObjectUpload> {
    const answer = await this.#api.send({
      method: "POST",
      url: this.#uploadUrl("resumable", options),
      headers: { "content-type": "application/json; charset=UTF-8" },
      body: new TextEncoder().encode(JSON.stringify(this.#written(key, options))),
      signal,
    });
    await answer.discard();
    const session = answer.headers.get("location");
    if (session === null) throw new ObjectFailure("transient", "the service began no upload");
    return new GcsUpload(this.#api, { key, session });
  }

  async read(key: string, range: ReadRange, signal: AbortSignal): Promise<ObjectRead> {
    const part = rangeHeader(range);
    const answer = await this.#api.send({
      method: "GET",
      url: this.#api.objectUrl(key, { alt: "media", generation: range.version }),
      headers: part === undefined ? {} : { range: part },
      signal,
    });
    const { headers } = answer;
    return {
      size: wholeSize(headers.get("content-range"), headers.get("content-length")),
      version: headers.get("x-goog-generation") ?? "",
      body: answer.body({ reuseMemory: true }),
    };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead> {
    const url = this.#api.objectUrl(key);
    const resource = await this.#api.json<GcsResource>({ method: "GET", url, signal });
    return { ...described(resource), writeId: resource.metadata?.[WRITE_ID] };
  }

  async list(query: ListQuery, signal: AbortSignal): Promise<ObjectPage> {
    const url = this.#api.listUrl({
      prefix: query.prefix,
      delimiter: query.delimiter,
      pageToken: query.next,
      maxResults: this.#pageSize?.toString(),
      fields: "items(name,size,updated),prefixes,nextPageToken",
    });
    const page = await this.#api.json<{
      items?: GcsResource[];
      prefixes?: string[];
      nextPageToken?: string;
    }>({ method: "GET", url, signal });
    return {
      objects: (page.items ?? []).map(described),
      folders: page.prefixes ?? [],
      next: page.nextPageToken || undefined,
    };
  }

  async delete(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (const key of keys) {
      try {
        await this.#api.text({ method: "DELETE", url: this.#api.objectUrl(key), signal });
      } catch (error) {
        if (gcsFailure(error)?.kind !== "missing") throw error;
      }
    }
  }

  close(): Promise<void> {
    return this.#api.transport.close();
  }

  #uploadUrl(uploadType: string, { ifAbsent }: WriteOptions): string {
    return this.#api.uploadUrl({
      uploadType,
      ifGenerationMatch: ifAbsent ? "0" : undefined,
      kmsKeyName: this.#config.kms_key,
    });
  }

  /** What is said of a new object. */
  #written(key: string, { writeId, isTransient }: WriteOptions) {
    const { metadata, storage_class } = this.#config;
    return {
      name: key,
      metadata: { ...metadata, [WRITE_ID]: writeId },
      ...(storage_class === undefined || isTransient ? {} : { storageClass: storage_class }),
    };
  }
}

function described({ name, size, updated }: GcsResource) {
  return { key: name, size: Number(size), modifiedAt: Date.parse(updated) };
}
