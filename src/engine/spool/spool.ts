import { dirname, join } from "node:path";
import { encodeRecordHead, recordHeadSize } from "../../archive/record.ts";
import type { DeliveryHead, DeliveryTap } from "../../broker/amqp/content_tap.ts";
import type { SpooledSegment } from "../../checkpoint/rows.ts";
import { AppError, messageOf, saysDiskFull } from "../../errors.ts";

const BUFFER_BYTES = 1024 * 1024;
const READ_BYTES = 256 * 1024;

/** Options of {@linkcode SpoolWriter}. */
export interface SpoolOptions {
  /** Folder for the segments of one queue; made new, with what an earlier run left removed. */
  folder: string;
  /** A segment is closed when it holds this many bytes of records… */
  segmentMaxBytes: number;
  /** …or when its first record is this old, milliseconds. */
  segmentMaxIntervalMs: number;
  /** Called once when writing fails; nothing is written after it. */
  onError: (error: AppError) => void;
  /** A segment is complete. */
  onSegment?: (segment: SpooledSegment) => void;
}

/**
 * Writes deliveries as records into files on the local disk while their messages are held: one
 * file a segment, uncompressed, exactly the records that the stored segment will hold.
 *
 * Writes are synchronous, so that a disk slower than the broker holds back the socket instead of
 * filling memory.
 */
export class SpoolWriter implements DeliveryTap, Disposable {
  readonly segments: SpooledSegment[] = [];
  messageCount = 0;
  bodyBytes = 0;
  largestBody = 0;
  /** Bytes of records written. */
  bytes = 0;
  /** Why writing ended; what the constructor meets is told here before anyone can listen. */
  failure: AppError | undefined;
  readonly #options: SpoolOptions;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #file: Deno.FsFile | undefined;
  #current: SpooledSegment | undefined;
  /** Bytes of the current segment's records that are complete. */
  #wholeBytes = 0;
  /** Of the message that is coming. */
  #bodySize = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#guard(() => {
      removeFolder(options.folder);
      Deno.mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    });
  }

  /** `capturedAt`: default now. */
  head(
    head: Omit<DeliveryHead, "deliveryTag"> & { deliveryTag?: number; capturedAt?: number },
  ): void {
    this.#guard(() => {
      const record = {
        capturedAt: head.capturedAt ?? Date.now(),
        redelivered: head.redelivered,
        exchange: head.exchange,
        routingKey: head.routingKey,
        properties: head.properties,
        bodySize: head.bodySize,
      };
      const segment = this.#current ?? this.#openSegment(record.capturedAt);
      segment.lastTimestamp = record.capturedAt;
      const size = recordHeadSize(record);
      if (this.#used + size > BUFFER_BYTES) this.#flush();
      if (size > BUFFER_BYTES) {
        const large = new Uint8Array(size);
        encodeRecordHead(record, large, 0);
        this.#writeThrough(large);
      } else {
        this.#used = encodeRecordHead(record, this.#buffer, this.#used);
      }
      segment.bytes += size + head.bodySize;
      this.bytes += size + head.bodySize;
      this.#bodySize = head.bodySize;
    });
  }

  body(chunk: Uint8Array): void {
    this.#guard(() => {
      if (this.#used + chunk.length > BUFFER_BYTES) this.#flush();
      if (chunk.length > BUFFER_BYTES) {
        this.#writeThrough(chunk);
        return;
      }
      this.#buffer.set(chunk, this.#used);
      this.#used += chunk.length;
    });
  }

  end(): void {
    this.#guard(() => {
      const segment = this.#current!;
      segment.recordCount++;
      this.messageCount++;
      this.bodyBytes += this.#bodySize;
      if (this.#bodySize > this.largestBody) this.largestBody = this.#bodySize;
      this.#wholeBytes = segment.bytes;
      if (
        segment.bytes >= this.#options.segmentMaxBytes ||
        segment.lastTimestamp - segment.firstTimestamp >= this.#options.segmentMaxIntervalMs
      ) this.#closeSegment();
    });
  }

  /** Forgets the message that was begun and is not complete, if one was: it will come again. */
  abandon(): void {
    const segment = this.#current;
    if (segment === undefined || segment.bytes === this.#wholeBytes) return;
    this.#guard(() => {
      this.#flush();
      this.#file!.truncateSync(this.#wholeBytes);
      this.#file!.seekSync(this.#wholeBytes, Deno.SeekMode.Start);
      this.bytes -= segment.bytes - this.#wholeBytes;
      segment.bytes = this.#wholeBytes;
      if (segment.recordCount > 0) return;
      // Its time was that of the message that is forgotten.
      this.#file!.close();
      this.#file = undefined;
      this.#current = undefined;
      Deno.removeSync(segment.file);
    });
  }

  /** Closes the last segment. Not yet durable: see {@linkcode syncSpool}. */
  finish(): void {
    this.#guard(() => this.#closeSegment());
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #openSegment(now: number): SpooledSegment {
    const file = join(this.#options.folder, `segment-${this.segments.length + 1}`);
    this.#file = Deno.openSync(file, { write: true, createNew: true, mode: 0o600 });
    this.#current = { file, recordCount: 0, bytes: 0, firstTimestamp: now, lastTimestamp: now };
    this.#wholeBytes = 0;
    return this.#current;
  }

  #closeSegment(): void {
    if (this.#current === undefined) return;
    this.#flush();
    this.#file!.close();
    this.#file = undefined;
    const segment = this.#current;
    this.#current = undefined;
    this.segments.push(segment);
    this.#options.onSegment?.(segment);
  }

  #flush(): void {
    const used = this.#used;
    this.#used = 0;
    this.#writeThrough(this.#buffer.subarray(0, used));
  }

  #writeThrough(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length;) {
      offset += this.#file!.writeSync(bytes.subarray(offset));
    }
  }

  /** Runs a step; a failure ends writing and is reported once, as the tap may not throw. */
  #guard(step: () => void): void {
    if (this.failure !== undefined) return;
    try {
      step();
    } catch (error) {
      this.failure = spoolError(this.#options.folder, error);
      this.#options.onError(this.failure);
    }
  }
}

/**
 * A spooled file in pieces. `reuseBuffer`: all in the same memory, each valid until the next is asked
 * for; garbage of this size would outgrow the memory that is set.
 */
export async function* readSpooled(
  path: string,
  options: { reuseBuffer: boolean },
): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  let buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const read = await file.read(buffer);
    if (read === null) return;
    yield buffer.subarray(0, read);
    if (!options.reuseBuffer) buffer = new Uint8Array(READ_BYTES);
  }
}

/** Makes the spooled segments survive a power failure. */
export async function syncSpool(segments: readonly SpooledSegment[]): Promise<void> {
  const files = segments.map(({ file }) => file);
  // A folder too: without it a new file may be gone with its name.
  for (const path of [...files, ...new Set(files.map((file) => dirname(file)))]) {
    try {
      using handle = await Deno.open(path, { read: true });
      await handle.sync();
    } catch (error) {
      throw spoolError(path, error);
    }
  }
}

/** Removes a folder of the spool; one that is not there is fine. */
export function removeFolder(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Says what is wrong with the spool, with the way out. */
export function spoolError(folder: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const text = messageOf(error);
  const full = saysDiskFull(text);
  return new AppError(
    full ? "storage_full" : "storage_denied",
    `Cannot write to the spool "${folder}": ${full ? "the disk is full" : text}`,
    {
      cause: error,
      hint: "set backup.spool_dir to a disk with room for the deepest queues being read at once",
    },
  );
}
