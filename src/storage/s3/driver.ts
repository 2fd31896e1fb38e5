import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { S3Config } from "../../config/storage.ts";
import type { HttpTransport } from "../http.ts";
import {
  changedFailure,
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
  type UploadPart,
  wholeSize,
  WRITE_ID,
  type WriteOptions,
} from "../object_driver.ts";
import { s3Failure } from "./failure.ts";
import { S3HttpHandler } from "./http_handler.ts";

const DAY_MS = 86_400_000;

/** A bucket of Amazon S3, or of a store that speaks its protocol. */
export class S3Driver implements ObjectDriver {
  readonly sequentialParts = false;
  readonly deleteBatch = 1000;
  readonly failureOf = s3Failure;
  readonly #config: S3Config;
  readonly #client: S3Client;
  readonly #options: DriverOptions;

  constructor(config: S3Config, options: DriverOptions) {
    this.#config = config;
    this.#options = options;
    this.#client = clientOf(config, options.transport);
  }

  async put(
    key: string,
    bytes: Uint8Array,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const command = new PutObjectCommand({
      ...this.#target(key),
      ...this.#written(options),
      ...(options.ifAbsent ? { IfNoneMatch: "*" } : {}),
      Body: bytes,
      ContentLength: bytes.length,
    });
    await this.#client.send(command, { abortSignal: signal });
  }

  async startUpload(
    key: string,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<ObjectUpload> {
    const client = this.#client;
    const command = new CreateMultipartUploadCommand({
      ...this.#target(key),
      ...this.#written(options),
      // As the parts will have it.
      ...(await client.config.requestChecksumCalculation() === "WHEN_SUPPORTED"
        ? { ChecksumAlgorithm: "CRC32" }
        : {}),
    });
    const { UploadId } = await client.send(command, { abortSignal: signal });
    const target = { ...this.#target(key), UploadId };
    const parts: CompletedPart[] = [];
    return {
      part: async ({ index, bytes }: UploadPart, signal) => {
        const PartNumber = index + 1;
        const { ETag, ChecksumCRC32 } = await client.send(
          new UploadPartCommand({
            ...target,
            PartNumber,
            Body: bytes,
            ContentLength: bytes.length,
          }),
          { abortSignal: signal },
        );
        parts[index] = { PartNumber, ETag, ...(ChecksumCRC32 && { ChecksumCRC32 }) };
      },
      complete: async (signal) => {
        const command = new CompleteMultipartUploadCommand({
          ...target,
          MultipartUpload: { Parts: parts },
          ...(options.ifAbsent ? { IfNoneMatch: "*" } : {}),
        });
        await client.send(command, { abortSignal: signal });
      },
      abort: async (signal) => {
        try {
          await client.send(new AbortMultipartUploadCommand(target), { abortSignal: signal });
        } catch (error) {
          if ((error as Error).name !== "NoSuchUpload") throw error;
        }
      },
    };
  }

  async read(key: string, range: ReadRange, signal: AbortSignal): Promise<ObjectRead> {
    const { version } = range;
    const Range = rangeHeader(range);
    const command = new GetObjectCommand({
      ...this.#target(key),
      ...(Range === undefined ? {} : { Range }),
      ...(version === undefined ? {} : { IfMatch: version }),
    });
    try {
      const found = await this.#client.send(command, { abortSignal: signal });
      const body = found.Body as unknown as ReadableStream<Uint8Array> | undefined;
      return {
        size: wholeSize(found.ContentRange, found.ContentLength),
        version: found.ETag ?? "",
        body: body ?? ReadableStream.from([]),
      };
    } catch (error) {
      const failure = s3Failure(error);
      if (failure?.kind !== "exists") throw error;
      throw changedFailure(error);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead> {
    const command = new HeadObjectCommand(this.#target(key));
    const found = await this.#client.send(command, { abortSignal: signal });
    return {
      key,
      size: found.ContentLength ?? 0,
      modifiedAt: toSeconds(found.LastModified),
      writeId: found.Metadata?.[WRITE_ID],
    };
  }

  async list(query: ListQuery, signal: AbortSignal): Promise<ObjectPage> {
    const command = new ListObjectsV2Command({
      ...this.#bucket(),
      Prefix: query.prefix,
      Delimiter: query.delimiter,
      ContinuationToken: query.next,
      MaxKeys: this.#options.pageSize,
    });
    const page = await this.#client.send(command, { abortSignal: signal });
    return {
      objects: (page.Contents ?? []).map(({ Key, Size, LastModified }) => ({
        key: Key ?? "",
        size: Size ?? 0,
        modifiedAt: toSeconds(LastModified),
      })),
      folders: (page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ""),
      next: page.NextContinuationToken,
    };
  }

  async delete(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const command = new DeleteObjectsCommand({
      ...this.#bucket(),
      Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
    });
    const { Errors = [], $metadata } = await this.#client.send(command, { abortSignal: signal });
    const [first] = Errors.filter(({ Code }) => Code !== "NoSuchKey");
    if (first === undefined) return;
    const isBusy = /^(SlowDown|InternalError|ServiceUnavailable)$/.test(first.Code ?? "");
    throw new ObjectFailure(
      isBusy ? "transient" : "denied",
      `"${first.Key}": ${first.Code}: ${first.Message}`,
      { requestId: $metadata.requestId },
    );
  }

  close(): Promise<void> {
    this.#client.destroy();
    return this.#options.transport.close();
  }

  #bucket() {
    const { bucket, requester_pays } = this.#config;
    return { Bucket: bucket, ...(requester_pays ? { RequestPayer: "requester" as const } : {}) };
  }

  #target(key: string) {
    return { ...this.#bucket(), Key: key };
  }

  /** What is said of a new object. */
  #written({ writeId, isTransient }: WriteOptions): Partial<CreateMultipartUploadCommandInput> {
    const { sse, sse_kms_key_id, storage_class, tags, metadata } = this.#config;
    const { object_lock_mode, object_lock_days = 0 } = this.#config;
    return {
      Metadata: { ...metadata, [WRITE_ID]: writeId },
      ...(sse && { ServerSideEncryption: sse }),
      ...(sse_kms_key_id && { SSEKMSKeyId: sse_kms_key_id }),
      ...(storage_class && !isTransient && { StorageClass: storage_class }),
      ...(tags && { Tagging: new URLSearchParams(tags).toString() }),
      ...(object_lock_mode && !isTransient && {
        ObjectLockMode: object_lock_mode,
        ObjectLockRetainUntilDate: new Date(Date.now() + object_lock_days * DAY_MS),
      }),
    };
  }
}

function clientOf(config: S3Config, transport: HttpTransport): S3Client {
  const { access_key, secret_key, session_token, endpoint } = config;
  const region = config.region ?? (endpoint === undefined ? undefined : "us-east-1");
  return new S3Client({
    requestHandler: new S3HttpHandler(transport),
    // Requests are sent again in one place: retry.ts.
    maxAttempts: 1,
    responseChecksumValidation: "WHEN_REQUIRED",
    forcePathStyle: config.path_style ?? endpoint !== undefined,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(access_key === undefined || secret_key === undefined ? {} : {
      credentials: {
        accessKeyId: access_key,
        secretAccessKey: secret_key.reveal(),
        ...(session_token === undefined ? {} : { sessionToken: session_token.reveal() }),
      },
    }),
  });
}

/** HEAD tells the time in seconds, a listing in milliseconds. */
function toSeconds(time: Date | undefined): number {
  return Math.floor((time?.getTime() ?? 0) / 1000) * 1000;
}
