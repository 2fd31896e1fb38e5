import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { AppError, messageOf } from "../errors.ts";
import { compress, decompress } from "./compression.ts";
import type { SegmentEntry } from "./manifest.ts";
import {
  decodeHeader,
  encodeHeader,
  END_MAGIC,
  FOOTER_BYTES,
  HEADER_BYTES,
  problem,
  type SegmentHeader,
} from "./segment_header.ts";
import { RecordCounter, RecordParser } from "./record.ts";
import { recordsFromV1, recordsToV1, type V1Source } from "./rbak_v1.ts";

export type { SegmentHeader };

/** Options of {@linkcode packSegment}. */
export interface PackOptions extends Omit<SegmentHeader, "formatVersion"> {
  /** zstd level, 1 to 22. */
  level?: number | undefined;
  /** Write format version 1, whose records name their queue. */
  v1?: V1Source;
  /** Yield pieces of the file in the same memory, each valid until the next is asked for. */
  reuseMemory?: boolean;
}

/** What the manifest holds of a packed segment. */
export interface PackedSegment {
  /** Size of the stored object, in bytes. */
  readonly sizeBytes: number;
  /** Size of the records before compression, in bytes. */
  readonly uncompressedBytes: number;
  /** SHA-256 of the stored object, hex. */
  readonly checksum: string;
}

/** What a manifest says of a segment, to hold it against. */
export interface ExpectedSegment {
  readonly checksum: string;
  readonly sizeBytes: number;
  readonly recordCount: number;
  readonly uncompressedBytes?: number;
}

/** What a manifest's entry says of its segment. */
export function expectedOf(entry: SegmentEntry): Required<ExpectedSegment> {
  return {
    checksum: entry.checksum,
    sizeBytes: entry.size_bytes,
    recordCount: entry.record_count,
    uncompressedBytes: entry.uncompressed_bytes,
  };
}

/**
 * Packs whole records (format version 2, split anywhere) into a segment file: yields the bytes to
 * store, returns what the manifest says of them. Memory does not depend on the segment's size.
 *
 * @throws {RangeError} when there are not `recordCount` records; {AppError} `damaged` when they are.
 */
export async function* packSegment(
  records: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: PackOptions,
): AsyncGenerator<Uint8Array, PackedSegment> {
  const sha = createHash("sha256");
  const formatVersion = options.v1 === undefined ? 2 : 1;
  const header = encodeHeader({ ...options, formatVersion });
  const counter = new RecordCounter();
  let uncompressedBytes = 0;
  let sizeBytes = HEADER_BYTES + FOOTER_BYTES;
  async function* payload() {
    const counted = counting(records, counter);
    const pieces = options.v1 === undefined ? counted : recordsToV1(counted, options.v1);
    for await (const piece of pieces) {
      uncompressedBytes += piece.length;
      yield piece;
    }
  }

  sha.update(header);
  let crc = crc32(header);
  yield header;
  for await (const piece of compress(payload(), { ...options, formatVersion })) {
    sha.update(piece);
    crc = crc32(piece, crc);
    sizeBytes += piece.length;
    yield piece;
  }
  if (counter.count !== options.recordCount) {
    throw new RangeError(
      `Cannot pack segment: ${counter.count} records came and ${options.recordCount} were announced`,
    );
  }
  const footer = new Uint8Array(FOOTER_BYTES);
  const view = new DataView(footer.buffer);
  view.setUint32(0, crc, true);
  view.setUint32(4, END_MAGIC, true);
  sha.update(footer);
  yield footer;
  return { sizeBytes, uncompressedBytes, checksum: sha.digest("hex") };
}

/**
 * Opens a segment file of either version for one pass over its records.
 * `name` stands in error messages.
 */
export function openSegment(
  stored: AsyncIterable<Uint8Array>,
  options: { name: string; expected?: ExpectedSegment },
): SegmentReader {
  return new SegmentReader(stored, options.name, options.expected);
}

/** Options of {@linkcode SegmentReader.records}. */
export interface RecordsOptions {
  /** A piece is valid until the next is asked for, and its memory is freed then. */
  readonly reuseMemory?: boolean | undefined;
}

