import assert from "node:assert/strict";
import { buildBackup, variedMessages } from "../../../tests/archive/build_backup.ts";
import { streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { storeStreamSegment } from "../../../tests/helpers/stream_segments.ts";
import { failure } from "../../../tests/helpers/app_error.ts";
import type { SegmentEntry, StreamReport } from "../../archive/manifest.ts";
import type { Message } from "../../message/message.ts";
import { encodeProperties } from "../../message/properties.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { firstStored, readStored } from "./read_messages.ts";

const { signal } = new AbortController();
const bytes = (text: string) => new TextEncoder().encode(text);
const numbers = (all: readonly { number: number }[]) => all.map(({ number }) => number);

function message(body: string, parts: { key?: string; header?: string } = {}): Message {
  const { key = "k", header = "none" } = parts;
  const value = { tag: "S", value: bytes(header) } as const;
  const head = {
    capturedAt: 1_795_226_158_000,
    redelivered: false,
    exchange: bytes("ex"),
    routingKey: bytes(key),
    properties: encodeProperties({ headers: [[bytes("tenant"), value]], deliveryMode: 2 }),
    bodySize: bytes(body).length,
  };
  return { head, body: bytes(body) };
}

async function queue(segments: Message[][], formatVersion: 1 | 2 = 2) {
  const storage = new CountingStorage(crypto.randomUUID());
  const queues = [{ vhost: "/", name: "q", segments }];
  const manifest = await buildBackup(storage, { backupId: "b", queues, formatVersion });
  storage.read = [];
  return { storage, entry: manifest.queues[0]! };
}

class CountingStorage extends MemoryStorage {
  read: string[] = [];

  override get(...args: Parameters<MemoryStorage["get"]>) {
    this.read.push(args[0]);
    return super.get(...args);
  }
}

for (const version of [1, 2] as const) {
  Deno.test(`messages come as they are, from any place (format version ${version})`, async () => {
    const all = variedMessages(50);
    const parts = [all.slice(0, 20), all.slice(20, 21), all.slice(21)];
    const { storage, entry } = await queue(parts, version);
    for (const from of [1, 2, 20, 21, 22, 50]) {
      const options = { from, limit: 100, bodyBytes: Infinity, signal };
      const found = await firstStored(storage, entry, options);
      assert.deepEqual(numbers(found), all.map((_, index) => index + 1).slice(from - 1));
      for (const { number, body, bodySize, time, routingKey, exchange, redelivered } of found) {
        const { head, body: whole } = all[number - 1]!;
        assert.deepEqual(body, whole);
        assert.deepEqual([bodySize, time], [whole.length, head.capturedAt]);
        assert.deepEqual([routingKey, exchange].map(bytes), [head.routingKey, head.exchange]);
        assert.equal(redelivered, head.redelivered);
      }
    }
    assert.deepEqual(await firstStored(storage, entry, { from: 51, limit: 9, signal }), []);
  });
}

Deno.test("only the segments that have what is wanted are read", async () => {
  const all = variedMessages(30);
  const { storage, entry } = await queue([all.slice(0, 10), all.slice(10, 20), all.slice(20)]);
  await firstStored(storage, entry, { from: 15, limit: 3, signal });
  assert.deepEqual(storage.read, [entry.segments[1]!.key]);
});

Deno.test("properties and headers are told with their types, and bodies as far as asked for", async () => {
  const { storage, entry } = await queue([variedMessages(4)]);
  const [found] = await firstStored(storage, entry, { from: 4, limit: 1, bodyBytes: 5, signal });
  assert.equal(found!.body.length, 5);
  const { properties, headers } = found!.details();
  assert.deepEqual(properties.slice(0, 4).map(({ name, value }) => [name, value]), [
    ["content-type", "application/json"],
    ["content-encoding", "identity"],
    ["delivery-mode", 2],
    ["priority", 3],
  ]);
  const told = new Map(headers.map(({ name, type, value }) => [name, [type, value]]));
  assert.deepEqual(told.get("int8"), ["int8", -3]);
  assert.deepEqual(told.get("int64"), ["int64", "9007199254740993"]);
  assert.deepEqual(told.get("decimal"), ["decimal", "12.34"]);
  assert.deepEqual(told.get("bytes"), ["bytes", { base64: "AP8=" }]);
  assert.deepEqual(told.get("time"), ["timestamp", "2026-01-01T12:00:53.000Z"]);
  assert.deepEqual(told.get("list"), ["array", [null, 3]]);
  assert.deepEqual(told.get("table"), ["table", { "é": "v" }]);
});

Deno.test("a search looks into bodies, routing keys and headers", async () => {
  const large = "x".repeat(700_000);
  const { storage, entry } = await queue([
    [message(`${large}Needle${large}`), message("hay")],
    [message("hay", { key: "a.needle" }), message(""), message("hay", { header: "need" })],
  ]);
  const search = async (text: string) =>
    numbers(await firstStored(storage, entry, { limit: 9, search: text, signal }));
  assert.deepEqual(await search("NEEDLE"), [1, 3]);
  assert.deepEqual(await search("tenant=need"), [5]);
  assert.deepEqual(await search("x".repeat(600_000)), [1]);
  assert.deepEqual(await search("nothing like it"), []);
  assert.deepEqual(await search(""), [1, 2, 3, 4, 5]);
  let looked = 0;
  for await (const part of readStored(storage, entry, { search: "nowhere", signal })) {
    looked = part.looked;
    assert.deepEqual(part.found, []);
  }
  assert.equal(looked, 5);
});

Deno.test("a segment that is missing or damaged says so", async () => {
  const { storage, entry } = await queue([variedMessages(3)]);
  const [segment] = entry.segments;
  const read = (part: Partial<SegmentEntry>) =>
    firstStored(storage, { segments: [{ ...segment!, ...part }] }, { limit: 9, signal });
  const gone = await failure(read({ key: "b/gone" }), "damaged");
  assert.match(gone.message, /"b\/gone": it is missing/);
  const other = await failure(read({ checksum: "0".repeat(64) }), "damaged");
  assert.match(other.message, /SHA-256/);
});

/** A message of AMQP 1.0: a routing key, an application property, a body. */
function amqp10(body: string, key = "rk"): Uint8Array {
  const text = (code: number, value: string) => [code, bytes(value).length, ...bytes(value)];
  const map = (pairs: number[]) => [0xc1, pairs.length + 1, 2, ...pairs];
  return Uint8Array.from([
    ...[0, 0x53, 0x72, ...map([...text(0xa3, "x-routing-key"), ...text(0xa1, key)])],
    ...[0, 0x53, 0x74, ...map([...text(0xa1, "tenant"), 0x54, 42])],
    ...[0, 0x53, 0x75, ...text(0xa0, body)],
  ]);
}

Deno.test("messages of a stream are told one by one, those in batches as well", async () => {
  const storage = new MemoryStorage(crypto.randomUUID());
  const batched = ["b1", "b2"].map((body) => amqp10(body));
  const batch = Uint8Array.from(batched.flatMap((one) => [0, 0, 0, one.length, ...one]));
  const entries = [
    { body: amqp10("plain") },
    { body: batch, batch: { codec: 0, records: 2 } },
    { body: bytes("no AMQP") },
    { body: bytes("?"), batch: { codec: 4, records: 2 } },
  ];
  const chunk = (offset: number, timestamp: number) => streamChunk({ offset, timestamp, entries });
  const tracking = streamChunk({ offset: 6, type: 1, entries: [] });
  const segment = await storeStreamSegment(storage, "k", [
    chunk(0, 1_700_000_000_000),
    tracking,
    chunk(6, 1_700_000_001_000),
  ]);
  const entry = { segments: [segment], stream: {} as StreamReport };
  const found = await firstStored(storage, entry, { limit: 99, bodyBytes: 100, signal });
  const told = found.map(({ number, offset, time, body, routingKey }) =>
    [number, offset, time % 10_000, new TextDecoder().decode(body), routingKey].join(" ")
  );
  assert.deepEqual(told.slice(0, 8), [
    "1 0 0 plain rk",
    "2 1 0 b1 rk",
    "3 2 0 b2 rk",
    "4 3 0 no AMQP ",
    "5 4 0  ",
    "6 5 0  ",
    "7 6 1000 plain rk",
    "8 7 1000 b1 rk",
  ]);
  const details = found.slice(2, 5).map((one) => one.details());
  assert.deepEqual(details[0]!.headers, [{ name: "tenant", type: "int", value: 42 }]);
  assert.match(details[1]!.problem!, /no AMQP 1\.0 message/);
  assert.match(details[2]!.problem!, /cannot be unpacked/);
  const inBatch = await firstStored(storage, entry, { from: 3, limit: 1, signal });
  assert.deepEqual(inBatch.map(({ number, offset }) => [number, offset]), [[3, 2]]);
  const searched = { limit: 9, search: "tenant=42", signal };
  assert.deepEqual(numbers(await firstStored(storage, entry, searched)), [1, 2, 3, 7, 8, 9]);
});
