import assert from "node:assert/strict";
import { FakeStreamServer, type Heard } from "../../../tests/helpers/fake_stream_server.ts";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { segmentKey } from "../../archive/layout.ts";
import { manifestKey } from "../../archive/layout.ts";
import type { Manifest, QueueEntry, StreamReport } from "../../archive/manifest.ts";
import { encodeManifest } from "../../archive/manifest_io.ts";
import { openStreamConnection } from "../../broker/stream/open.ts";
import { COMMAND } from "../../broker/stream/protocol.ts";
import { takeString } from "../../broker/stream/wire.ts";
import type { BackupOptions } from "../../config/config.ts";
import { type ChunkHeader, decodeChunkHeader } from "../../message/stream_chunk.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf, type Storage } from "../../storage/storage.ts";
import { findBases } from "./bases.ts";
import { markOf, otherStream, StreamStarts } from "./start.ts";

const { signal } = new AbortController();
const TIME = 1_700_000_000_000;
const CLUSTER = "here";

/** Chunks of ten messages, written a second apart. */
const chunks = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) =>
    streamChunk({
      offset: from + index * 10,
      timestamp: TIME + (from + index * 10) * 100,
      entries: Array.from({ length: 10 }, (_, place) => ({ body: Uint8Array.of(index, place) })),
    }));
const markAt = (offset: number) => markOf(decodeChunkHeader(chunks(0, 10)[offset / 10]!));

/** A broker that has these chunks of the stream. */
function brokerWith(log: readonly Uint8Array[]): FakeStreamServer {
  const headers = log.map(decodeChunkHeader);
  return new FakeStreamServer({
    answer: (heard: Heard) => {
      if (heard.key !== COMMAND.subscribe) return false;
      const { body, client } = heard;
      const id = body.octet();
      takeString(body);
      const place = body.uint16();
      client.respond(heard, 1);
      const found = {
        1: () => 0,
        2: () => log.length - 1,
        4: () => {
          const offset = body.uint64();
          return headers.findIndex((header) => header.offset + 10n > offset);
        },
        5: () => {
          const time = Number(body.uint64());
          return headers.findIndex(({ timestamp }) => timestamp >= time);
        },
      }[place]!();
      if (found >= 0 && log.length > 0) client.deliver(id, log[found]!);
      return true;
    },
  });
}

interface Stored {
  readonly id: string;
  readonly report?: Partial<StreamReport>;
  readonly at?: number;
  readonly cluster?: string;
}

/** Stores a backup of stream s, whose last chunk is the one at offset 40, unless told otherwise. */
async function store(storage: Storage, { id, report, at = TIME, cluster = CLUSTER }: Stored) {
  const stream = {
    first_offset: 0,
    last_offset: 49,
    gaps: [],
    filtered_messages: 0,
    last_chunk: markAt(40),
    ...report,
  };
  const entry: QueueEntry = {
    vhost: "v",
    name: "s",
    queue_type: "stream",
    durable: true,
    auto_delete: false,
    arguments: {},
    segments: [{
      key: segmentKey(id, "v", "s", 1, "zstd"),
      sequence: 1,
      record_count: 1,
      size_bytes: 1,
      uncompressed_bytes: 1,
      first_timestamp: TIME,
      last_timestamp: TIME,
      checksum: "0".repeat(64),
      stream: { message_count: 50, first_offset: 0, last_offset: stream.last_offset },
    }],
    message_count: 50,
    body_bytes: 1,
    largest_body: 1,
    first_message_timestamp: TIME,
    last_message_timestamp: TIME,
    capture: null,
    stream,
  };
  const manifest: Manifest = {
    format_version: 2,
    backup_id: id,
    state: "partial",
    created_at: at,
    completed_at: at,
    source_cluster: cluster,
    rabbitmq_version: "4.3",
    backup_tool_version: "0",
    compression: "zstd",
    definitions: null,
    queues: [entry],
    skipped: [],
    warnings: [],
    total_messages: 50,
    total_body_bytes: 1,
    total_bytes: 1,
    total_segments: 1,
  };
  await storage.put(manifestKey(id), bytesOf(encodeManifest(manifest)));
}

