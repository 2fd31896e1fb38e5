import assert from "node:assert/strict";
import { buildBackup, once, variedMessages } from "../../../tests/archive/build_backup.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import type { Storage } from "../../storage/storage.ts";
import { listBackups, loadManifest } from "./list.ts";

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
