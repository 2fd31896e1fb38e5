import assert from "node:assert/strict";
import {
  buildBackup,
  once,
  type TestQueue,
  variedMessages,
} from "../../../tests/archive/build_backup.ts";
import type { Compression } from "../../archive/layout.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { readAll, type Storage } from "../../storage/storage.ts";
import type { EngineEvent } from "../events.ts";
import { validateBackup, type ValidationReport } from "./validate.ts";

const messages = variedMessages(60);
const QUEUES: TestQueue[] = [
  { vhost: "/", name: "orders", segments: [messages.slice(0, 20), messages.slice(20, 50)] },
  { vhost: "/", name: "../Odd é", segments: [messages.slice(50)] },
  { vhost: "other", name: "empty", segments: [] },
];
/** Names that version 1 can hold. */
const PLAIN_QUEUES = QUEUES.filter(({ name }) => !name.includes("/"));

const storages: Storage[] = [];
function newStorage(): Storage {
  const storage = new MemoryStorage(`validate-${storages.length}`);
  storages.push(storage);
  return storage;
}

async function validate(
  storage: Storage,
  deep: boolean,
): Promise<ValidationReport & { events: EngineEvent[] }> {
  const events: EngineEvent[] = [];
  const { signal } = new AbortController();
  const emit = (event: EngineEvent) => events.push(event);
  return { ...await validateBackup({ storage, backupId: "b", deep, signal, emit }), events };
}

const found = (report: ValidationReport) =>
  report.problems.map(({ queue, key, problem }) => `${queue}|${key}|${problem}`).join("\n");

Deno.test("validate: a sound backup is valid, in every codec and both versions", async () => {
  for (const compression of ["zstd", "lz4", "none"] satisfies Compression[]) {
    for (const formatVersion of [1, 2] as const) {
      const storage = newStorage();
      const queues = formatVersion === 1 ? PLAIN_QUEUES : QUEUES;
      await buildBackup(storage, { backupId: "b", queues, compression, formatVersion });
      for (const deep of [false, true]) {
        const report = await validate(storage, deep);
        assert.equal(found(report), "");
        assert.ok(report.valid);
        assert.deepEqual(report.notes, []);
        assert.equal(report.segmentsChecked, formatVersion === 1 ? 2 : 3);
        assert.equal(report.recordsChecked, deep ? (formatVersion === 1 ? 50 : 60) : 0);
      }
    }
  }
});

Deno.test("validate: tells how far it is, and each queue's outcome", async () => {
  const storage = newStorage();
  const manifest = await buildBackup(storage, { backupId: "b", queues: QUEUES });
  await storage.delete([manifest.queues[1]!.segments[0]!.key]);
  const { events } = await validate(storage, true);
  const done = events.filter((event) => event.type === "queue_done");
  assert.deepEqual(
    done.map(({ queue, outcome, reason }) => [queue, outcome, reason]),
    [["orders", "ok", undefined], ["../Odd é", "failed", "it is missing"], [
      "empty",
      "ok",
      undefined,
    ]],
  );
  const last = events.at(-1);
  assert.ok(last?.type === "status" && last.operation === "validate");
  assert.deepEqual([last.queuesDone, last.messagesDone, last.errorCount], [3, 50, 1]);
});

