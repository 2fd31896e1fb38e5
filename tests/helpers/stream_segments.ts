/** Segments of streams, as a backup would store them. */
import { encodeChunkHead } from "../../src/archive/chunk_record.ts";
import type { SegmentEntry } from "../../src/archive/manifest.ts";
import { packSegment } from "../../src/archive/segment.ts";
import { decodeChunkHeader } from "../../src/message/stream_chunk.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { concat } from "./amqp_wire.ts";

/** Stores one segment with these chunks, and returns what a manifest says of it. */
export async function storeStreamSegment(
  storage: Storage,
  key: string,
  chunks: readonly Uint8Array[],
): Promise<SegmentEntry> {
  const headers = chunks.map(decodeChunkHeader);
  const [first, last] = [headers[0]!, headers.at(-1)!];
  const packing = packSegment(chunks.map(record), {
    recordCount: chunks.length,
    firstTimestamp: first.timestamp,
    lastTimestamp: last.timestamp,
    compression: "none",
  });
  let next = await packing.next();
  async function* stored() {
    for (; !next.done; next = await packing.next()) yield next.value;
  }
  await storage.put(key, stored());
  if (!next.done) throw new Error("The store did not read the segment to its end");
  return {
    key,
    sequence: 1,
    record_count: chunks.length,
    size_bytes: next.value.sizeBytes,
    uncompressed_bytes: next.value.uncompressedBytes,
    first_timestamp: first.timestamp,
    last_timestamp: last.timestamp,
    checksum: next.value.checksum,
    stream: {
      message_count: headers.reduce((sum, { records }) => sum + records, 0),
      first_offset: Number(first.offset),
      last_offset: Number(last.offset) + last.records - 1,
    },
  };
}

function record(chunk: Uint8Array): Uint8Array {
  const target = new Uint8Array(64);
  const end = encodeChunkHead(decodeChunkHeader(chunk), chunk.length, { target, offset: 0 });
  return concat(target.subarray(0, end), chunk);
}
