import assert from "node:assert/strict";
import { buildBackup, once, variedMessages } from "../../../tests/archive/build_backup.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { readAll, type Storage } from "../../storage/storage.ts";
import { listBackups, type ListFilter, loadManifest } from "./list.ts";

const QUEUES = [{ vhost: "/", name: "orders", segments: [variedMessages(5)] }];
const text = (value: string) => once(new TextEncoder().encode(value));

let stores = 0;
const newStorage = (): Storage => new MemoryStorage(`list-${stores++}`);

Deno.test("list: backups of every state, the oldest first", async () => {
  const storage = newStorage();
  const manifest = await buildBackup(storage, { backupId: "second", queues: QUEUES });
  await buildBackup(storage, {
    backupId: "third",
    queues: QUEUES,
    change: (changed) => {
      changed.created_at++;
      changed.state = "partial";
      changed.queues[0]!.partial = "1 message was with its consumers";
      changed.skipped.push({
        vhost: "/",
        name: "x",
        queue_type: "classic",
        kind: "refused",
        reason: "it would lose messages",
      });
    },
  });
  await buildBackup(storage, {
    backupId: "v1",
    queues: QUEUES,
    formatVersion: 1,
    change: (changed) => changed.created_at += 2,
  });
  const marker = { host: "bastion", startedAt: "2026-11-21T00:00:00.000Z", source: "amqp" };
  await storage.put("first/unfinished.json", text(JSON.stringify(marker)));
  await storage.put("broken/manifest.json", text("{}"));
  await storage.put("old/queues/_default/q/segment-0001.zst", text("x"));
  await storage.put("photos/cat.jpg", text("x"));
  await storage.put("not a backup's name/manifest.json", text("{}"));

  const listings = await listBackups(storage);
  assert.deepEqual(listings.map(({ backupId, state }) => [backupId, state]), [
    ["broken", "damaged"],
    ["old", "unfinished"],
    ["first", "unfinished"],
    ["second", "complete"],
    ["third", "partial"],
    ["v1", "complete"],
  ]);
  const [broken, old, first, second, third, v1] = listings;
  assert.match(broken!.notes[0]!, /Cannot read manifest "broken\/manifest.json": /);
  assert.match(old!.notes[0]!, /no manifest/);
  assert.equal(first!.createdAt, Date.parse(marker.startedAt));
  assert.deepEqual(first!.notes, ["begun on bastion"]);
  assert.deepEqual(second, {
    backupId: "second",
    state: "complete",
    createdAt: manifest.created_at,
    completedAt: manifest.completed_at,
    queues: 1,
    messages: 5,
    sizeBytes: manifest.total_bytes,
    formatVersion: 2,
    bases: [],
    notes: [],
  });
  assert.deepEqual(third!.notes, ["1 queue is not in it", "1 queue is in it only in part"]);
  assert.equal(v1!.formatVersion, 1);
});

Deno.test("list: an empty store has no backups; many are all found", async () => {
  const storage = newStorage();
  assert.deepEqual(await listBackups(storage), []);
  for (let index = 0; index < 50; index++) {
    await storage.put(`b${index}/unfinished.json`, text("damaged"));
  }
  const listings = await listBackups(storage);
  assert.equal(listings.length, 50);
  assert.ok(listings.every(({ createdAt }) => createdAt! > 0));
});

