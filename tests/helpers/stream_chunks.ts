/** Chunks of a stream, as a broker would send them. */
import { crc32 } from "node:zlib";
import { CHUNK_HEADER_BYTES } from "../../src/message/stream_chunk.ts";
import { concat } from "./amqp_wire.ts";

/** An entry to put into a chunk: a message, or a batch of so many. */
export interface EntrySpec {
  readonly body: Uint8Array;
  readonly batch?: { readonly codec: number; readonly records: number };
}

/** What a chunk is to hold. */
export interface ChunkSpec {
  readonly offset: number;
  readonly entries: readonly EntrySpec[];
  readonly timestamp?: number;
  readonly type?: number;
  readonly filterSize?: number;
  /** Sent behind the entries, as it is with chunks of tracking. */
  readonly trailer?: Uint8Array;
}

/** The bytes of a chunk (osiris_log.erl, "Chunk format"). */
export function streamChunk(spec: ChunkSpec): Uint8Array {
  const data = concat(...spec.entries.map(entryBytes));
  const trailer = spec.trailer ?? new Uint8Array(0);
  const records = spec.entries.reduce((sum, { batch }) => sum + (batch?.records ?? 1), 0);
  const head = new DataView(new ArrayBuffer(CHUNK_HEADER_BYTES));
  head.setUint8(0, 0x50);
  head.setUint8(1, spec.type ?? 0);
  head.setUint16(2, spec.entries.length);
  head.setUint32(4, records);
  head.setBigInt64(8, BigInt(spec.timestamp ?? 1_700_000_000_000));
  head.setBigUint64(16, 1n);
  head.setBigUint64(24, BigInt(spec.offset));
  head.setUint32(32, crc32(data));
  head.setUint32(36, data.length);
  head.setUint32(40, trailer.length);
  head.setUint8(44, spec.filterSize ?? 0);
  return concat(new Uint8Array(head.buffer), data, trailer);
}

function entryBytes({ body, batch }: EntrySpec): Uint8Array {
  const head = new DataView(new ArrayBuffer(batch === undefined ? 4 : 11));
  if (batch === undefined) head.setUint32(0, body.length);
  else {
    head.setUint8(0, 0x80 | batch.codec << 4);
    head.setUint16(1, batch.records);
    head.setUint32(3, body.length * 2);
    head.setUint32(7, body.length);
  }
  return concat(new Uint8Array(head.buffer), body);
}
