/**
 * Chunks of a RabbitMQ stream, as a log stores them and the stream protocol delivers them
 * (osiris_log.erl, "Specification of the Log format"). All integers are big endian.
 */
import { crc32 } from "node:zlib";
import { AppError } from "../errors.ts";

/** Bytes of a chunk in front of its entries. */
export const CHUNK_HEADER_BYTES = 48;

/** What a chunk holds: messages, or what the broker keeps of producers and consumers. */
export const CHUNK_TYPE = { messages: 0, trackingDelta: 1, trackingSnapshot: 2 } as const;

const MAGIC_AND_VERSION = 0x50;
const SIMPLE_HEAD_BYTES = 4;
const BATCH_HEAD_BYTES = 11;
const IS_BATCH = 0x80;

/** What stands in front of a chunk's entries. */
export interface ChunkHeader {
  /** One of {@linkcode CHUNK_TYPE}. */
  readonly type: number;
  readonly entries: number;
  /** Offsets that the chunk takes: its messages, those inside of batches counted one by one. */
  readonly records: number;
  /** When the broker wrote it, epoch milliseconds. */
  readonly timestamp: number;
  readonly epoch: bigint;
  /** Offset of its first record. */
  readonly offset: bigint;
  /** CRC-32 of its entries. */
  readonly crc: number;
  readonly dataLength: number;
  readonly trailerLength: number;
  /** Size of its Bloom filter, which is not sent; 0 when no message in it has a filter value. */
  readonly filterSize: number;
}

/** The offset behind a chunk. */
export function nextOffset({ offset, records }: ChunkHeader): bigint {
  return offset + BigInt(records);
}

