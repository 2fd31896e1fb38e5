import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { manifestKey } from "../../archive/layout.ts";
import type { Manifest, QueueEntry, SegmentEntry, StreamReport } from "../../archive/manifest.ts";
import { encodeManifest } from "../../archive/manifest_io.ts";
import { segmentKey } from "../../archive/layout.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf, type Storage } from "../../storage/storage.ts";
import { shareOf } from "../restore/selection.ts";
import { BaseCheck, chainsOf, loadWhole } from "./chain.ts";

const VHOST = "/";
const TIME = 1_700_000_000_000;
const all = () => true;

/** A segment of one message an offset, each written a millisecond behind the one before. */
function segment(id: string, [first, last]: readonly [number, number]): SegmentEntry {
  return {
    key: segmentKey(id, VHOST, "s", 1, "zstd"),
    sequence: 1,
    record_count: 1,
    size_bytes: 10,
    uncompressed_bytes: 100,
    first_timestamp: TIME + first,
    last_timestamp: TIME + last,
    checksum: "0".repeat(64),
    stream: { message_count: last - first + 1, first_offset: first, last_offset: last },
  };
}

function entry(
  id: string,
  { range: [first, last], ...report }:
    & { range: readonly [number, number] }
    & Partial<StreamReport>,
): QueueEntry {
  const segments = first > last ? [] : [segment(id, [first, last])];
  return {
    vhost: VHOST,
    name: "s",
    queue_type: "stream",
    durable: true,
    auto_delete: false,
    arguments: {},
    segments,
    message_count: segments.length === 0 ? 0 : last - first + 1,
    body_bytes: 1,
    largest_body: first,
    first_message_timestamp: segments[0]?.first_timestamp ?? null,
    last_message_timestamp: segments[0]?.last_timestamp ?? null,
    capture: null,
    stream: {
      first_offset: first,
      last_offset: last,
      gaps: [],
      filtered_messages: 1,
      ...report,
    },
    ...((report.gaps?.length ?? 0) === 0 ? {} : { partial: "gone" }),
  };
}

/** Stores a backup of one stream; returns what another says that stands on it. */
async function stored(storage: Storage, id: string, queue: QueueEntry) {
  const manifest: Manifest = {
    format_version: 2,
    backup_id: id,
    state: "complete",
    created_at: TIME,
    completed_at: TIME,
    source_cluster: "c",
    rabbitmq_version: "4.0.5",
    backup_tool_version: "0",
    compression: "zstd",
    definitions: null,
    queues: [queue],
    skipped: [],
    warnings: [],
    total_messages: queue.message_count,
    total_body_bytes: 1,
    total_bytes: 10,
    total_segments: queue.segments.length,
  };
  const bytes = encodeManifest(manifest);
  await storage.put(manifestKey(id), bytesOf(bytes));
  return {
    backup_id: id,
    manifest_checksum: createHash("sha256").update(bytes).digest("hex"),
    last_offset: queue.stream!.last_offset,
  };
}

/** a: 0 to 9; b: nothing; c: a gap, and 15 to 19; d: 20 to 29. */
async function chain() {
  const storage = new MemoryStorage(crypto.randomUUID());
  const a = await stored(storage, "a", entry("a", { range: [0, 9] }));
  const b = await stored(storage, "b", entry("b", { range: [10, 9], base: a }));
  const c = await stored(
    storage,
    "c",
    { ...entry("c", { range: [15, 19], base: b, gaps: [{ first: 10, last: 14 }] }) },
  );
  const d = entry("d", { range: [20, 29], base: c });
  await stored(storage, "d", d);
  return { storage, bases: { a, b, c } };
}

