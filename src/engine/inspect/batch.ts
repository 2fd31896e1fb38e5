import { AppError } from "../../errors.ts";
import { unpackBatch } from "../../message/stream_batch.ts";
import type { StreamEntry } from "../../message/stream_chunk.ts";

/** A batch that claims to unpack to more bytes than this is not unpacked to be shown. */
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
  if (uncompressedSize > MAX_BYTES) return `it is in a batch of ${uncompressedSize} bytes`;
  try {
    return unpackBatch(body, { records, batch: batch! });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return `it is in a batch (${CODECS[codec] ?? `codec ${codec}`}) that cannot be unpacked`;
  }
}
