import { AppError } from "../errors.ts";
import type { Compression } from "./layout.ts";

/** Bytes in front of and behind the payload (FORMAT.md, "Segment file"). */
export const HEADER_BYTES = 32;
export const FOOTER_BYTES = 8;

const MAGIC = 0x4b41_4252; // "RBAK" read as little endian
/** What a segment file ends with, as a little-endian u32. */
export const END_MAGIC = 0x5242_414b; // "KABR"
const CODECS: readonly Compression[] = ["none", "zstd", "lz4"];

/** What stands in front of a segment's payload. */
export interface SegmentHeader {
  readonly formatVersion: 1 | 2;
  readonly compression: Compression;
  readonly recordCount: number;
  /** Capture time of the first and the last record, epoch milliseconds. */
  readonly firstTimestamp: number;
  readonly lastTimestamp: number;
}

/** The header of a segment file: {@linkcode HEADER_BYTES} bytes. */
export function encodeHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  bytes[4] = header.formatVersion;
  bytes[5] = CODECS.indexOf(header.compression);
  view.setBigUint64(8, BigInt(header.recordCount), true);
  view.setBigInt64(16, BigInt(header.firstTimestamp), true);
  view.setBigInt64(24, BigInt(header.lastTimestamp), true);
  return bytes;
}

/** @throws {AppError} `damaged` when it is none, or of an unknown version or codec. */
export function decodeHeader(bytes: Uint8Array): SegmentHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw problem("it is no segment file");
  const formatVersion = bytes[4]!;
  if (formatVersion !== 1 && formatVersion !== 2) {
    throw new AppError(
      "damaged",
      `Cannot read: it has format version ${formatVersion}; this tool knows 1 and 2`,
      { hint: "Read it with the version of rabbitmq-backup that wrote it, or a newer one" },
    );
  }
  const compression = CODECS[bytes[5]!];
  if (compression === undefined) throw problem(`it is compressed with codec ${bytes[5]}, unknown`);
  const recordCount = view.getBigUint64(8, true);
  if (recordCount > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw problem(`it claims ${recordCount} records`);
  }
  return {
    formatVersion,
    compression,
    recordCount: Number(recordCount),
    firstTimestamp: Number(view.getBigInt64(16, true)),
    lastTimestamp: Number(view.getBigInt64(24, true)),
  };
}

/** An error about a segment whose name is not known here. */
export function problem(what: string): AppError {
  return new AppError("damaged", `Cannot read: ${what}`);
}
