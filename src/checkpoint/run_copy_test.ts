import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { tempDir } from "../../tests/helpers/temp.ts";
import type { BackupQueueRow, RestoreQueueRow, RunKey } from "./rows.ts";
import { CheckpointStore } from "./store.ts";

const KEY: RunKey = { operation: "restore", backupId: "b", location: "/backups", scope: "mq:5672" };
const OTHER: RunKey = { ...KEY, backupId: "secret plans" };
const { signal } = new AbortController();
const stamp = { sequence: 7, writer: "me" };

const position = (name: string, confirmed: number): RestoreQueueRow => ({
  vhost: "a\0b",
  name,
  confirmed,
  unsettled: 10,
  resent: 0,
  done: false,
});
const read = (name: string): BackupQueueRow => ({ vhost: "/", name, state: "read", report: {} });

Deno.test("copyRun, takeRun: a run comes whole into another file, and no other run with it", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("one", "state.db"));
  const { id: other } = store.runs.start(OTHER, { peer: "elsewhere", startedAt: 1 });
  store.backups.putQueue(other, read("of the other"));
  const { id } = store.runs.start(KEY, { peer: "mq", startedAt: 5, choice: "{}" });
  store.backups.putQueue(id, read("q"));
  store.restores.putProgress(id, position("q", 9), [{ first: 2, last: 4 }]);
  store.backups.putDeliveryCount("mq", { vhost: "/", name: "q" }, 4);
  store.backups.putDeliveryCount("elsewhere", { vhost: "/", name: "of the other" }, 4);
  const ahead = [{ ...position("q", 9), unsettled: 500 }, position("coming", 0)];
  const to = dir.join("copy.db");
  await store.copyRun(id, { to, stamp, ahead, signal });
  assert.deepEqual(store.restores.queues(id), [position("q", 9)]);
  assert.equal(Deno.statSync(to).mode! & 0o777, 0o600);
  assert.ok(!new TextDecoder("latin1").decode(Deno.readFileSync(to)).includes("of the other"));

  using copy = CheckpointStore.open(to);
  using elsewhere = CheckpointStore.open(dir.join("two", "state.db"));
  elsewhere.backups.putDeliveryCount("mq", { vhost: "/", name: "q" }, 3);
  const old = elsewhere.runs.start({ ...KEY, location: "/mnt" }, { peer: "mq", startedAt: 2 });
  elsewhere.restores.putQueue(old.id, position("forgotten", 1));
  const run = copy.runs.find(KEY)!;
  const taken = elsewhere.takeRun({ ...KEY, location: "/mnt" }, { store: copy, run });
  assert.deepEqual({ ...taken, id: 0 }, {
    ...KEY,
    location: "/mnt",
    id: 0,
    peer: "mq",
    state: "running",
    startedAt: 5,
    choice: "{}",
  });
  assert.deepEqual(elsewhere.runs.copyStamp(taken.id), stamp);
  assert.deepEqual(elsewhere.backups.queues(taken.id), [read("q")]);
  assert.deepEqual(
    elsewhere.restores.queues(taken.id).toSorted((a, b) => a.name < b.name ? 1 : -1),
    ahead,
  );
  assert.deepEqual(elsewhere.restores.claimUndelivered(taken.id, "archive"), ["archive"]);
  assert.equal(elsewhere.backups.deliveryCount("mq", { vhost: "/", name: "q" }), 4);
});

Deno.test("copyRun: what is written meanwhile is not in it, and is not held up", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("state.db"));
  const { id } = store.runs.start(KEY, { peer: "mq", startedAt: 5 });
  const fill = new DatabaseSync(dir.join("state.db"));
  fill.exec(`BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)
    INSERT INTO restore_queue (run_id, vhost, name, confirmed, unsettled, resent, done)
    SELECT ${id}, '"/"', json_quote('q' || i), 1, 0, 0, 0 FROM n; COMMIT`);
  fill.close();
  let turns = 0;
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    store.restores.putQueue(id, position(`new ${turns++}`, 1));
  }, 1);
  try {
    await store.copyRun(id, { to: dir.join("copy.db"), stamp, ahead: [], signal });
  } finally {
    clearInterval(timer);
  }
  assert.ok(turns >= 200, `only ${turns} turns for others`);
  assert.ok(longest < 500, `held up for ${longest} ms`);
  using copy = CheckpointStore.open(dir.join("copy.db"));
  assert.equal(copy.restores.queues(id).length, 20_000);
  assert.equal(store.restores.queues(id).length, 20_000 + turns);
});

Deno.test("lockOwners: names of a run, until they are forgotten", async () => {
  await using dir = await tempDir();
  using store = CheckpointStore.open(dir.join("state.db"));
  store.runs.addLockOwner(KEY, "one");
  store.runs.addLockOwner(KEY, "two");
  store.runs.addLockOwner(OTHER, "three");
  assert.deepEqual(store.runs.lockOwners(KEY), ["one", "two"]);
  store.runs.forgetLockOwners(KEY);
  assert.deepEqual([store.runs.lockOwners(KEY), store.runs.lockOwners(OTHER)], [[], ["three"]]);
});
