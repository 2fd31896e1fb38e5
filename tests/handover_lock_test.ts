/** Two machines never work on the same; what rights a run needs for what it leaves to another one. */
import assert from "node:assert/strict";
import { openStorage } from "../src/storage/open.ts";
import { bytesOf, readAll } from "../src/storage/storage.ts";
import { brokers } from "./helpers/brokers.ts";
import type { CliResult } from "./helpers/cli.ts";
import {
  allOf,
  assertFailed,
  assertOk,
  assertWhole,
  CANARY,
  load,
  runPrinted,
} from "./helpers/failure.ts";
import { type JobConfig, newJob } from "./helpers/job.ts";
import { keysOf, lose, pause, runsOf, sharedStorage } from "./helpers/machines.ts";
import { Middle, within } from "./helpers/middle.ts";
import { sessionKeys } from "./helpers/minio_session.ts";
import { deleteQueue, testVhost, waitForDepth } from "./helpers/queues.ts";
import { StorageProxy } from "./helpers/storage_proxy.ts";
import { newStore, storageServers, storeConfig } from "./helpers/storages.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const broker = brokers().at(-1)!;

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
  const broken = await within(breaking, 60_000);
  // What the first one, whose connection hung, gave back meanwhile was waited for.
  assertOk(broken);
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
