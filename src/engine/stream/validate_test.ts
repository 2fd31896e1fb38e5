import assert from "node:assert/strict";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { encodeChunkHead } from "../../archive/chunk_record.ts";
import type { QueueEntry, SegmentEntry } from "../../archive/manifest.ts";
import { packSegment } from "../../archive/segment.ts";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { decodeChunkHeader } from "../../message/stream_chunk.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { StreamContent } from "./validate.ts";

const TIME = 1_700_000_000_000;
const { signal } = new AbortController();
const messages = (offset: number, count: number) =>
  streamChunk({
    offset,
    timestamp: TIME + offset,
    entries: Array.from({ length: count }, () => ({ body: new Uint8Array(10) })),
  });

function record(chunk: Uint8Array): Uint8Array {
  const target = new Uint8Array(64);
  const end = encodeChunkHead(decodeChunkHeader(chunk), chunk.length, { target, offset: 0 });
  return concat(target.subarray(0, end), chunk);
}

async function stored(chunks: readonly Uint8Array[]) {
  const storage = new MemoryStorage();
  const headers = chunks.map(decodeChunkHeader);
  const [first, last] = [headers[0]!, headers.at(-1)!];
  const packing = packSegment(chunks.map(record), {
    recordCount: chunks.length,
    firstTimestamp: first.timestamp,
    lastTimestamp: last.timestamp,
    compression: "none",
  });
  const pieces: Uint8Array[] = [];
  let next = await packing.next();
  for (; !next.done; next = await packing.next()) pieces.push(next.value.slice());
  await storage.put(
    "k",
    (async function* () {
      yield* pieces;
    })(),
  );
  const messageCount = headers.reduce((sum, { records }) => sum + records, 0);
  const segment: SegmentEntry = {
    key: "k",
    sequence: 1,
    record_count: chunks.length,
    size_bytes: next.value.sizeBytes,
    uncompressed_bytes: next.value.uncompressedBytes,
    first_timestamp: first.timestamp,
    last_timestamp: last.timestamp,
    checksum: next.value.checksum,
    stream: {
      message_count: messageCount,
      first_offset: Number(first.offset),
      last_offset: Number(last.offset) + last.records - 1,
    },
  };
  const entry = {
    message_count: messageCount,
    body_bytes: messageCount * 10,
    largest_body: 10,
    stream: { first_offset: 0, last_offset: 4, gaps: [], filtered_messages: 0 },
  } as unknown as QueueEntry;
  return { storage, segment, entry };
}

function content(): StreamContent {
  return new StreamContent({
    vhost: "/",
    queue: "s",
    phase: "verifying",
    messagesDone: 0,
    messagesTotal: 0,
    bytesDone: 0,
  });
}

Deno.test("StreamContent: what was stored is what the manifest says", async () => {
  const { storage, segment, entry } = await stored([messages(0, 3), messages(3, 2)]);
  const it = content();
  assert.deepEqual(await it.read({ storage, signal }, segment), []);
  assert.deepEqual(it.problems(entry), []);
  assert.equal(it.records, 5);
});

Deno.test("StreamContent: offsets, counts and holes that the manifest does not tell", async () => {
  const { storage, segment, entry } = await stored([messages(0, 3), messages(9, 2)]);
  const wrong = {
    ...segment,
    stream: { message_count: 4, first_offset: 1, last_offset: 10 },
  };
  const it = content();
  assert.deepEqual(await it.read({ storage, signal }, wrong), [
    "its number of messages is 5, the manifest says 4",
    "its first offset is 0, the manifest says 1",
  ]);
  assert.deepEqual(it.problems({ ...entry, body_bytes: 1 }), [
    "its segments have a sum of entry sizes of 50, the manifest says 1",
    "offsets 3 to 8 are missing in its segments",
  ]);
  const told = { ...entry, stream: { ...entry.stream!, gaps: [{ first: 3, last: 8 }] } };
  assert.deepEqual(it.problems(told), []);

  const backwards = await stored([messages(5, 1), messages(2, 1)]);
  const [problem] = await content().read({ storage: backwards.storage, signal }, backwards.segment);
  assert.equal(problem, "its chunk at offset 2 stands behind 5");
});

Deno.test("StreamContent: a chunk whose own CRC is another, in a segment that is whole", async () => {
  const damaged = messages(0, 2);
  damaged[damaged.length - 1]! ^= 1;
  const { storage, segment } = await stored([damaged]);
  await assert.rejects(content().read({ storage, signal }, segment), {
    code: "damaged",
    message: /the CRC-32 of the chunk at offset 0 is another/,
  });
});
