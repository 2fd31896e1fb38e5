/** A backup that was interrupted, and whose source is gone: what there is of it can be restored. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import {
  allOf,
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertPartial,
  load,
  type Loaded,
} from "./helpers/failure.ts";
import { type Job, type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaPublish, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, type TestVhost, testVhost, waitForDepth } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

/** Whole queues, and one that is being read when the run is killed. */
const SMALL = ["a.small", "b.small"];
const LARGE = "z.large";

interface Interrupted extends AsyncDisposable {
  readonly job: Job;
  readonly small: Loaded[];
  readonly config: JobConfig;
}

/** A backup that is killed in the midst of its last queue. */
async function interrupted(broker: Broker, vhost: TestVhost): Promise<Interrupted> {
  const proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  const job = await newJob(proxy.through(broker));
  const small: Loaded[] = [];
  for (const name of SMALL) small.push(await load(broker, await vhost.queue(name), 50));
  const large = await vhost.queue(LARGE);
  const message = { exchange: "", routing_key: LARGE, properties: {}, headers: {} };
  const body = btoa("x".repeat(500_000));
  await pikaPublish(broker, vhost.name, Array.from({ length: 20 }, () => ({ ...message, body })));
  // One after the other, the deepest first.
  const config: JobConfig = {
    vhosts: [vhost.name],
    backup: { max_concurrent_queues: 1 },
    offset_storage: { lock_expiry_secs: 10 },
  };
  proxy.stallAfter(4 << 20);
  const run = await job.startBackup(config, ["--json", "--progress-interval", "100ms"]);
  for (const name of SMALL) {
    await run.waitFor(new RegExp(`"message_type":"queue_done".*"queue":"${name}".*"outcome":"ok"`));
  }
  await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
  run.kill("SIGKILL");
  await run.done;
  proxy.resume();
  await waitForDepth(broker, large, { depth: 20 });
  return { job, small, config, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
}

function finish(job: Job, flags: string[] = []): Promise<CliResult> {
  return runCli([
    ...["finish", "-p", job.backups, "-b", "test", "--json"],
    ...["--spool-dir", job.dir.join("spool"), "--db-path", job.dir.join("state.db"), ...flags],
  ]);
}

async function assertRestorable(
  broker: Broker,
  { job, small, vhost }: { job: Job; small: readonly Loaded[]; vhost: TestVhost },
): Promise<void> {
  assertOk(await job.validate());
  for (const { queue } of small) await deleteQueue(broker, queue);
  await deleteQueue(broker, { vhost: vhost.name, name: LARGE });
  const restored = await job.restore({ target: { amqp_url: broker.amqpUrl } }, ["--json"]);
  assertOk(restored);
  assert.ok(
    jsonLines(restored, "warning").some(({ message }) => /interrupted/.test(message)),
    allOf(restored),
  );
  for (const { queue, sent } of small) assertSameMessages(sent, await pikaRead(broker, queue));
}

testOnEach("its checkpoint is there: what was read becomes a backup", async (broker) => {
  await using vhost = await testVhost(broker, "finish");
  await using middle = await interrupted(broker, vhost);
  const { job, small, config } = middle;
  assertFailed(await job.restore(), {
    code: 10,
    error: /it is unfinished$/,
    hint: /Is its source gone\? finish --backup-id test makes what was read of it a backup/,
  });
  // On another machine nobody knows whether a run is at it.
  const elsewhere = ["--db-path", job.dir.join("other.db"), "--spool-dir", job.dir.join("other")];
  assertFailed(await finish(job, elsewhere), {
    code: 11,
    error: /^Cannot start backup "test": .* has been at it since/,
    hint: /--break-lock takes it over now/,
  });
  assertFailed(await finish(job, [...elsewhere, "--break-lock"]), {
    code: 11,
    error: /^Cannot finish backup "test": it was begun on host ".*" at .*, and the checkpoint of/,
    hint: /--from-storage goes by what is stored alone/,
  });

  const result = await finish(job);
  assertPartial(result);
  const [lost] = jsonLines(result, "queue_done").filter(({ outcome }) => outcome === "failed");
  assert.equal(lost.queue, LARGE);
  assert.deepEqual(
    jsonLines(result, "warning").filter(({ message }) => /not come to/.test(message)),
    [],
  );
  const [summary] = jsonLines(result, "summary");
  assert.deepEqual([summary.queues_ok, summary.queues_failed, summary.messages], [2, 1, 100]);
  const manifest = await job.manifest();
  assert.equal(manifest.state, "partial");
  assert.deepEqual(manifest.skipped.map((one: { name: string }) => one.name), [LARGE]);
  assert.match(manifest.skipped[0].reason, /interrupted while it was read/);
  assert.ok(manifest.definitions.queue_count >= 3);
  await assertRestorable(broker, { job, small, vhost });

  // It is finished: neither this nor a backup of that id touches it again.
  assertFailed(await finish(job), {
    code: 7,
    error: /^Cannot finish backup "test": it is finished$/,
    hint: /describe/,
  });
  assertFailed(await job.backup(config), {
    code: 7,
    error: /it exists already and is finished/,
    hint: /choose another/,
  });
});

testOnEach("only the storage is left: queues are put together from it", async (broker) => {
  await using vhost = await testVhost(broker, "finish");
  await using middle = await interrupted(broker, vhost);
  const { job, small } = middle;
  const elsewhere = ["--db-path", job.dir.join("other.db"), "--spool-dir", job.dir.join("other")];
  const result = await finish(job, [...elsewhere, "--from-storage", "--break-lock"]);
  assertPartial(result);
  const manifest = await job.manifest();
  assert.deepEqual(
    manifest.queues.map(({ name, partial }: { name: string; partial: string }) => [
      name,
      /how many messages it had is not known/.test(partial),
    ]),
    SMALL.map((name) => [name, true]),
  );
  assert.ok(
    manifest.warnings.some((warning: string) => warning.includes(`"${LARGE}"`)) ||
      manifest.warnings.some((warning: string) =>
        /in the definitions that it had not/.test(warning)
      ),
    manifest.warnings.join(),
  );
  await assertRestorable(broker, { job, small, vhost });
});

Deno.test("what was read and not stored comes from the spool", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "finish");
  await using job = await newJob(broker);
  const { queue, sent } = await load(broker, await vhost.queue("orders"), 50);
  // A storage that takes nothing but what stands beside the queues.
  const blocked = job.dir.join("backups", "test", "queues");
  await Deno.mkdir(job.dir.join("backups", "test"), { recursive: true });
  await Deno.writeTextFile(blocked, "");
  const failed = await job.backup({ vhosts: [vhost.name] });
  assert.equal(failed.code, 6, allOf(failed));
  await deleteQueue(broker, queue);
  await Deno.remove(blocked);

  const result = await finish(job);
  assertPartial(result);
  assert.equal(jsonLines(result, "summary")[0].messages, 50);
  assertOk(await job.validate());
  assertOk(await job.restore());
  assertSameMessages(sent, await pikaRead(broker, queue));
  await assertNothingLeft(job);
});
