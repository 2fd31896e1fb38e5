/** A machine is lost in the middle, or stopped, and another one goes on. */
import assert from "node:assert/strict";
import { CheckpointStore } from "../src/checkpoint/store.ts";
import { fetchCopy } from "../src/engine/handover/copy_file.ts";
import type { Storage } from "../src/storage/storage.ts";
import { brokers } from "./helpers/brokers.ts";
import {
  allOf,
  assertFailed,
  assertOk,
  assertWhole,
  load,
  type Loaded,
} from "./helpers/failure.ts";
import { type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import { lose, pause, runsOf, sharedStorage } from "./helpers/machines.ts";
import { Middle, within } from "./helpers/middle.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { deleteQueue, testVhost, waitForDepth } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { tempDir } from "./helpers/temp.ts";

const broker = brokers().at(-1)!;

/** Waits until the copy of a backup's progress says that a queue is done. */
async function untilCopied(storage: Storage, queue: string): Promise<void> {
  await using dir = await tempDir();
  const copy = { key: "test/runs/backup/checkpoint.db", path: dir.join("copy.db") };
  const { signal } = new AbortController();
  for (let waited = 0; waited < 300; waited++) {
    if (await fetchCopy(storage, { ...copy, signal })) {
      using store = CheckpointStore.open(copy.path);
      const rows = store.backups.queues(store.runs.all()[0]!.id);
      if (rows.some(({ name, state }) => name === queue && state === "done")) return;
    }
    await Deno.remove(copy.path);
    await pause(100);
  }
  assert.fail(`no copy says that ${queue} is done`);
}

/** A queue that takes a while to read, with few messages. */
async function slow(queue: Loaded["queue"]): Promise<Loaded> {
  const large = { large: 40, largeSize: 1 << 20 };
  const sent = await pikaGenerate(broker, queue, { count: 50, priorities: [4], ...large });
  return { queue, sent };
}

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
      offset_storage: { sync_interval_secs: 1, lock_expiry_secs: 10 },
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

  // The first machine learns that it is done, and that there is nothing to go on with.
  assertFailed(await job.restore(config), {
    code: 7,
    error: /^Cannot restore into queue ".*" of vhost ".*: it holds 500 messages already$/,
    hint: /empty it/,
  });
  await assertWhole(broker, ...loaded);
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
