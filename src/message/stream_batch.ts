/** Batches of messages that a stream holds as one entry ("sub-entry batches"). */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { AppError } from "../errors.ts";
import { unpackLz4Frames } from "./lz4_frame.ts";
import { unpackSnappy } from "./snappy.ts";
import type { StreamEntry } from "./stream_chunk.ts";
import { damagedBatch } from "./unpacked.ts";
import { WireReader } from "./wire.ts";

/** A frame of a publisher has 1 MiB by default; this bounds what a small batch may claim to hold. */
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;

type Unpack = (bytes: Uint8Array, size: number) => Uint8Array;

/** By the number of the codec. */
const CODECS: readonly Unpack[] = [
  (bytes) => bytes,
  (bytes, size) => zlib(() => gunzipSync(bytes, { maxOutputLength: Math.max(1, size) })),
  unpackSnappy,
  unpackLz4Frames,
  (bytes, size) => zlib(() => zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) })),
];

/**
 * The messages of a batch, as views of one array.
 *
 * @throws {AppError} `failed` when it is not what it says to be
 */
export function unpackBatch(
  body: Uint8Array,
  { records, batch }: Required<Pick<StreamEntry, "records" | "batch">>,
): Uint8Array[] {
  const { codec, uncompressedSize } = batch;
  const unpack = CODECS[codec];
  if (unpack === undefined) throw damagedBatch(`no codec has the number ${codec}`);
  if (uncompressedSize > MAX_UNPACKED_BYTES) {
    throw damagedBatch(`it says to hold ${uncompressedSize} bytes`);
  }
  const reader = new WireReader(unpack(body, uncompressedSize));
  const messages: Uint8Array[] = [];
  try {
    while (reader.at < reader.end) messages.push(reader.take(reader.uint32()));
  } catch (error) {
    if (error instanceof RangeError) throw damagedBatch("its last message is cut off");
    throw error;
  }
  if (messages.length !== records) {
    throw damagedBatch(`it has ${messages.length} messages, and says ${records}`);
  }
  return messages;
}

function zlib(unpack: () => Uint8Array): Uint8Array {
  try {
    const { buffer, byteOffset, length } = unpack();
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    throw new AppError("failed", damagedBatch("its codec finds it damaged").message, {
      cause: error,
    });
  }
}
