import PQueue from "p-queue";
import type { ObjectDriver, ObjectUpload, WriteOptions } from "./object_driver.ts";
import { ObjectFailure } from "./object_driver.ts";
import type { PartBudget } from "./part_budget.ts";
import { type Part, partsOf } from "./part_reader.ts";

/** Parts of one object that are sent at the same time. */
const PARTS_AT_ONCE = 4;
/** The size of parts doubles after so many, so that their number stays below every cloud's limit. */
const PARTS_OF_ONE_SIZE = 1000;
/** What an upload that failed left is removed within this time, or stays. */
const ABORT_WITHIN_MS = 10_000;

/** What an upload works with. */
export interface UploadContext {
  readonly key: string;
  readonly driver: ObjectDriver;
  readonly budget: PartBudget;
  /** Of the first parts, in bytes. */
  readonly partSize: number;
  readonly write: WriteOptions;
  readonly signal: AbortSignal;
  /** One request, sent again when that may help. */
  request<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * Stores a stream as one object: in one request when it fits into a part, else in parts. Parts are
 * in memory until the service has them, so that each can be sent again. Returns the size in bytes.
 */
export async function uploadObject(
  context: UploadContext,
  source: AsyncIterable<Uint8Array>,
): Promise<number> {
  const { budget, partSize, signal } = context;
  const sizeOf = (index: number) => partSize * 2 ** Math.floor(index / PARTS_OF_ONE_SIZE);
  const parts = partsOf(source, { budget, sizeOf, signal });
  let upload: PartsUpload | undefined;
  try {
    for await (const part of parts) {
      if (part.isLast && upload === undefined) return await putWhole(context, part);
      try {
        upload ??= await PartsUpload.start(context);
      } catch (error) {
        part.release();
        throw error;
      }
      await upload.send(part);
    }
    return await upload!.complete();
  } catch (error) {
    await upload?.abort();
    throw error;
  }
}

async function putWhole(context: UploadContext, part: Part): Promise<number> {
  const { driver, key, write } = context;
  try {
    await context.request(async (signal) => {
      try {
        await driver.put(key, part.bytes, write, signal);
      } catch (error) {
        if (!await isOurs(context, error, signal)) throw error;
      }
    });
    return part.bytes.length;
  } finally {
    part.release();
  }
}

/**
 * Whether a write that failed is there all the same: an earlier try had come through, and only its
 * answer was lost, to us or to a proxy on the way that tries again by itself.
 */
async function isOurs(
  { driver, key, write }: UploadContext,
  error: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  const kind = driver.failureOf(error)?.kind;
  if (kind !== "exists" && kind !== "permanent") return false;
  try {
    return (await driver.head(key, signal)).writeId === write.writeId;
  } catch (headError) {
    // What the write failed with says more.
    if (driver.failureOf(headError)?.kind !== "transient") return false;
    throw headError;
  }
}

class PartsUpload {
  readonly #context: UploadContext;
  readonly #upload: ObjectUpload;
  readonly #sending: PQueue;
  readonly #failed = new AbortController();
  #index = 0;
  #offset = 0;

  private constructor(context: UploadContext, upload: ObjectUpload) {
    this.#context = context;
    this.#upload = upload;
    this.#sending = new PQueue({ concurrency: context.driver.sequentialParts ? 1 : PARTS_AT_ONCE });
  }

  static async start(context: UploadContext): Promise<PartsUpload> {
    const { driver, key, write } = context;
    const upload = await context.request((signal) => driver.startUpload(key, write, signal));
    return new PartsUpload(context, upload);
  }

  /** Sends a part in the background; waits while others are on their way. */
  async send({ bytes, isLast, release }: Part): Promise<void> {
    const part = { index: this.#index++, offset: this.#offset, bytes, isLast };
    this.#offset += bytes.length;
    void this.#sending.add(async () => {
      try {
        if (this.#failed.signal.aborted) return;
        await this.#context.request((signal) =>
          this.#upload.part(part, AbortSignal.any([signal, this.#failed.signal]))
        );
      } catch (error) {
        this.#failed.abort(error);
      } finally {
        release();
      }
    });
    await this.#sending.onSizeLessThan(1);
    this.#failed.signal.throwIfAborted();
  }

  async complete(): Promise<number> {
    await this.#sending.onIdle();
    this.#failed.signal.throwIfAborted();
    await this.#context.request(async (signal) => {
      try {
        await this.#upload.complete(signal);
      } catch (error) {
        if (!await isOurs(this.#context, error, signal)) throw error;
      }
    });
    return this.#offset;
  }

  /** Leaves nothing behind, if the service lets it; never throws. */
  async abort(): Promise<void> {
    this.#failed.abort(new ObjectFailure("permanent", "the upload was given up"));
    await this.#sending.onIdle();
    const end = Date.now() + ABORT_WITHIN_MS;
    for (let pauseMs = 200; Date.now() < end; pauseMs *= 2) {
      try {
        return await this.#upload.abort(AbortSignal.timeout(end - Date.now()));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }
}