/** One pass over a segment; made by {@linkcode openSegment}. */
export class SegmentReader {
  readonly #name: string;
  readonly #expected: ExpectedSegment | undefined;
  readonly #source: AsyncIterator<Uint8Array>;
  #header: Promise<SegmentHeader> | undefined;
  readonly #sha = createHash("sha256");
  #crc = 0;
  #size = 0;
  /** Read from the source and not handed on yet. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(
    stored: AsyncIterable<Uint8Array>,
    name: string,
    expected: ExpectedSegment | undefined,
  ) {
    this.#source = stored[Symbol.asyncIterator]();
    this.#name = name;
    this.#expected = expected;
  }

  /** @throws {AppError} `damaged` when there is no header, or one of an unknown version. */
  get header(): Promise<SegmentHeader> {
    return this.#header ??= this.#readHeader().catch((error) => {
      throw this.#named(error);
    });
  }

  /**
   * The records as version 2 has them, split anywhere. Whether checksums and counts are right is
   * known at the end only: until this has returned, nothing of it is certain. Where what was read
   * cannot be taken back, run {@linkcode checkSegment} first.
   *
   * @throws {AppError} `damaged`, naming the segment and what is wrong with it.
   */
  async *records(options: RecordsOptions = {}): AsyncGenerator<Uint8Array> {
    try {
      const header = await this.header;
      const counter = new RecordCounter();
      const unpacked = this.#unpacked(header, options);
      const records = header.formatVersion === 1 ? recordsFromV1(unpacked) : unpacked;
      const parser = new RecordParser(counter);
      for await (const piece of records) {
        parser.push(piece);
        if (counter.count > header.recordCount) break;
        yield piece;
      }
      if (counter.count !== header.recordCount) {
        throw problem(`it has not the ${header.recordCount} records that its header claims`);
      }
      parser.finish();
    } catch (error) {
      throw this.#named(error);
    } finally {
      await this.#source.return?.();
    }
  }

  async #readHeader(): Promise<SegmentHeader> {
    while (this.#rest.length < HEADER_BYTES) {
      if (!await this.#readMore()) throw problem("it is shorter than a header");
    }
    const bytes = this.#rest.subarray(0, HEADER_BYTES);
    this.#rest = this.#rest.subarray(HEADER_BYTES);
    this.#crc = crc32(bytes);
    const header = decodeHeader(bytes);
    const expected = this.#expected;
    if (expected !== undefined && expected.recordCount !== header.recordCount) {
      throw problem(
        `it claims ${header.recordCount} records, the manifest says ${expected.recordCount}`,
      );
    }
    return header;
  }

  async *#unpacked(
    header: SegmentHeader,
    { reuseMemory }: RecordsOptions,
  ): AsyncGenerator<Uint8Array> {
    const expected = this.#expected?.uncompressedBytes;
    const limit = expected === undefined ? {} : { maxBytes: expected };
    let size = 0;
    for await (const piece of decompress(this.#payload(), { ...header, ...limit, reuseMemory })) {
      size += piece.length;
      yield piece;
    }
    if (expected !== undefined && size !== expected) {
      throw problem(`it unpacks to ${size} bytes, the manifest says ${expected}`);
    }
  }

  /** Everything between header and footer, hashed on the way; the checks come behind the last piece. */
  async *#payload(): AsyncGenerator<Uint8Array> {
    do {
      const ready = this.#rest.length - FOOTER_BYTES;
      if (ready <= 0) continue;
      const piece = this.#rest.subarray(0, ready);
      this.#rest = this.#rest.subarray(ready);
      this.#crc = crc32(piece, this.#crc);
      yield piece;
    } while (await this.#readMore());
    this.#checkEnd();
  }

  #checkEnd(): void {
    const footer = this.#rest;
    const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength);
    if (footer.length < FOOTER_BYTES || view.getUint32(4, true) !== END_MAGIC) {
      throw problem("its end is missing");
    }
    if (view.getUint32(0, true) !== this.#crc) throw problem("its CRC-32 is another");
    if (this.#expected !== undefined) {
      compareWithManifest(this.#expected, this.#size, this.#sha.digest("hex"));
    }
  }

  /** Appends the source's next piece to `#rest`; false at its end. */
  async #readMore(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done) return false;
    this.#sha.update(next.value);
    this.#size += next.value.length;
    if (this.#rest.length === 0) this.#rest = next.value;
    else {
      const joined = new Uint8Array(this.#rest.length + next.value.length);
      joined.set(this.#rest);
      joined.set(next.value, this.#rest.length);
      this.#rest = joined;
    }
    return true;
  }

  #named(error: unknown): unknown {
    return nameSegment(this.#name, error);
  }
}

/**
 * Holds a stored segment against the manifest by size and SHA-256, without unpacking it.
 *
 * @throws {AppError} `damaged` when they differ.
 */
export async function checkSegment(
  stored: AsyncIterable<Uint8Array>,
  options: { name: string; expected: Pick<ExpectedSegment, "checksum" | "sizeBytes"> },
): Promise<void> {
  const sha = createHash("sha256");
  let size = 0;
  for await (const piece of stored) {
    sha.update(piece);
    size += piece.length;
  }
  try {
    compareWithManifest(options.expected, size, sha.digest("hex"));
  } catch (error) {
    throw nameSegment(options.name, error);
  }
}

function compareWithManifest(
  expected: Pick<ExpectedSegment, "checksum" | "sizeBytes">,
  size: number,
  checksum: string,
): void {
  if (size !== expected.sizeBytes) {
    throw problem(`it has ${size} bytes, the manifest says ${expected.sizeBytes}`);
  }
  if (checksum !== expected.checksum) throw problem("its SHA-256 is not the manifest's");
}

async function* counting(
  records: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  counter: RecordCounter,
): AsyncGenerator<Uint8Array> {
  const parser = new RecordParser(counter);
  for await (const piece of records) {
    parser.push(piece);
    yield piece;
  }
  parser.finish();
}

/** Puts the segment's name into an error about its content; other errors pass as they are. */
function nameSegment(name: string, error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== "damaged") return error;
  const what = messageOf(error).replace(/^Cannot [a-z ]+: /, "");
  return new AppError("damaged", `Cannot read segment ${JSON.stringify(name)}: ${what}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