/** @throws {AppError} `damaged` when it is no header of a chunk. */
export function decodeChunkHeader(bytes: Uint8Array): ChunkHeader {
  if (bytes.length < CHUNK_HEADER_BYTES) throw damagedChunk("its header is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== MAGIC_AND_VERSION) throw damagedChunk("it does not begin like one");
  const timestamp = view.getBigInt64(8);
  if (timestamp !== BigInt.asIntN(54, timestamp)) throw damagedChunk("its time is impossible");
  return {
    type: view.getUint8(1),
    entries: view.getUint16(2),
    records: view.getUint32(4),
    timestamp: Number(timestamp),
    epoch: view.getBigUint64(16),
    offset: view.getBigUint64(24),
    crc: view.getUint32(32),
    dataLength: view.getUint32(36),
    trailerLength: view.getUint32(40),
    filterSize: view.getUint8(44),
  };
}

/** One entry of a chunk: a message, or a batch of messages that was published as one. */
export interface StreamEntry {
  /** Messages in it. */
  readonly records: number;
  /** Bytes of the message, or of the batch as it is, compressed or not. */
  readonly size: number;
  /** `codec`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. Absent for a single message. */
  readonly batch?: { readonly codec: number; readonly uncompressedSize: number };
}

/** Hears what a {@linkcode ChunkParser} finds, in order. */
export interface ChunkSink {
  /** `raw` is the header's bytes, `size` those of the whole chunk, the header among them. */
  header(header: ChunkHeader, raw: Uint8Array, size: number): void;
  /** What comes behind the header, as it comes; views that hold until the next push. */
  bytes?(piece: Uint8Array): void;
  /** Only of chunks of messages. */
  entry?(entry: StreamEntry): void;
  /** A piece of the entry's message or batch; a view that holds until the next push. */
  body?(piece: Uint8Array): void;
  entryEnd?(): void;
  /** The chunk is complete and what its header says. */
  end(header: ChunkHeader): void;
}

/**
 * Takes chunks apart that come in pieces, split anywhere, and checks each against its header: CRC,
 * lengths, entries and records. Holds no more than a header.
 */
export class ChunkParser {
  readonly #sink: ChunkSink;
  readonly #head = new Uint8Array(CHUNK_HEADER_BYTES);
  #filled = 0;
  #header: ChunkHeader | undefined;
  #size = 0;
  #dataLeft = 0;
  #trailerLeft = 0;
  #crc = 0;
  #entries: EntryParser | undefined;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** A chunk of so many bytes follows. */
  begin(size: number): void {
    if (size < CHUNK_HEADER_BYTES) throw damagedChunk("it is shorter than its header");
    this.#size = size;
    this.#filled = 0;
    this.#header = undefined;
  }

  /** @throws {AppError} `damaged` */
  push(piece: Uint8Array): void {
    let rest = piece;
    if (this.#header === undefined) {
      const taken = Math.min(rest.length, CHUNK_HEADER_BYTES - this.#filled);
      this.#head.set(rest.subarray(0, taken), this.#filled);
      this.#filled += taken;
      if (this.#filled < CHUNK_HEADER_BYTES) return;
      this.#takeHeader();
      rest = rest.subarray(taken);
    }
    if (rest.length === 0) return;
    this.#sink.bytes?.(rest);
    const data = rest.subarray(0, this.#dataLeft);
    if (data.length > 0) {
      this.#crc = crc32(data, this.#crc);
      this.#dataLeft -= data.length;
      this.#entries?.push(data);
    }
    this.#trailerLeft -= rest.length - data.length;
  }

  /** The chunk's bytes are complete. @throws {AppError} `damaged` */
  end(): void {
    const header = this.#header;
    if (header === undefined || this.#dataLeft > 0 || this.#trailerLeft !== 0) {
      throw damagedChunk("it is not as long as its header says");
    }
    const which = `the chunk at offset ${header.offset}`;
    if (this.#crc !== header.crc) throw damagedChunk(`the CRC-32 of ${which} is another`);
    if (this.#entries !== undefined) {
      const { entries, records, isBetween } = this.#entries;
      if (!isBetween || entries !== header.entries || records !== header.records) {
        throw damagedChunk(
          `${which} has ${entries} entries with ${records} messages, its header says ` +
            `${header.entries} with ${header.records}`,
        );
      }
    }
    this.#sink.end(header);
  }

  #takeHeader(): void {
    const header = decodeChunkHeader(this.#head);
    this.#header = header;
    this.#dataLeft = header.dataLength;
    // The trailer comes with chunks of tracking only; it is no part of what the header counts on.
    this.#trailerLeft = this.#size - CHUNK_HEADER_BYTES - header.dataLength;
    if (this.#trailerLeft !== 0 && this.#trailerLeft !== header.trailerLength) {
      throw damagedChunk(`the chunk at offset ${header.offset} has another length than it says`);
    }
    this.#crc = 0;
    this.#entries = header.type === CHUNK_TYPE.messages ? new EntryParser(this.#sink) : undefined;
    this.#sink.header(header, this.#head.slice(), this.#size);
  }
}

/** Takes the entries of one chunk apart. */
class EntryParser {
  entries = 0;
  records = 0;
  readonly #sink: ChunkSink;
  readonly #head = new Uint8Array(BATCH_HEAD_BYTES);
  #filled = 0;
  #left = 0;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** Whether the last entry is complete. */
  get isBetween(): boolean {
    return this.#left === 0 && this.#filled === 0;
  }

  push(data: Uint8Array): void {
    let at = 0;
    while (at < data.length) {
      if (this.#left > 0) {
        const end = Math.min(data.length, at + this.#left);
        if (this.#sink.body !== undefined) this.#sink.body(data.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#sink.entryEnd?.();
        continue;
      }
      at = this.#filled > 0 ? this.#fillHead(data, at) : this.#headAt(data, at);
    }
  }

  /** Takes a head that is whole in `data`, or keeps what there is of it. */
  #headAt(data: Uint8Array, at: number): number {
    const needed = headBytes(data[at]!);
    if (needed > data.length - at) return this.#fillHead(data, at);
    this.#takeHead(data, at);
    return at + needed;
  }

  #fillHead(data: Uint8Array, at: number): number {
    this.#head[this.#filled++] = data[at]!;
    if (this.#filled === headBytes(this.#head[0]!)) {
      this.#filled = 0;
      this.#takeHead(this.#head, 0);
    }
    return at + 1;
  }

  #takeHead(bytes: Uint8Array, at: number): void {
    const entry: StreamEntry = (bytes[at]! & IS_BATCH) === 0
      ? { records: 1, size: uint32At(bytes, at) }
      : {
        records: bytes[at + 1]! << 8 | bytes[at + 2]!,
        size: uint32At(bytes, at + 7),
        batch: { codec: bytes[at]! >> 4 & 7, uncompressedSize: uint32At(bytes, at + 3) },
      };
    this.#left = entry.size;
    this.entries++;
    this.records += entry.records;
    this.#sink.entry?.(entry);
    if (entry.size === 0) this.#sink.entryEnd?.();
  }
}

function headBytes(first: number): number {
  return (first & IS_BATCH) === 0 ? SIMPLE_HEAD_BYTES : BATCH_HEAD_BYTES;
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}

function damagedChunk(what: string): AppError {
  return new AppError("damaged", `Cannot read a chunk of the stream: ${what}`);
}
