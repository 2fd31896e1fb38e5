import assert from "node:assert/strict";
import { CHUNK_TYPE, type ChunkHeader } from "./stream_chunk.ts";
import { ConsumerNames } from "./stream_tracking.ts";

const header = (change: Partial<ChunkHeader>): ChunkHeader => ({
  type: CHUNK_TYPE.messages,
  entries: 1,
  records: 1,
  timestamp: 0,
  epoch: 1n,
  offset: 0n,
  crc: 0,
  dataLength: 0,
  trailerLength: 0,
  filterSize: 0,
  ...change,
});

/** As brokers wrote them: consumers alpha and beta. */
const DELTA = Uint8Array.fromHex("0105616c7068610000000000000005");
const SNAPSHOT = Uint8Array.fromHex("01046265746100000000000000070105616c7068610000000000000009");
/** A producer with its chunk and its publishing id, and a timestamp. */
const PRODUCER = Uint8Array.fromHex("0002703100000000000000ff00000000000000aa");
const TIME = Uint8Array.fromHex("020174000000000000000a");

function withHead(...parts: Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, size);
  return Uint8Array.from([head, ...parts].flatMap((part) => [...part]));
}

function read(of: ChunkHeader, bytes: Uint8Array): string[] {
  const results = [1, 3, bytes.length].map((size) => {
    const consumers = new ConsumerNames();
    consumers.header(of);
    for (let at = 0; at < bytes.length; at += size) consumers.bytes(bytes.subarray(at, at + size));
    consumers.end();
    return [...consumers.names];
  });
  assert.deepEqual(results[0], results[1]);
  assert.deepEqual(results[0], results[2]);
  return results[0]!;
}

Deno.test("consumers: from a chunk of their own, from a snapshot, and from behind messages", () => {
  const delta = withHead(DELTA);
  const { trackingDelta, trackingSnapshot } = CHUNK_TYPE;
  assert.deepEqual(read(header({ type: trackingDelta, dataLength: delta.length }), delta), [
    "alpha",
  ]);
  const snapshot = withHead(PRODUCER, TIME, SNAPSHOT);
  assert.deepEqual(
    read(header({ type: trackingSnapshot, dataLength: snapshot.length }), snapshot),
    ["beta", "alpha"],
  );
  const messages = new Uint8Array(40).fill(1);
  const chunk = Uint8Array.from([...messages, ...DELTA]);
  const behind = header({ dataLength: messages.length, trailerLength: DELTA.length });
  assert.deepEqual(read(behind, chunk), ["alpha"]);
});

Deno.test("consumers: none in messages, nor in what is not known or cut off", () => {
  assert.deepEqual(read(header({ dataLength: 15 }), DELTA), []);
  const unknown = withHead(Uint8Array.of(9, 1, 65, 0, 0), DELTA);
  const type = CHUNK_TYPE.trackingDelta;
  assert.deepEqual(read(header({ type, dataLength: unknown.length }), unknown), []);
  const cut = withHead(DELTA).subarray(0, 8);
  assert.deepEqual(read(header({ type, dataLength: cut.length }), cut), []);
});
