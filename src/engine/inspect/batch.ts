/** Batches of messages in streams: several that were published as one, compressed or not. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { StreamEntry } from "../../message/stream_chunk.ts";
import { WireReader } from "../../message/wire.ts";
import { unpackLz4Frame } from "./lz4_frame.ts";
import { unpackSnappy } from "./snappy.ts";

/** A batch that claims to unpack to more bytes than this is not unpacked. */
const MAX_BYTES = 64 * 1024 * 1024;
/** By number, in the stream protocol. */
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];

type Batch = Pick<StreamEntry, "batch" | "records">;

/** The messages of a batch, or why they cannot be had. */
export function messagesOfBatch(
  { batch, records }: Batch,
  body: Uint8Array,
): Uint8Array[] | string {
  const { codec, uncompressedSize } = batch!;
  const name = CODECS[codec] ?? `codec ${codec}`;
  if (uncompressedSize > MAX_BYTES) return `it is in a batch of ${uncompressedSize} bytes`;
  try {
    const reader = new WireReader(unpacked(name, body, uncompressedSize));
    // The upper bit, of an entry in a chunk, tells batches apart and is 0 here.
    return Array.from({ length: records }, () => reader.take(reader.uint32()));
  } catch {
    return `it is in a batch (${name}) that cannot be unpacked`;
  }
}

function unpacked(codec: string, body: Uint8Array, size: number): Uint8Array {
  const limit = { maxOutputLength: Math.max(1, size) };
  switch (codec) {
    case "none":
      return body;
    case "gzip":
      return gunzipSync(body, limit);
    case "zstd":
      return zstdDecompressSync(body, limit);
    case "lz4":
      return unpackLz4Frame(body, size);
    case "snappy":
      return unpackSnappy(body, size);
    default:
      throw new RangeError(`Cannot unpack the batch: ${codec} is not known`);
  }
}
