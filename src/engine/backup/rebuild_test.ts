import assert from "node:assert/strict";
import {
  buildBackup,
  once,
  type TestQueue,
  variedMessages,
} from "../../../tests/archive/build_backup.ts";
import type { Compression } from "../../archive/layout.ts";
import type { Definitions } from "../../definitions/document.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import type { Storage } from "../../storage/storage.ts";
import { rebuildQueues } from "./rebuild.ts";

const messages = variedMessages(60);
const ODD = "../Odd é";
const QUEUES: TestQueue[] = [
  {
    vhost: "/",
    name: "orders",
    segments: [messages.slice(0, 20), messages.slice(20, 40), messages.slice(40, 50)],
  },
  { vhost: "shop", name: ODD, segments: [messages.slice(50)] },
];
const DEFINITIONS: Definitions = {
  queues: [
    { vhost: "/", name: "orders", durable: true, arguments: { "x-queue-type": "quorum" } },
    { vhost: "shop", name: ODD, durable: false, auto_delete: true, arguments: { "x-expires": 7 } },
  ],
};

let stores = 0;

async function newStore(compression: Compression = "zstd") {
  const storage = new MemoryStorage(`rebuild-${stores++}`);
  const manifest = await buildBackup(storage, { backupId: "b", queues: QUEUES, compression });
  return { storage, manifest };
}

const rebuild = (storage: Storage, definitions: Definitions | undefined = DEFINITIONS) =>
  rebuildQueues(storage, { backupId: "b", definitions, signal: new AbortController().signal });

Deno.test("segments tell what the manifest would have told of them", async () => {
  for (const compression of ["zstd", "lz4", "none"] as const) {
    const { storage, manifest } = await newStore(compression);
    const rebuilt = await rebuild(storage);
    assert.deepEqual([rebuilt.skipped, rebuilt.warnings], [[], []]);
    assert.equal(rebuilt.compression, compression);
    for (const [index, queue] of manifest.queues.entries()) {
      const found = rebuilt.queues.find(({ name }) => name === queue.name)!;
      const { segments, message_count, body_bytes, largest_body } = queue;
      assert.deepEqual(
        { ...found, partial: undefined, capture: undefined },
        {
          ...{ vhost: queue.vhost, name: queue.name, segments },
          ...{ message_count, body_bytes, largest_body },
          ...{ first_message_timestamp: segments[0]!.first_timestamp },
          ...{ last_message_timestamp: segments.at(-1)!.last_timestamp },
          ...{ queue_type: index === 0 ? "quorum" : "classic", auto_delete: index === 1 },
          ...{ durable: index === 0, arguments: DEFINITIONS.queues![index]!.arguments },
          ...{ partial: undefined, capture: undefined },
        },
      );
      assert.match(found.partial!, /how many messages it had is not known$/);
    }
  }
});

Deno.test("without definitions plain names are those of the folders, others are not known", async () => {
  const { storage } = await newStore();
  const { queues, warnings } = await rebuild(storage, {});
  assert.deepEqual(queues.map(({ vhost, name }) => [vhost, name]), [["/", "orders"]]);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /b\/queues\/shop\/_odd_-[a-z2-7]{32} are of a queue whose name is not known/,
  );
});

Deno.test("a queue goes as far as its segments follow one another", async () => {
  const reasons = {
    missing: async (storage: Storage, key: string) => await storage.delete([key]),
    damaged: async (storage: Storage, key: string) =>
      await storage.put(key, once(new Uint8Array(99))),
  };
  for (const [what, harm] of Object.entries(reasons)) {
    for (const at of [0, 1, 2]) {
      const { storage, manifest } = await newStore();
      const { segments } = manifest.queues[0]!;
      await harm(storage, segments[at]!.key);
      const { queues, skipped } = await rebuild(storage);
      const orders = queues.find(({ name }) => name === "orders");
      assert.deepEqual(orders?.segments ?? [], segments.slice(0, at), what);
      assert.equal(orders?.message_count ?? 0, at * 20);
      assert.deepEqual(skipped.map(({ name }) => name), at === 0 ? ["orders"] : []);
      if (at > 0) assert.equal(/segment-000/.test(orders!.partial!), what === "damaged");
    }
  }
});

Deno.test("what an earlier reading of the queue left is not taken for what follows", async () => {
  const { storage, manifest } = await newStore();
  const { segments } = manifest.queues[0]!;
  // Read anew, later, and only one segment is stored yet.
  const later = messages.slice(0, 20).map(({ head, body }) => ({
    head: { ...head, capturedAt: head.capturedAt + 3_600_000 },
    body,
  }));
  const anew = new MemoryStorage(`rebuild-anew-${stores++}`);
  const queue = { vhost: "/", name: "orders", segments: [later] };
  await buildBackup(anew, { backupId: "b", queues: [queue] });
  await storage.put(segments[0]!.key, anew.get(segments[0]!.key));
  const { queues } = await rebuild(storage);
  assert.equal(queues.find(({ name }) => name === "orders")!.segments.length, 1);
});

Deno.test("streams are left out by name, be it that nothing but their records tells", async () => {
  const chunk = (index: number) => ({
    head: {
      capturedAt: 1_795_226_158_000 + index,
      redelivered: false,
      exchange: new Uint8Array(0),
      routingKey: new Uint8Array(0),
      properties: new Uint8Array(2),
      bodySize: 5,
    },
    body: new Uint8Array(5),
  });
  const queues = [{ vhost: "/", name: "log", segments: [[chunk(0), chunk(1)]] }];
  const defined = {
    queues: [{ vhost: "/", name: "log", arguments: { "x-queue-type": "stream" } }],
  };
  for (const definitions of [defined, {}]) {
    const storage = new MemoryStorage(`rebuild-${stores++}`);
    await buildBackup(storage, { backupId: "b", queues });
    const rebuilt = await rebuild(storage, definitions);
    assert.deepEqual(rebuilt.queues, []);
    assert.deepEqual(rebuilt.skipped.map(({ name }) => name), ["log"]);
    assert.match(rebuilt.skipped[0]!.reason, /stream/);
  }
});