/** Where a backup begins with a stream that has these chunks. */
async function startOf(
  log: readonly Uint8Array[],
  options: Partial<BackupOptions>,
  stored: readonly Stored[] = [],
  declared: Record<string, unknown> = {},
) {
  const storage = new MemoryStorage(crypto.randomUUID());
  for (const one of stored) await store(storage, one);
  const starts = await StreamStarts.of(
    {
      stream_enabled: true,
      stream_incremental: false,
      stream_from: "first",
      format: "v2",
      ...options,
    } as BackupOptions,
    { storage, cluster: CLUSTER, backupId: "new", now: TIME, signal },
  );
  await using server = brokerWith(log);
  await using connection = await openStreamConnection(server.endpoint(), {
    vhost: "v",
    name: "test",
    signal,
  });
  return await starts.find({ connection, queue: { vhost: "v", name: "s", arguments: declared } });
}

Deno.test("StreamStarts: from the first, an offset, a time", async () => {
  const log = chunks(0, 10);
  const at = async (stream_from: string | number) => (await startOf(log, { stream_from }))!.first;
  assert.equal(await at("first"), 0n);
  assert.equal(await at(25), 20n);
  assert.equal(await at(100), 100n);
  assert.equal(await at(new Date(TIME + 3500).toISOString()), 40n);
  assert.equal(await at(new Date(TIME + 3_600_000).toISOString()), 100n);
  const { last, lastChunk, note } = (await startOf(log, { stream_from: 25 }))!;
  assert.deepEqual([last, lastChunk.first_offset], [99n, 90]);
  assert.equal(note, "from offset 20 on (stream_from)");
  assert.equal(await startOf([], {}), undefined);
});

Deno.test("StreamStarts: behind the newest backup, with and without standing on it", async () => {
  const log = chunks(0, 10);
  const stored = [{ id: "a" }, { id: "b", at: TIME + 1, report: { last_offset: 49 } }];
  const incremental = (await startOf(log, { stream_incremental: true }, stored))!;
  assert.deepEqual([incremental.first, incremental.base?.backup_id], [50n, "b"]);
  assert.equal(incremental.note, 'what is new since backup "b", from offset 50 on');
  const next = (await startOf(log, { stream_from: "next" }, stored))!;
  assert.deepEqual([next.first, next.base], [50n, undefined]);
  const named = (await startOf(log, { stream_base: "a" }, stored))!;
  assert.equal(named.base?.backup_id, "a");
  const none = (await startOf(log, { stream_incremental: true }))!;
  assert.deepEqual([none.first, none.base, none.isWarning], [0n, undefined, undefined]);
  assert.equal(none.note, "all that it holds: no backup in this storage has it");
  const nothing = (await startOf(chunks(0, 5), { stream_incremental: true }, stored))!;
  assert.deepEqual([nothing.first, nothing.last], [50n, 49n]);
});

