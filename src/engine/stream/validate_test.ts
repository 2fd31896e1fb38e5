import assert from "node:assert/strict";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { storeStreamSegment } from "../../../tests/helpers/stream_segments.ts";
import type { QueueEntry } from "../../archive/manifest.ts";
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

async function stored(chunks: readonly Uint8Array[]) {
  const storage = new MemoryStorage();
  const segment = await storeStreamSegment(storage, "k", chunks);
  const messageCount = segment.stream!.message_count;
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