Deno.test("loadWhole: a stream has all that it stands on, the oldest first", async () => {
  const { storage } = await chain();
  const whole = await loadWhole(storage, "d", all);
  const [queue] = whole.queues;
  assert.deepEqual(queue!.segments.map(({ key }) => key.split("/")[0]), ["a", "c", "d"]);
  assert.equal(queue!.message_count, 25);
  assert.equal(queue!.body_bytes, 4);
  assert.equal(queue!.largest_body, 20);
  assert.equal(queue!.first_message_timestamp, TIME);
  assert.equal(queue!.last_message_timestamp, TIME + 29);
  const { first_offset, last_offset, gaps, filtered_messages } = queue!.stream!;
  assert.deepEqual([first_offset, last_offset, filtered_messages], [0, 29, 4]);
  assert.deepEqual(gaps, [{ first: 10, last: 14 }]);
  assert.deepEqual([whole.state, queue!.partial], ["partial", "gone"]);
  assert.deepEqual([whole.total_messages, whole.total_segments], [25, 3]);
  const window = { start: TIME + 16, end: TIME + 17, field: "backed_up_at" } as const;
  const filter = { headers: [], routing_keys: [], exchanges: [] };
  const share = shareOf(queue!, {
    timeWindow: window,
    offsets: new Map(),
    filter,
    limit: Infinity,
  });
  assert.deepEqual(share.segments.map(({ key }) => key.split("/")[0]), ["c"]);
});

Deno.test("loadWhole: what is not wanted is not followed", async () => {
  const { storage } = await chain();
  await storage.delete([manifestKey("a")]);
  const alone = await loadWhole(storage, "d", () => false);
  assert.equal(alone.queues[0]!.message_count, 10);
});

Deno.test("a base that is gone, another, damaged, or without the stream", async () => {
  const broken = async (break_: (storage: Storage) => Promise<unknown>, problem: RegExp) => {
    const { storage, bases } = await chain();
    await break_(storage);
    await assert.rejects(loadWhole(storage, "d", all), { code: "damaged", message: problem });
    const { links, problem: told } = (await chainsOf(storage, [
      entry("d", { range: [20, 29], base: bases.c }),
    ])).values().next().value!;
    assert.match(told!, problem);
    assert.deepEqual(links.map(({ backupId }) => backupId), ["c"]);
    const check = new BaseCheck(storage);
    assert.equal(await check.isWhole({ vhost: VHOST, name: "s" }, bases.b), false);
    // Also where it is broken further down.
    assert.equal(await check.isWhole({ vhost: VHOST, name: "s" }, bases.c), false);
  };
  await broken((storage) => storage.delete([manifestKey("b")]), /backup "b" is not there/);
  await broken(
    (storage) => stored(storage, "b", entry("b", { range: [10, 12] })),
    /backup "b" is another than the one that was built on/,
  );
  await broken(
    (storage) => storage.put(manifestKey("b"), bytesOf("{}")),
    /backup "b" cannot be used \(Cannot read manifest/,
  );

  const { storage, bases } = await chain();
  const check = new BaseCheck(storage);
  assert.equal(await check.isWhole({ vhost: VHOST, name: "s" }, bases.b), true);
  assert.equal(await check.isWhole({ vhost: VHOST, name: "s" }, bases.c), true);
  assert.equal(await check.isWhole({ vhost: VHOST, name: "t" }, bases.c), false);
  const other = { ...entry("x", { range: [30, 39] }), name: "t" };
  other.segments[0]!.key = segmentKey("x", VHOST, "t", 1, "zstd");
  const x = await stored(storage, "x", other);
  await stored(storage, "y", entry("y", { range: [40, 49], base: x }));
  await assert.rejects(loadWhole(storage, "y", all), /backup "x" does not have this stream/);
  const odd = { ...x, backup_id: "../x" };
  await stored(storage, "z", entry("z", { range: [40, 49], base: odd }));
  await assert.rejects(loadWhole(storage, "z", all), /backup "..\/x" cannot be used/);
});

Deno.test("loadWhole: nothing is taken twice", async () => {
  const { storage, bases } = await chain();
  await stored(storage, "e", entry("e", { range: [18, 29], base: bases.c }));
  await assert.rejects(
    loadWhole(storage, "e", all),
    /e\/queues\/.* begins at an offset that is in the segment before it/,
  );
});