Deno.test("StreamStarts: what retention has dropped is told; another stream is taken whole", async () => {
  const options = { stream_incremental: true };
  const gap = (await startOf(chunks(70, 3), options, [{ id: "a" }]))!;
  assert.deepEqual([gap.first, gap.base?.backup_id, gap.isWarning], [50n, "a", true]);
  assert.match(gap.note!, /dropped offsets 50 to 69, which are in no backup/);
  // All that the base has is gone, and not an offset more: it is told.
  const gone = (await startOf(chunks(50, 3), options, [{ id: "a" }]))!;
  assert.deepEqual([gone.first, gone.base?.backup_id, gone.isWarning], [50n, "a", true]);
  assert.match(gone.note!, /dropped all that is in that one; by offsets and times it is the same/);
  const inside = (await startOf(chunks(45, 3), options, [{ id: "a" }]))!;
  assert.deepEqual([inside.first, inside.base, inside.isWarning], [45n, undefined, true]);
  assert.match(
    inside.note!,
    /made anew since backup "a" \(a chunk begins at offset 45 now, inside/,
  );
  const declared = (await startOf(chunks(0, 9), options, [{ id: "a" }], { "x-max-age": "7D" }))!;
  assert.deepEqual([declared.first, declared.base, declared.isWarning], [0n, undefined, true]);
  assert.match(declared.note!, /made anew since backup "a" \(its arguments are others now\)/);
  const typed = { "x-queue-type": "stream" };
  assert.equal((await startOf(chunks(0, 9), options, [{ id: "a" }], typed))!.first, 50n);
  const anew = (await startOf(chunks(0, 2), options, [{ id: "a" }]))!;
  assert.deepEqual([anew.first, anew.base, anew.isWarning], [0n, undefined, true]);
  assert.match(anew.note!, /made anew since backup "a" \(it ends before offset 40 now\)/);
  const broken = { backup_id: "gone", manifest_checksum: "0".repeat(64), last_offset: 1 };
  const chained = (await startOf(chunks(0, 9), options, [{ id: "a", report: { base: broken } }]))!;
  assert.deepEqual([chained.first, chained.base], [0n, undefined]);
  assert.match(chained.note!, /backup "a" stands on others, and backup "gone" is not there/);
});

Deno.test("findBases: of this source only, as far as the end of the stream is known", async () => {
  const storage = new MemoryStorage(crypto.randomUUID());
  await store(storage, { id: "a" });
  await store(storage, { id: "foreign", at: TIME + 1, cluster: "there" });
  await store(storage, { id: "old", at: TIME + 2, report: { last_chunk: undefined! } });
  await storage.put("damaged/manifest.json", bytesOf("{"));
  const context = { cluster: CLUSTER, backupId: "new", signal };
  const bases = await findBases(storage, { ...context, named: undefined });
  assert.deepEqual([...bases.values()].map(({ entry }) => entry.backup_id), ["a"]);
  await assert.rejects(findBases(storage, { ...context, named: "foreign" }), {
    code: "refused",
    message: /"foreign": that is of source "there", and this is "here"/,
  });
  await assert.rejects(findBases(storage, { ...context, named: "no" }), {
    code: "backup_not_found",
  });
  const own = await findBases(storage, { ...context, backupId: "a", named: undefined });
  assert.equal(own.size, 0);
});

Deno.test("otherStream: the same chunk, or younger ones where it was", () => {
  const header = (change: Partial<ChunkHeader>): ChunkHeader => ({
    ...decodeChunkHeader(chunks(0, 10)[4]!),
    ...change,
  });
  const mark = markAt(40);
  assert.equal(otherStream(mark, { found: header({}), last: 49n }), undefined);
  assert.equal(otherStream(mark, { found: undefined, last: 49n }), "it ends before offset 40 now");
  for (const change of [{ crc: 1 }, { timestamp: TIME }, { epoch: 2n }]) {
    assert.equal(
      otherStream(mark, { found: header(change), last: 49n }),
      "it has something else at offset 40 now",
    );
  }
  assert.equal(otherStream(mark, { found: header({ offset: 60n }), last: 49n }), undefined);
  for (const change of [{ timestamp: TIME }, { epoch: 0n }]) {
    const found = header({ offset: 60n, ...change });
    assert.equal(otherStream(mark, { found, last: 49n }), "what it has at offset 60 is older");
  }
  // Where one chunk was, no other begins.
  for (const offset of [41n, 49n]) {
    const found = header({ offset });
    assert.equal(
      otherStream(mark, { found, last: 49n }),
      `a chunk begins at offset ${offset} now, inside of what was one`,
    );
  }
  assert.equal(otherStream(mark, { found: header({ offset: 50n }), last: 49n }), undefined);
});
