import { join } from "node:path";
import { encodeChunkHead } from "../../archive/chunk_record.ts";
import type { SpooledChunks, SpooledSegment } from "../../checkpoint/rows.ts";
import {
  CHUNK_TYPE,
  type ChunkHeader,
  type ChunkSink,
  nextOffset,
  type StreamEntry,
} from "../../message/stream_chunk.ts";
import { ConsumerNames } from "../../message/stream_tracking.ts";
import { AppError } from "../../errors.ts";
import { removeFolder, spoolError } from "../spool/spool.ts";

const BUFFER_BYTES = 1024 * 1024;

/** A spooled segment of a stream. */
export type SpooledStreamSegment = SpooledSegment & { stream: SpooledChunks };

/** What a segment holds that begins at an offset, before anything was read into it. */
export function noChunks(firstOffset: number): SpooledChunks {
  return {
    messageCount: 0,
    firstOffset,
    lastOffset: firstOffset,
    bodyBytes: 0,
    largestBody: 0,
    filteredMessages: 0,
    gaps: [],
  };
}

/** Options of {@linkcode ChunkSpool}. */
export interface ChunkSpoolOptions {
  /** Folder for the segments of one stream; made new. */
  folder: string;
  /** Sequence of the first segment. */
  sequence: number;
  /** Offset that the first chunk is to begin at; chunks in front of it are passed over. */
  next: bigint;
  /** A segment is closed when it holds this many bytes of records. */
  segmentMaxBytes: number;
  /** A segment is complete. */
  onSegment: (segment: SpooledStreamSegment, sequence: number) => void;
  /** A chunk is in the spool, or was passed over. */
  onChunk: (header: ChunkHeader) => void;
}

/**
 * Writes the chunks of a stream as records into files on the local disk, one file a segment, and
 * counts what is in them. A chunk is in a segment as a whole: what was begun when the connection is
 * lost goes again.
 */
export class ChunkSpool implements ChunkSink, Disposable {
  /** Messages, and bytes of entries, of all segments together. */
  messages = 0;
  bytesOfEntries = 0;
  readonly #options: ChunkSpoolOptions;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  /** Bytes in the file, without those in the buffer. */
  #written = 0;
  #file: Deno.FsFile | undefined;
  #segment: SpooledStreamSegment | undefined;
  #sequence: number;
  #next: bigint;
  #gap: { first: number; last: number } | undefined;
  #isKnown = false;
  #consumers = new ConsumerNames();
  /** Of the chunk that is coming. */
  #entryBytes = 0;
  #largest = 0;

  constructor(options: ChunkSpoolOptions) {
    this.#options = options;
    this.#sequence = options.sequence;
    this.#next = options.next;
    this.#guard(() => {
      removeFolder(options.folder);
      Deno.mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    });
  }

  /** The offset behind the last chunk. */
  get next(): bigint {
    return this.#next;
  }

  /** Offsets that are gone, behind the last chunk. */
  get lastGap(): { first: number; last: number } | undefined {
    return this.#gap;
  }

  header(header: ChunkHeader, raw: Uint8Array, size: number): void {
    // Asked for an offset, the broker sends the chunk that holds it, whole.
    this.#isKnown = header.offset < this.#next;
    if (this.#isKnown) return;
    this.#entryBytes = this.#largest = 0;
    this.#consumers.header(header);
    this.#guard(() => {
      this.#segment ??= this.#openSegment(header);
      this.#used = encodeChunkHead(header, size, { target: this.#room(64), offset: this.#used });
      this.#write(raw);
    });
  }

  bytes(piece: Uint8Array): void {
    if (this.#isKnown) return;
    this.#consumers.bytes(piece);
    this.#guard(() => this.#write(piece));
  }

  entry({ size }: StreamEntry): void {
    this.#entryBytes += size;
    if (size > this.#largest) this.#largest = size;
  }

  end(header: ChunkHeader): void {
    if (!this.#isKnown) this.#guard(() => this.#count(header));
    this.#options.onChunk(header);
  }

  /** Forgets the chunk that was begun. */
  abandon(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#guard(() => {
      this.#flush();
      if (segment.recordCount > 0) {
        this.#file!.truncateSync(segment.bytes);
        this.#file!.seekSync(segment.bytes, Deno.SeekMode.Start);
        this.#written = segment.bytes;
        return;
      }
      // It is named after a chunk that may be gone when the stream is read again.
      this.#file!.close();
      this.#file = undefined;
      Deno.removeSync(segment.file);
      this.#segment = undefined;
    });
  }

  /** Offsets from `next` up to here are gone: the next chunk begins behind them. */
  skipTo(offset: bigint): void {
    this.#noteGap(offset);
    this.#next = offset;
  }

  /** Closes the last segment. */
  finish(): void {
    this.#guard(() => this.#closeSegment());
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #count(header: ChunkHeader): void {
    const segment = this.#segment!;
    const { stream } = segment;
    if (header.offset > this.#next) this.#noteGap(header.offset);
    if (this.#gap !== undefined) stream.gaps.push(this.#gap);
    this.#gap = undefined;
    this.#next = nextOffset(header);
    segment.recordCount++;
    segment.bytes = this.#position();
    segment.lastTimestamp = header.timestamp;
    stream.lastOffset = offsetNumber(this.#next - 1n);
    this.#consumers.end();
    if (header.type === CHUNK_TYPE.messages) {
      stream.messageCount += header.records;
      stream.bodyBytes += this.#entryBytes;
      stream.largestBody = Math.max(stream.largestBody, this.#largest);
      if (header.filterSize > 0) stream.filteredMessages += header.records;
      this.messages += header.records;
      this.bytesOfEntries += this.#entryBytes;
    }
    if (segment.bytes >= this.#options.segmentMaxBytes) this.#closeSegment();
  }

  #noteGap(offset: bigint): void {
    const first = this.#gap?.first ?? offsetNumber(this.#next);
    this.#gap = { first, last: offsetNumber(offset - 1n) };
  }

  #openSegment(header: ChunkHeader): SpooledStreamSegment {
    const file = join(this.#options.folder, `segment-${this.#sequence}`);
    this.#file = Deno.openSync(file, { write: true, createNew: true, mode: 0o600 });
    this.#written = 0;
    return {
      file,
      recordCount: 0,
      bytes: 0,
      firstTimestamp: header.timestamp,
      lastTimestamp: header.timestamp,
      stream: noChunks(offsetNumber(header.offset)),
    };
  }

  #closeSegment(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#flush();
    this.#file!.close();
    this.#file = undefined;
    this.#segment = undefined;
    segment.stream.consumers = [...this.#consumers.names];
    this.#options.onSegment(segment, this.#sequence++);
  }

  #position(): number {
    return this.#written + this.#used;
  }

  /** The buffer, with room for so many bytes more. */
  #room(size: number): Uint8Array {
    if (this.#used + size > BUFFER_BYTES) this.#flush();
    return this.#buffer;
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length > BUFFER_BYTES) {
      this.#flush();
      this.#writeThrough(bytes);
      return;
    }
    this.#room(bytes.length).set(bytes, this.#used);
    this.#used += bytes.length;
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
    this.#written += bytes.length;
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw spoolError(this.#options.folder, error);
    }
  }
}

/** An offset as manifests hold it. */
export function offsetNumber(offset: bigint): number {
  const number = Number(offset);
  if (Number.isSafeInteger(number)) return number;
  throw new AppError("failed", `Cannot back up the stream: offset ${offset} is beyond 2^53`);
}
