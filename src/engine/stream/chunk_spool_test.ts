import assert from "node:assert/strict";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { tempDir } from "../../../tests/helpers/temp.ts";
import { ChunkParser } from "../../message/stream_chunk.ts";
import { readSpooled } from "../spool/spool.ts";
import { ChunkSpool, type SpooledStreamSegment } from "./chunk_spool.ts";
import { readEntries } from "./entries.ts";

const body = (number: number) => new Uint8Array(20).fill(number);
const messages = (offset: number, count: number, more: object = {}) =>
  streamChunk({
    offset,
    timestamp: 1_700_000_000_000 + offset,
    entries: Array.from({ length: count }, (_, index) => ({ body: body(offset + index) })),
    ...more,
  });
const tracking = (offset: number) =>
  streamChunk({ offset, type: 1, entries: [{ body: Uint8Array.of(1, 2) }] });

function feed(spool: ChunkSpool, bytes: Uint8Array): void {
  const parser = new ChunkParser(spool);
  parser.begin(bytes.length);
  for (let at = 0; at < bytes.length; at += 7) parser.push(bytes.subarray(at, at + 7));
  parser.end();
}

async function opened(options: { segmentMaxBytes?: number; next?: bigint } = {}) {
  const folder = await tempDir();
  const segments: SpooledStreamSegment[] = [];
  const spool = new ChunkSpool({
    folder: folder.join("s"),
    sequence: 1,
    next: options.next ?? 0n,
    segmentMaxBytes: options.segmentMaxBytes ?? 1_000_000,
    onSegment: (segment) => segments.push(segment),
    onChunk: () => {},
  });
  return {
    spool,
    segments,
    async [Symbol.asyncDispose]() {
      spool[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Publishing ids and first bytes of what a segment holds. */
async function contentOf({ file }: SpooledStreamSegment): Promise<[bigint, number | undefined][]> {
  const batches = await Array.fromAsync(readEntries(readSpooled(file, { reuseBuffer: false })));
  return batches.flat().map(({ id, body }) => [id, body[0]]);
}

Deno.test("ChunkSpool: segments of whole chunks, with what is in them", async () => {
  await using it = await opened({ segmentMaxBytes: 300 });
  feed(it.spool, messages(0, 3, { filterSize: 16 }));
  feed(it.spool, tracking(3));
  feed(it.spool, messages(4, 6));
  feed(it.spool, messages(10, 1));
  it.spool.finish();
  const facts = it.segments.map(({ recordCount, firstTimestamp, lastTimestamp, stream }) => ({
    recordCount,
    times: [firstTimestamp - 1_700_000_000_000, lastTimestamp - 1_700_000_000_000],
    stream,
  }));
  const none = { filteredMessages: 0, gaps: [], consumers: [], largestBody: 20 };
  assert.deepEqual(facts, [
    {
      recordCount: 3,
      times: [0, 4],
      stream: {
        ...none,
        messageCount: 9,
        firstOffset: 0,
        lastOffset: 9,
        bodyBytes: 180,
        filteredMessages: 3,
      },
    },
    {
      recordCount: 1,
      times: [10, 10],
      stream: { ...none, messageCount: 1, firstOffset: 10, lastOffset: 10, bodyBytes: 20 },
    },
  ]);
  assert.equal((await Deno.stat(it.segments[0]!.file)).size, it.segments[0]!.bytes);
  assert.deepEqual(
    (await contentOf(it.segments[0]!)).map(([id]) => id),
    [1n, 2n, 3n, 5n, 6n, 7n, 8n, 9n, 10n],
  );
});

Deno.test("ChunkSpool: what a lost connection cut off goes, and comes once more", async () => {
  await using it = await opened();
  for (const complete of [0, 1]) {
    // Of the first segment, and of one that holds a chunk.
    const next = messages(complete * 2, 2);
    const parser = new ChunkParser(it.spool);
    parser.begin(next.length);
    parser.push(next.subarray(0, 60));
    it.spool.abandon();
    assert.equal(it.spool.next, BigInt(complete * 2));
    feed(it.spool, next);
  }
  // The broker sends the chunk that holds the offset, whole: it is known.
  feed(it.spool, messages(2, 2));
  it.spool.finish();
  assert.deepEqual(await contentOf(it.segments[0]!), [[1n, 0], [2n, 1], [3n, 2], [4n, 3]]);
});

Deno.test("ChunkSpool: holes are told, also in front and at the end", async () => {
  await using it = await opened({ next: 5n });
  it.spool.skipTo(7n);
  feed(it.spool, messages(8, 2));
  feed(it.spool, messages(12, 1));
  it.spool.skipTo(20n);
  it.spool.finish();
  assert.deepEqual(it.segments[0]!.stream.gaps, [{ first: 5, last: 7 }, { first: 10, last: 11 }]);
  assert.deepEqual(it.spool.lastGap, { first: 13, last: 19 });
});

Deno.test("ChunkSpool: a disk that fails is an error of the spool", async () => {
  await using it = await opened();
  feed(it.spool, messages(0, 1));
  it.spool[Symbol.dispose]();
  assert.throws(() => it.spool.finish(), { message: /^Cannot write to the spool/ });
});