Deno.test("validate: all that is wrong is collected, not only the first", async () => {
  const storage = newStorage();
  const manifest = await buildBackup(storage, { backupId: "b", queues: QUEUES });
  const [orders, odd] = manifest.queues;
  const [first, second] = orders!.segments;
  await corrupt(storage, first!.key, (bytes) => bytes[bytes.length >> 1]! ^= 1);
  await storage.delete([second!.key, manifest.definitions!.key]);
  await storage.put(odd!.segments[0]!.key, once(new Uint8Array(10)));
  await storage.put("b/queues/_default/stray/segment-0001.zst", once(new Uint8Array(3)));
  await storage.put("b/unfinished.json", once(new Uint8Array(2)));
  const notes = [
    "the marker of an unfinished backup is still there; it does no harm",
    "b/queues/_default/stray/segment-0001.zst belongs to nothing in the manifest",
  ];

  const shallow = await validate(storage, false);
  assert.deepEqual(shallow.problems.map(({ key }) => key), [
    manifest.definitions!.key,
    second!.key,
    odd!.segments[0]!.key,
  ]);
  assert.deepEqual(shallow.notes, notes);

  const deep = await validate(storage, true);
  assert.equal(deep.valid, false);
  assert.deepEqual(deep.notes, notes);
  assert.equal(
    found(deep),
    [
      `|${manifest.definitions!.key}|it is missing`,
      `orders|${first!.key}|${deep.problems[1]!.problem}`,
      `orders|${second!.key}|it is missing`,
      `../Odd é|${odd!.segments[0]!.key}|it has 10 bytes, the manifest says ${
        odd!.segments[0]!.size_bytes
      }`,
    ].join("\n"),
  );
  assert.match(deep.problems[1]!.problem, /^Cannot read segment "b\/queues\/_default\/orders\//);
});

Deno.test("validate: deep finds every flipped bit that shallow cannot see", async () => {
  const storage = newStorage();
  const manifest = await buildBackup(storage, { backupId: "b", queues: QUEUES });
  const keys = [manifest.definitions!.key, manifest.queues[0]!.segments[1]!.key];
  for (const key of keys) {
    const original = await readAll(storage.get(key), 1e6);
    for (let bit = 0; bit < original.length * 8; bit += 211) {
      await corrupt(storage, key, (bytes) => bytes[bit >> 3]! ^= 1 << (bit & 7));
      assert.equal((await validate(storage, false)).valid, true);
      const report = await validate(storage, true);
      assert.deepEqual(report.problems.map((problem) => problem.key), [key], `bit ${bit}`);
      await storage.put(key, once(original));
    }
  }
});

Deno.test("validate: a manifest that disagrees with itself or with the records", async () => {
  const cases: [change: (manifest: Manifest) => void, deep: boolean, problem: RegExp][] = [
    [(m) => m.total_messages++, false, /says total_messages 61, its queues add up to 60/],
    [(m) => m.total_bytes++, false, /total_bytes/],
    [(m) => m.total_segments++, false, /total_segments 4, its queues add up to 3/],
    [(m) => m.queues.push(m.queues[2]!), false, /names it twice/],
    [(m) => m.queues[0]!.segments.reverse(), false, /segment 2 stands where 1 belongs/],
    [
      (m) => m.queues[0]!.segments[0]!.key = "../../etc/passwd",
      false,
      /names segment "..\/..\/etc/,
    ],
    [(m) => m.queues[0]!.segments[0]!.last_timestamp++, true, /header run from \d+ to/],
    [(m) => m.queues[0]!.segments[0]!.uncompressed_bytes++, true, /unpacks to \d+ bytes/],
    [(m) => m.queues[0]!.capture!.fingerprint = "0".repeat(64), true, /fingerprint/],
    [(m) => m.queues[0]!.largest_body++, true, /a largest body of/],
    [(m) => m.definitions!.checksum = "0".repeat(64), true, /SHA-256/],
  ];
  for (const [change, deep, problem] of cases) {
    const storage = newStorage();
    await buildBackup(storage, { backupId: "b", queues: QUEUES, change });
    assert.match(found(await validate(storage, deep)), problem);
    if (deep) assert.equal(found(await validate(storage, false)), "", String(problem));
  }
});

Deno.test("validate: segments swapped between queues are found, though each is sound", async () => {
  const storage = newStorage();
  const half = messages.slice(0, 20);
  const other = half.map(({ head, body }) => ({ head, body: body.toReversed() }));
  const manifest = await buildBackup(storage, {
    backupId: "b",
    queues: [
      { vhost: "/", name: "one", segments: [half] },
      { vhost: "/", name: "two", segments: [other] },
    ],
    compression: "none",
  });
  const [one, two] = manifest.queues.map((queue) => queue.segments[0]!.key);
  const [first, second] = [
    await readAll(storage.get(one!), 1e6),
    await readAll(storage.get(two!), 1e6),
  ];
  await storage.put(one!, once(second));
  await storage.put(two!, once(first));
  const report = await validate(storage, true);
  assert.deepEqual(report.problems.map(({ queue }) => queue), ["one", "two"]);
});

Deno.test("validate: an unreadable manifest is a finding, a missing one an error", async () => {
  const storage = newStorage();
  await buildBackup(storage, { backupId: "b", queues: QUEUES });
  await storage.put("b/manifest.json", once(new TextEncoder().encode("{")));
  const report = await validate(storage, true);
  assert.equal(report.valid, false);
  assert.deepEqual(report.problems, [{
    vhost: "",
    queue: "",
    key: "b/manifest.json",
    problem: 'Cannot read manifest "b/manifest.json": it is no JSON',
  }]);
  await storage.delete(["b/manifest.json"]);
  await assert.rejects(validate(storage, false), { code: "backup_not_found" });
});

Deno.test("validate: stops when it is told to", async () => {
  const storage = newStorage();
  await buildBackup(storage, { backupId: "b", queues: QUEUES });
  const controller = new AbortController();
  const emit = (event: EngineEvent) => event.type === "queue_done" && controller.abort();
  const options = { storage, backupId: "b", deep: true, signal: controller.signal, emit };
  await assert.rejects(validateBackup(options), { name: "AbortError" });
});

async function corrupt(storage: Storage, key: string, change: (bytes: Uint8Array) => void) {
  const bytes = (await readAll(storage.get(key), 1e6)).slice();
  change(bytes);
  await storage.put(key, once(bytes));
}
