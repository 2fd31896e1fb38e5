import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import {
  type BlockBlobClient,
  ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
  newPipeline,
  type Pipeline,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { type AzureConfig, isLoopback } from "../../config/storage.ts";
import type { HttpTransport } from "../http.ts";
import {
  changedFailure,
  type DriverOptions,
  type ListQuery,
  type ObjectDriver,
  type ObjectHead,
  type ObjectPage,
  type ObjectRead,
  type ObjectUpload,
  type ReadRange,
  type UploadPart,
  wholeSize,
  WRITE_ID,
  type WriteOptions,
} from "../object_driver.ts";
import { azureFailure } from "./failure.ts";
import { AzureHttpClient } from "./http_client.ts";

/** A container of Azure Blob Storage. */
export class AzureDriver implements ObjectDriver {
  readonly sequentialParts = false;
  readonly deleteBatch = 1;
  readonly failureOf = azureFailure;
  readonly #config: AzureConfig;
  readonly #options: DriverOptions;
  #container: Promise<ContainerClient> | undefined;

  constructor(config: AzureConfig, options: DriverOptions) {
    this.#config = config;
    this.#options = options;
  }

  async put(
    key: string,
    bytes: Uint8Array,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const blob = await this.#blob(key);
    await blob.upload(asBuffer(bytes), bytes.length, {
      ...this.#written(options),
      // The service refuses bytes that do not have this hash.
      blobHTTPHeaders: { blobContentMD5: md5Of(bytes) },
      abortSignal: signal,
    });
  }

  async startUpload(key: string, options: WriteOptions): Promise<ObjectUpload> {
    const blob = await this.#blob(key);
    const blocks: string[] = [];
    return {
      part: async ({ index, bytes }: UploadPart, signal) => {
        const id = blockId(options.writeId, index);
        await blob.stageBlock(id, asBuffer(bytes), bytes.length, {
          transactionalContentMD5: md5Of(bytes),
          ...this.#scope(),
          abortSignal: signal,
        });
        blocks[index] = id;
      },
      complete: async (signal) => {
        await blob.commitBlockList(blocks, { ...this.#written(options), abortSignal: signal });
      },
      // Blocks that no list names are removed by the service itself, and show nowhere.
      abort: () => Promise.resolve(),
    };
  }

  async read(key: string, range: ReadRange, signal: AbortSignal): Promise<ObjectRead> {
    const { offset, end, version } = range;
    const blob = await this.#blob(key);
    try {
      const found = await blob.download(offset, end === undefined ? undefined : end - offset, {
        maxRetryRequests: 0,
        abortSignal: signal,
        ...(version === undefined ? {} : { conditions: { ifMatch: version } }),
      });
      return {
        size: wholeSize(found.contentRange, found.contentLength),
        version: found.etag ?? "",
        body: piecesOf(found.readableStreamBody as Readable),
      };
    } catch (error) {
      if (azureFailure(error)?.kind !== "exists") throw error;
      throw changedFailure(error);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead> {
    const found = await (await this.#blob(key)).getProperties({ abortSignal: signal });
    return {
      key,
      size: found.contentLength ?? 0,
      modifiedAt: found.lastModified?.getTime() ?? 0,
      writeId: found.metadata?.[WRITE_ID],
    };
  }

  async list(query: ListQuery, signal: AbortSignal): Promise<ObjectPage> {
    const container = await this.#open();
    const { prefix, delimiter, next } = query;
    const options = { prefix, abortSignal: signal };
    const { pageSize } = this.#options;
    const at = {
      ...(next === undefined ? {} : { continuationToken: next }),
      ...(pageSize === undefined ? {} : { maxPageSize: pageSize }),
    };
    if (delimiter === undefined) {
      const page = await firstOf(container.listBlobsFlat(options).byPage(at));
      return pageOf(page, []);
    }
    const page = await firstOf(container.listBlobsByHierarchy(delimiter, options).byPage(at));
    return pageOf(page, page?.segment.blobPrefixes ?? []);
  }

  async delete(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (const key of keys) {
      await (await this.#blob(key)).deleteIfExists({ abortSignal: signal });
    }
  }

  close(): Promise<void> {
    return this.#options.transport.close();
  }

  async #blob(key: string): Promise<BlockBlobClient> {
    return (await this.#open()).getBlockBlobClient(key);
  }

  #open(): Promise<ContainerClient> {
    this.#container ??= openContainer(this.#config, this.#options.transport);
    return this.#container;
  }

  /** What is said of blobs and of the blocks that they are made of. */
  #scope() {
    const { encryption_scope } = this.#config;
    return encryption_scope === undefined ? {} : { encryptionScope: encryption_scope };
  }

  /** What is said of a new blob. */
  #written({ ifAbsent, writeId, isTransient }: WriteOptions) {
    const { metadata, tags, access_tier } = this.#config;
    return {
      metadata: { ...metadata, [WRITE_ID]: writeId },
      ...(tags === undefined ? {} : { tags }),
      ...(access_tier === undefined || isTransient ? {} : { tier: access_tier }),
      ...this.#scope(),
      ...(ifAbsent ? { conditions: { ifNoneMatch: "*" } } : {}),
    };
  }
}

async function openContainer(
  config: AzureConfig,
  transport: HttpTransport,
): Promise<ContainerClient> {
  const { account_name, account_key, sas_token, container_name } = config;
  const url = `${serviceUrl(config)}/${container_name}`;
  const key = account_key?.reveal() ?? Deno.env.get("AZURE_STORAGE_KEY");
  const sas = sas_token?.reveal() ?? Deno.env.get("AZURE_STORAGE_SAS_TOKEN");
  const isToken = config.use_workload_identity || config.client_secret !== undefined;
  if (!isToken && account_key === undefined && sas) {
    return new ContainerClient(`${url}?${sas.replace(/^\?/, "")}`, pipeline(transport));
  }
  if (!isToken && key) {
    const credential = new StorageSharedKeyCredential(account_name, key);
    return new ContainerClient(url, pipeline(transport, credential));
  }
  const { tokenCredential } = await import("./credential.ts");
  return new ContainerClient(url, pipeline(transport, tokenCredential(config)));
}

function pipeline(
  transport: HttpTransport,
  credential?: Parameters<typeof newPipeline>[0],
): Pipeline {
  return newPipeline(credential, {
    httpClient: new AzureHttpClient(transport),
    // Requests are sent again in one place: retry.ts.
    retryOptions: { maxTries: 1 },
  });
}

/** Emulators have the account in the path. */
function serviceUrl({ account_name, endpoint }: AzureConfig): string {
  if (endpoint === undefined) return `https://${account_name}.blob.core.windows.net`;
  const url = new URL(endpoint);
  const bare = endpoint.replace(/\/+$/, "");
  return isLoopback(url) && url.pathname === "/" ? `${bare}/${account_name}` : bare;
}

/** All ids of a blob's blocks have the same length. */
function blockId(writeId: string, index: number): string {
  return btoa(`${writeId}${index.toString().padStart(6, "0")}`);
}

function md5Of(bytes: Uint8Array): Uint8Array {
  return createHash("md5").update(bytes).digest();
}

/** The same memory as what the library takes for bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

async function* piecesOf(body: Readable): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of body) yield piece;
  } finally {
    body.destroy();
  }
}

function pageOf(
  page: ContainerListBlobFlatSegmentResponse | undefined,
  folders: readonly { name: string }[],
): ObjectPage {
  return {
    objects: (page?.segment.blobItems ?? []).map(({ name, properties }) => ({
      key: name,
      size: properties.contentLength ?? 0,
      modifiedAt: properties.lastModified.getTime(),
    })),
    folders: folders.map(({ name }) => name),
    next: page?.continuationToken || undefined,
  };
}

async function firstOf<T>(pages: AsyncIterable<T>): Promise<T | undefined> {
  for await (const page of pages) return page;
  return undefined;
}