/** A store, and how many bytes each key was asked for. */
function counting(inner: Storage): { storage: Storage; read: Map<string, number> } {
  const read = new Map<string, number>();
  async function* get(...[key, options]: Parameters<Storage["get"]>) {
    for await (const piece of inner.get(key, options)) {
      read.set(key, (read.get(key) ?? 0) + piece.length);
      yield piece;
    }
  }
  const storage = new Proxy(inner, {
    get(target, name) {
      if (name === "get") return get;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { storage, read };
}

Deno.test("list: of a large manifest the head is read and tells as much as the whole", async () => {
  const inner = newStorage();
  const queues = Array.from({ length: 300 }, (_, index) => ({
    vhost: "/",
    name: `q${index}`,
    segments: [variedMessages(1)],
  }));
  const change = (changed: Manifest) => {
    changed.queues[3]!.partial = "1 message was with its consumers";
    changed.warnings.push('a "warning",\n  "definitions": null');
  };
  await buildBackup(inner, { backupId: "large", queues, change });
  const { storage, read } = counting(inner);
  const [listing] = await listBackups(storage);
  assert.ok(read.get("large/manifest.json")! <= 32 * 1024, `${read.get("large/manifest.json")}`);

  // As it was before counts stood at the head: all of it is read.
  const whole = JSON.parse(
    new TextDecoder().decode(await readAll(inner.get("large/manifest.json"), 1e8)),
  );
  for (const name of ["queue_count", "partial_count", "skipped_count"]) delete whole[name];
  await inner.put("large/manifest.json", text(JSON.stringify(whole, null, 2)));
  assert.deepEqual(await listBackups(storage), [listing]);
  assert.ok(read.get("large/manifest.json")! > 150_000);
  assert.equal(listing!.queues, 300);
  assert.deepEqual(listing!.notes, ["1 queue is in it only in part", ...whole.warnings]);
});

Deno.test("list: a large manifest that is another's, or no JSON, is damaged", async () => {
  const storage = newStorage();
  const long = "x".repeat(50_000);
  await storage.put("a/manifest.json", text(`{"long": "${long}`));
  const head = { format_version: 2, backup_id: "other", long };
  await storage.put("b/manifest.json", text(JSON.stringify(head, null, 2)));
  const listings = await listBackups(storage);
  assert.deepEqual(listings.map(({ state }) => state), ["damaged", "damaged"]);
});

Deno.test("list: by id, state and time", async () => {
  const { storage, read } = counting(newStorage());
  const begun = async (backupId: string, at: string) => {
    await buildBackup(storage, {
      backupId,
      queues: QUEUES,
      change: (changed) => {
        changed.created_at = Date.parse(at);
        if (backupId.endsWith("p")) changed.state = "partial";
      },
    });
  };
  await begun("nightly-1", "2026-01-01T00:00:00Z");
  await begun("nightly-2p", "2026-01-02T00:00:00Z");
  await begun("weekly-1", "2026-01-03T00:00:00Z");
  await storage.put("bad/manifest.json", text("{}"));
  const ids = async (filter: ListFilter) =>
    (await listBackups(storage, filter)).map(({ backupId }) => backupId);

  const isWanted = (id: string) => id.startsWith("nightly-");
  assert.deepEqual(await ids({ isWanted }), ["nightly-1", "nightly-2p"]);
  assert.equal(read.get("weekly-1/manifest.json"), undefined);
  assert.deepEqual(await ids({ states: ["partial", "damaged"] }), ["bad", "nightly-2p"]);
  const second = Date.parse("2026-01-02T00:00:00Z");
  assert.deepEqual(await ids({ since: second }), ["nightly-2p", "weekly-1"]);
  assert.deepEqual(await ids({ until: second }), ["nightly-1", "nightly-2p"]);
  assert.deepEqual(await ids({ since: second, until: second, isWanted }), ["nightly-2p"]);
  assert.deepEqual(await ids({ since: second + 1, states: ["partial"] }), []);
});

Deno.test("loadManifest: reads what was written", async () => {
  const storage = newStorage();
  const manifest = await buildBackup(storage, { backupId: "b", queues: QUEUES });
  assert.deepEqual(await loadManifest(storage, "b"), manifest);
});

Deno.test("loadManifest: says what is there instead", async () => {
  const storage = newStorage();
  await buildBackup(storage, { backupId: "nightly-2", queues: QUEUES });
  await storage.put("nightly-3/unfinished.json", text("{}"));
  await assert.rejects(loadManifest(storage, "nigthly-2"), {
    code: "backup_not_found",
    message: /Cannot open backup "nigthly-2" in .*: there is no such backup/,
    hint: 'Did you mean "nightly-2"?',
  });
  await assert.rejects(loadManifest(storage, "something-else"), { hint: /rabbitmq-backup list/ });
  await assert.rejects(loadManifest(storage, "nightly-3"), {
    code: "backup_not_found",
    message: /it is unfinished/,
  });
  await assert.rejects(loadManifest(storage, "../x"), { code: "usage" });
});

Deno.test("loadManifest: keys that lead elsewhere are refused", async () => {
  const storage = newStorage();
  await buildBackup(storage, {
    backupId: "b",
    queues: QUEUES,
    change: ({ queues }) =>
      queues[0]!.segments[0]!.key = "other/queues/_default/orders/segment-0001",
  });
  await assert.rejects(loadManifest(storage, "b"), { code: "damaged", message: /belongs there/ });
});
