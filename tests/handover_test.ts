/** A machine is lost in the middle, and another one goes on; two machines never work on the same. */
import assert from "node:assert/strict";
import type { StorageConfig } from "../src/config/storage.ts";
import { CheckpointStore } from "../src/checkpoint/store.ts";
import { fetchCopy } from "../src/engine/handover/copy_file.ts";
import { openStorage } from "../src/storage/open.ts";
import { bytesOf, readAll, type Storage } from "../src/storage/storage.ts";
import { brokers } from "./helpers/brokers.ts";
import type { CliResult } from "./helpers/cli.ts";
import {
  allOf,
  assertFailed,
  assertOk,
  assertWhole,
  CANARY,
  load,
  type Loaded,
  runPrinted,
} from "./helpers/failure.ts";
import { type Job, type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { sessionKeys } from "./helpers/minio_session.ts";
import { pikaGenerate, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, testVhost, waitForDepth } from "./helpers/queues.ts";
import { StorageProxy } from "./helpers/storage_proxy.ts";
import { newStore, storageServers, storeConfig } from "./helpers/storages.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { tempDir } from "./helpers/temp.ts";

const broker = brokers().at(-1)!;
/** Logged, so that a failing run can be repeated. */
const SEED = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_SEED") ?? Date.now() % 1_000_000);
const ROUNDS = 4;

/** A storage that several machines share. */
async function sharedStorage(kind: "directory" | "s3") {
  const dir = await tempDir();
  const keys = kind === "s3"
    ? await newStore("s3")
    : { backend: "filesystem", path: dir.join("backups") };
  const storage = await openStorage(storeConfig(keys) as StorageConfig);
  return {
    ...{ keys, storage },
    async [Symbol.asyncDispose]() {
      await storage.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Everything that a machine keeps is lost; another one has the same configuration. */
async function lose(job: Job): Promise<Job> {
  await Deno.remove(job.dir.path, { recursive: true });
  return await newJob(job.broker);
}

/** Waits until the copy of a backup's progress says that a queue is done. */
async function untilCopied(storage: Storage, queue: string): Promise<void> {
  await using dir = await tempDir();
  const copy = { key: "test/runs/backup/checkpoint.db", path: dir.join("copy.db") };
  const { signal } = new AbortController();
  for (let waited = 0; waited < 300; waited++) {
    if (await fetchCopy(storage, { ...copy, signal })) {
      using store = CheckpointStore.open(copy.path);
      const rows = store.backupQueues(store.runs()[0]!.id);
      if (rows.some(({ name, state }) => name === queue && state === "done")) return;
    }
    await Deno.remove(copy.path);
    await pause(100);
  }
  assert.fail(`no copy says that ${queue} is done`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function momentOf(round: number): number {
  const noise = Math.sin(SEED + round * 7919) * 43758.5453;
  return 500 + (noise - Math.floor(noise)) * 1500;
}

/** A queue that takes a while to read, with few messages. */
async function slow(queue: Loaded["queue"]): Promise<Loaded> {
  const sent = await pikaGenerate(broker, queue, { count: 50, large: 40, largeSize: 1 << 20 });
  return { queue, sent };
}

/** No message is missing; how many are there more than once. */
async function duplicatesOf(loaded: Loaded[]): Promise<number> {
  let extra = 0;
  for (const { queue, sent } of loaded) {
    const found = await pikaRead(broker, queue);
    const there = Map.groupBy(found, ({ wire_sha256 }) => wire_sha256);
    for (const [key, messages] of Map.groupBy(sent, ({ wire_sha256 }) => wire_sha256)) {
      const lacking = messages.length - (there.get(key)?.length ?? 0);
      assert.ok(lacking <= 0, `${lacking} messages of ${queue.name} are missing`);
    }
    extra += found.length - sent.length;
  }
  return extra;
}

const keysOf = async (storage: Storage) =>
  (await Array.fromAsync(storage.list(""))).map(({ key }) => key);
const runsOf = async (storage: Storage) =>
  (await keysOf(storage)).filter((key) => key.includes("/runs/"));

for (const kind of ["directory", "s3"] as const) {
  Deno.test(`${kind}: a backup goes on elsewhere, and keeps what is done`, async () => {
    await using vhost = await testVhost(broker, "handover");
    await using shared = await sharedStorage(kind);
    await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    const loaded = [
      await load(broker, await vhost.queue("done"), 600),
      await slow(await vhost.queue("half", { type: "quorum" })),
    ];
    const lost = await newJob(proxy.through(broker));
    const config: JobConfig = {
      vhosts: [vhost.name],
      storage: shared.keys,
      offset_storage: { sync_interval_secs: 1, lock_expiry_secs: 30 },
      backup: { max_concurrent_queues: 1 },
    };
    const run = await lost.startBackup(config, ["--json", "--progress-interval", "100ms"]);
    await run.waitFor(/"queue":"done".*"outcome":"ok"/);
    proxy.stallAfter(0);
    await untilCopied(shared.storage, "done");
    run.kill("SIGKILL");
    await within(run);
    proxy.resume();

    // Whoever comes next is told what the case is.
    await using next = await lose(lost);
    assertFailed(await next.backup(config), {
      code: 11,
      error:
        /^Cannot start backup "test": .* on host ".*" \(process \d+\) has been at it since \d{4}-/,
      hint: /its lock expires in \d+ s, and --break-lock takes it over now$/,
    });
    for (const { queue, sent } of loaded) await waitForDepth(broker, queue, { depth: sent.length });
    const gone = await next.backup(config, ["--break-lock", "--json"]);
    assertOk(gone);
    const outcomes = jsonLines(gone, "queue_done").map(({ queue, outcome }) => [queue, outcome]);
    assert.deepEqual(Object.fromEntries(outcomes), { done: "resumed", half: "ok" });
    assert.equal(jsonLines(gone, "summary")[0].messages, 650);
    assert.match(
      allOf(gone),
      /Taking over the progress that another machine left in the storage, of/,
    );
    assert.deepEqual(await runsOf(shared.storage), []);
    await assertWhole(broker, ...loaded);
    for (const { queue } of loaded) await deleteQueue(broker, queue);
    assertOk(await next.restore(config));
    await assertWhole(broker, ...loaded);
  });

  Deno.test(`${kind}: killed at ${ROUNDS} moments on one machine, gone on with on another (seed ${SEED})`, async () => {
    await using vhost = await testVhost(broker, "handover-kill");
    await using shared = await sharedStorage(kind);
    const loaded = [
      await load(broker, await vhost.queue("classic"), 3000),
      await load(broker, await vhost.queue("quorum", { type: "quorum" }), 1500),
    ];
    const config: JobConfig = {
      vhosts: [vhost.name],
      storage: shared.keys,
      offset_storage: { sync_interval_secs: 1, lock_expiry_secs: 30 },
      backup: { segment_max_bytes: "64KiB" },
      restore: { window: 50 },
    };
    for (let round = 0; round < ROUNDS; round++) {
      let machine = await newJob(broker);
      const backup = { ...config, backupId: `b${round}` };
      const run = await machine.startBackup(backup);
      await pause(momentOf(round));
      run.kill("SIGKILL");
      await run.done;
      for (const { queue, sent } of loaded) {
        await waitForDepth(broker, queue, { depth: sent.length });
      }
      machine = await lose(machine);
      const again = await machine.backup(backup, ["--break-lock"]);
      if (again.code !== 7) assertOk(again);
      else assert.match(allOf(again), /it exists already and is finished/);
      assertOk(await machine.validate(backup.backupId, shared.keys));

      for (const { queue } of loaded) await deleteQueue(broker, queue);
      const half = await machine.startRestore(backup);
      await pause(momentOf(round + ROUNDS));
      half.kill("SIGKILL");
      const { code } = await half.done;
      machine = await lose(machine);
      let possible = 0;
      if (code !== 0) {
        const rest = await machine.restore(backup, ["--break-lock", "--json"]);
        // Killed after its end was recorded: the restore was finished.
        if (rest.code === 7) assert.match(allOf(rest), /it holds \d+ messages already/);
        else assertOk(rest);
        possible = jsonLines(rest, "summary")[0]?.possible_duplicates ?? 0;
      }
      const extra = await duplicatesOf(loaded);
      assert.ok(extra <= possible, `${extra} are there twice, and ${possible} were announced`);
      await machine[Symbol.asyncDispose]();
      for (const { queue } of loaded) await deleteQueue(broker, queue);
      const fresh = await newJob(broker);
      assertOk(await fresh.restore(backup, ["--break-lock"]));
      await fresh[Symbol.asyncDispose]();
      await assertWhole(broker, ...loaded);
    }
  });
}

Deno.test("a restore that was stopped goes on elsewhere, exactly", async () => {
  await using middle = await Middle.of(broker);
  const { job, proxy, loaded } = middle;
  await using shared = await sharedStorage("directory");
  const config = { ...middle.config, storage: shared.keys };
  assertOk(await job.backup(config));
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  proxy.stallAfter(3_000);
  const run = await job.startRestore(config, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"phase":"publishing","messages_done":[1-9]/);
  run.kill("SIGINT");
  await run.waitFor(/^Stopping: /m);
  proxy.resume();
  assert.equal((await within(run)).code, 130);

  await using next = await newJob(job.broker);
  // The plan knows of it as well.
  const plan = await next.restore(config, ["--dry-run", "--json"]);
  assertOk(plan);
  assert.ok(
    JSON.parse(plan.stdout).queues.some((queue: { restored_before?: number }) =>
      queue.restored_before! > 0
    ),
    plan.stdout,
  );
  const gone = await next.restore(config, ["--json"]);
  assertOk(gone);
  assert.equal(jsonLines(gone, "summary")[0].possible_duplicates, 0);
  await assertWhole(broker, ...loaded);
  assert.deepEqual(await runsOf(shared.storage), []);
});

Deno.test("the first machine comes back when another has gone on: the newer progress counts", async () => {
  await using middle = await Middle.of(broker);
  const { job, proxy, loaded } = middle;
  await using shared = await sharedStorage("directory");
  const config = { ...middle.config, storage: shared.keys };
  assertOk(await job.backup(config));
  await using second = await newJob(job.broker);
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  for (const [machine, bytes] of [[job, 3_000], [second, 6_000]] as const) {
    proxy.stallAfter(bytes);
    const run = await machine.startRestore(config, ["--json", "--progress-interval", "100ms"]);
    await run.waitFor(/"phase":"publishing","messages_done":[1-9]/);
    run.kill("SIGINT");
    await run.waitFor(/^Stopping: /m);
    proxy.resume();
    assert.equal((await within(run)).code, 130);
  }
  const back = await job.restore(config, ["--json"]);
  assertOk(back);
  assert.match(allOf(back), /Taking over the progress that another machine left/);
  assert.equal(jsonLines(back, "summary")[0].possible_duplicates, 0);
  await assertWhole(broker, ...loaded);
});

Deno.test("a lock that is broken stops who held it, before anything is finished", async () => {
  await using middle = await Middle.of(broker);
  const { job, proxy, loaded } = middle;
  await using shared = await sharedStorage("directory");
  const config = {
    ...middle.config,
    storage: shared.keys,
    offset_storage: { lock_expiry_secs: 10 },
  };
  proxy.stallAfter(1 << 20);
  const run = await job.startBackup(config, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
  await using second = await newJob(broker);
  const breaking = await second.startBackup(config, ["--break-lock", "--json"]);
  await breaking.waitFor(
    /Taking over from .* \(process \d+\): its lock was renewed \d+ s ago, and is broken/,
  );
  await pause(4_000);
  proxy.resume();
  const stopped = await within(run);
  assert.equal(stopped.code, 11, allOf(stopped));
  assert.match(
    allOf(stopped),
    /Cannot start backup "test": its lock was taken over by .* \(process/,
  );
  // It began when the first one had given the messages back.
  const broken = await within(breaking, 60_000);
  assertOk(broken);
  assert.equal(jsonLines(broken, "summary")[0].messages, 1_000);
  for (const { queue, sent } of loaded) await waitForDepth(broker, queue, { depth: sent.length });
  await assertWhole(broker, ...loaded);
});

Deno.test("a lock that expired is taken over without being asked to", async () => {
  await using vhost = await testVhost(broker, "handover-expiry");
  await using shared = await sharedStorage("directory");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  const loaded = [await load(broker, await vhost.queue("orders"), 300)];
  const lost = await newJob(proxy.through(broker));
  const config: JobConfig = {
    vhosts: [vhost.name],
    storage: shared.keys,
    offset_storage: { lock_expiry_secs: 10 },
  };
  proxy.stallAfter(20_000);
  const run = await lost.startBackup(config, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"phase":"reading"/);
  run.kill("SIGKILL");
  await within(run);
  proxy.resume();
  await using next = await lose(lost);
  let result: CliResult | undefined;
  for (let tries = 0; result === undefined || result.code === 11; tries++) {
    assert.ok(tries < 60, "it does not expire");
    if (tries > 0) await pause(1000);
    result = await next.backup(config);
  }
  assertOk(result);
  assert.match(allOf(result), /Taking over from .*: its lock was not renewed for 1\d s/);
  await assertWhole(broker, ...loaded);
});

Deno.test("a restore from a storage that it may not write to says so, and keeps its progress here", async () => {
  await using vhost = await testVhost(broker, "handover-rights");
  await using job = await newJob(broker);
  const keys = await newStore("s3");
  const loaded = [await load(broker, await vhost.queue("orders"), 300)];
  assertOk(await job.backup({ vhosts: [vhost.name], storage: keys }));
  const bucket = `arn:aws:s3:::${keys.bucket}`;
  const statement = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource });
  const rights = await sessionKeys({
    Version: "2012-10-17",
    Statement: [statement("s3:ListBucket", bucket), statement("s3:GetObject", `${bucket}/*`)],
  });
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  const restore = await job.restore({ storage: { ...keys, ...rights } }, ["-v"]);
  assertOk(restore);
  assert.match(
    allOf(restore),
    /The storage cannot be written to: the progress is kept on this machine only/,
  );
  await assertWhole(broker, ...loaded);

  // It sees who has the lock all the same.
  const storage = await openStorage(storeConfig(keys));
  const runs = "test/runs/restore-";
  await using half = await newJob(broker);
  const slow = { storage: keys, restore: { rate_limit_messages_per_sec: 20 } };
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  const run = await half.startRestore(slow, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"phase":"publishing","messages_done":[1-9]/);
  assert.ok((await runsOf(storage)).some((key) => key.startsWith(runs)));
  const locked = {
    code: 11,
    error: /^Cannot start restore "test": .* has been at it since/,
    hint: /./,
  };
  assertFailed(await job.restore({ storage: { ...keys, ...rights } }), locked);
  // What a restore leaves beside a backup is no part of it.
  const validated = await job.validate("test", keys);
  assertOk(validated);
  assert.ok(!allOf(validated).includes("belongs to nothing"), allOf(validated));
  run.kill("SIGINT");
  assert.equal((await within(run)).code, 130);
  assertOk(await runPrinted(await run.done));
  assert.deepEqual(await runsOf(storage), []);
  await storage.close();
  await assertWhole(broker, ...loaded);
});

Deno.test("copies that the storage refuses do not fail a run; damaged ones are not used", async () => {
  await using middle = await Middle.of(broker);
  const { job, loaded } = middle;
  await using proxy = await StorageProxy.inFrontOf(storageServers().s3.endpoint);
  const keys: Record<string, string | boolean> = {
    ...await newStore("s3"),
    endpoint: proxy.endpoint,
  };
  const config = {
    ...middle.config,
    storage: keys,
    offset_storage: { s3_key: "state/offsets.db", sync_interval_secs: 1 },
  };
  const isCopy = (path: string) => path.includes("state/offsets.db");
  proxy.fault = ({ method, path }) =>
    method === "PUT" && isCopy(path) ? { kind: "answer", status: 403 } : undefined;
  const warning = /The progress cannot be copied into the storage: .*state\/offsets\.db\.test/;
  const backup = await job.backup(config);
  assertOk(backup);
  assert.match(allOf(backup), warning);
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  const restore = await job.restore(config);
  assertOk(restore);
  assert.match(allOf(restore), warning);
  await assertWhole(broker, ...loaded);

  // Stopped, copied, and damaged on the way.
  proxy.fault = () => undefined;
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  middle.proxy.stallAfter(3_000);
  const run = await job.startRestore(config, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"phase":"publishing","messages_done":[1-9]/);
  run.kill("SIGINT");
  await run.waitFor(/^Stopping: /m);
  middle.proxy.resume();
  await within(run);
  const storage = await openStorage(storeConfig(keys));
  const [key] = (await keysOf(storage)).filter(isCopy);
  assert.match(key!, /^state\/offsets\.db\.test\.restore-[0-9a-f]{16}$/);
  const bytes = await readAll(storage.get(key!), 1e8);
  const stored = new TextDecoder("latin1").decode(bytes);
  for (const secret of [CANARY, `${keys.secret_key}`]) assert.ok(!stored.includes(secret));
  bytes[4500]! ^= 1;
  await storage.put(key!, bytesOf(bytes));
  await using next = await newJob(job.broker);
  assertFailed(await next.restore(config), {
    code: 4,
    error:
      /^Cannot go on with restore "test": the copy of its progress in the storage cannot be used/,
    hint: /run it on the machine where it was begun; or remove "state\/offsets\.db\.test\.restore-/,
  });
  const back = await job.restore(config, ["--json"]);
  assertOk(back);
  assert.match(allOf(back), /Going on without it: the copy/);
  await assertWhole(broker, ...loaded);
  assert.deepEqual((await keysOf(storage)).filter(isCopy), []);
  await storage.close();
});
