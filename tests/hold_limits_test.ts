/** How much and how long is held: memory, length limits, time, alarms, disk; let go early or refused. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type Broker, brokers, startBroker, testOnEach } from "./helpers/brokers.ts";
import { breaksIn, openBroker, publishNumbers, readNumbers } from "./helpers/direct.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { allOf, assertNothingLeft, assertOk, assertPartial } from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { within } from "./helpers/middle.ts";
import { readWithPython } from "./helpers/readers.ts";
import { management, testVhost, waitForDepth, waitUntil } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const DEFINITIONS = { include_definitions: false };
const FLAGS = ["--json", "--progress-interval", "100ms"];

/** Every number from 0 on, once, in order. */
async function assertWhole(broker: Broker, queue: { vhost: string; name: string }, count: number) {
  await waitForDepth(broker, queue, { depth: count });
  await using connection = await openBroker(broker, queue.vhost);
  const reading = { queue: queue.name, limit: count, returnMethod: "channel_close" } as const;
  const { numbers } = await readNumbers(connection, reading);
  assert.deepEqual([numbers.length, numbers[0], breaksIn(numbers)], [count, 0, 0]);
}

/** The bodies in a backup are the numbers from 0 on. */
async function assertOldest(job: Job, id: string, count: number): Promise<void> {
  const read = await readWithPython(`${job.backups}/${id}`);
  assert.equal(read.length, count);
}

async function memoryHeadroom(broker: Broker): Promise<number> {
  const [node] = await management(broker, "nodes") as { mem_used: number; mem_limit: number }[];
  return node!.mem_limit - node!.mem_used;
}

Deno.test("a node with little memory: refused with the figures, or as much as fits", async (context) => {
  const count = 100_000;
  await using broker = await startBroker("4.0");
  await using vhost = await testVhost(broker, "memory");
  await using job = await newJob(broker);
  const queue = await vhost.queue("deep");
  const young = await vhost.queue("quorum", { type: "quorum" });
  {
    await using connection = await openBroker(broker, vhost.name);
    await publishNumbers(connection, "deep", count);
    await publishNumbers(connection, "quorum", 100);
  }
  const nodes = async () =>
    await management(broker, "nodes") as {
      mem_used?: number;
      disk_free_alarm: boolean;
    }[];
  await waitUntil(async () => (await nodes())[0]?.mem_used !== undefined, { what: "its figures" });
  const limit = Math.round((await nodes())[0]!.mem_used! + 500e6);
  await broker.rabbitmqctl("set_vm_memory_high_watermark", "absolute", `${limit}`);
  await waitUntil(async () => await memoryHeadroom(broker) < 600e6, { what: "the new watermark" });
  const config = { vhosts: [vhost.name], backup: DEFINITIONS };

  await context.step("it is refused up front", async () => {
    const planned = await job.backup({ ...config, backupId: "plan" }, ["--dry-run"]);
    assert.equal(planned.code, 3, allOf(planned));
    const figures =
      /holding 100000 messages takes some 50\d MB of its node's memory, and at most \d+ MB may be taken \(50 % of the \d+ MB up to its memory alarm\)/;
    assert.match(planned.stdout, figures);
    const result = await job.backup({ ...config, backupId: "refused" }, ["--json"]);
    assertPartial(result, figures);
    const manifest = await job.manifest("refused");
    assert.deepEqual(manifest.skipped.map(({ name }: { name: string }) => name), ["deep"]);
    assert.equal(manifest.total_messages, 100);
  });

  await context.step("what fits is taken, and the backup says that it is a part", async () => {
    const backup = {
      ...DEFINITIONS,
      queue_overrides: [{ queues: ["de*"], vhosts: [vhost.name], partial: "oldest" }],
    };
    const result = await job.backup({ ...config, backupId: "oldest", backup }, ["--json"]);
    assert.equal(result.code, 3, allOf(result));
    const { state, queues, skipped } = await job.manifest("oldest");
    assert.equal(state, "partial");
    assert.deepEqual(skipped, []);
    const deep = queues.find(({ name }: { name: string }) => name === "deep");
    assert.ok(deep.message_count > 10_000 && deep.message_count < 60_000, deep.message_count);
    assert.match(deep.partial, /only the oldest \d+ of 100000 messages/);
    await assertOldest(job, "oldest", deep.message_count + 100);
    assertOk(await job.validate("oldest"));
    const described = await runCli(["describe", "-p", job.backups, "-b", "oldest"]);
    assert.match(described.stdout, /only the oldest/);
  });

  await context.step("an alarm holds the next backup back until it ends", async () => {
    await broker.rabbitmqctl("set_disk_free_limit", `${2 ** 60}`);
    await waitUntil(async () => (await nodes())[0]!.disk_free_alarm, { what: "the alarm" });
    const run = await job.startBackup({ ...config, backupId: "alarm" }, [
      ...FLAGS,
      "--include",
      "quorum",
    ]);
    await run.waitFor(/"message_type":"warning".*The backup has to wait: node .* has a disk alarm/);
    await broker.rabbitmqctl("set_disk_free_limit", "50MB");
    assertOk(await within(run));
  });

  await assertWhole(broker, queue, count);
  await waitForDepth(broker, young, { depth: 100 });

  await context.step("filled, and nothing published since the broker started", async () => {
    const limited = await vhost.queue("limited", { arguments: { "x-max-length": 1_000 } });
    await using connection = await openBroker(broker, vhost.name);
    await publishNumbers(connection, "limited", 600);
    await broker.rabbitmqctl("stop_app");
    await broker.rabbitmqctl("start_app");
    const what = ["--include", "limited"];
    await untilPlanned(() => job.backup({ ...config, backupId: "idle" }, ["--dry-run", ...what]));
    assertOk(await job.backup({ ...config, backupId: "idle" }, what));
    await assertWhole(broker, limited, 600);
  });
});

/** A queue that is filled to more than half is read when the broker's figures say that nothing arrives. */
async function untilPlanned(plan: () => Promise<CliResult>): Promise<void> {
  let last: CliResult | undefined;
  await waitUntil(async () => (last = await plan()).code === 0, {
    what: () => `the figures of the queue (${last === undefined ? "no plan" : allOf(last)})`,
    timeoutMs: 60_000,
  });
}

testOnEach("a hold that gets too long ends early", async (broker) => {
  const count = 3_000;
  for (const type of ["classic", "quorum"] as const) {
    await using vhost = await testVhost(broker, "patience");
    await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    await using job = await newJob(proxy.through(broker));
    const queue = await vhost.queue("q", { type, arguments: {} });
    await using connection = await openBroker(broker, vhost.name);
    await publishNumbers(connection, "q", count);
    const backup = { ...DEFINITIONS, max_hold_secs: 2 };
    // The network stands still in the middle, and goes on when the patience has ended.
    const stalled = async (backupId: string, partial: string) => {
      proxy.stallAfter(40_000);
      const config = { backupId, vhosts: [vhost.name], backup: { ...backup, partial } };
      const run = await job.startBackup(config, FLAGS);
      await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
      await delay(2_500);
      proxy.resume();
      return await within(run);
    };
    const refused = await stalled("refused", "refuse");
    // Some more than were read had been sent: all are there when reading ends, and then it is whole.
    if (refused.code !== 0) assertPartial(refused, /held for 2 s \(max_hold_secs\)/);
    await waitForDepth(broker, queue, { depth: count });
    const part = await stalled("part", "oldest");
    if (part.code !== 0) {
      assert.equal(part.code, 3, allOf(part));
      const [entry] = (await job.manifest("part")).queues;
      assert.match(entry.partial, /held for 2 s/);
      await assertOldest(job, "part", entry.message_count);
    }
    await assertNothingLeft(job);
    await assertWhole(broker, queue, count);
  }
});

testOnEach(
  "a length limit that comes near while messages are held: nothing is dropped",
  async (broker) => {
    const count = 6_000;
    for (const type of ["classic", "quorum"] as const) {
      await using vhost = await testVhost(broker, "length");
      await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
      await using job = await newJob(proxy.through(broker));
      const limit = 10_000;
      const queue = await vhost.queue("q", { type, arguments: { "x-max-length": limit } });
      await using connection = await openBroker(broker, vhost.name);
      await publishNumbers(connection, "q", count);
      await untilPlanned(() =>
        job.backup({ vhosts: [vhost.name], backup: DEFINITIONS }, ["--dry-run"])
      );
      proxy.stallAfter(60_000);
      const config = { vhosts: [vhost.name], backup: { ...DEFINITIONS, prefetch_count: 1_000 } };
      const run = await job.startBackup(config, FLAGS);
      await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
      await using publishing = await openBroker(broker, vhost.name);
      await publishNumbers(publishing, "q", 3_700);
      proxy.resume();
      const result = await within(run);
      // Either all had been read by then, or it was let go.
      if (result.code !== 0) assertPartial(result, /the queue came near its max-length/);
      await waitForDepth(broker, queue, { depth: count + 3_700 });
    }
  },
);

testOnEach(
  "a spool that is too small: refused with the figures, and queues wait for room",
  async (broker) => {
    await using vhost = await testVhost(broker, "spool");
    await using job = await newJob(broker);
    await using connection = await openBroker(broker, vhost.name);
    const queues = [];
    for (const name of ["a", "b", "c", "large"]) {
      queues.push(await vhost.queue(name));
      await publishNumbers(connection, name, name === "large" ? 4_000 : 700);
    }
    // 700 messages of unknown size count as 0.9 MB: one queue at a time fits.
    const backup = { ...DEFINITIONS, spool_max_bytes: "1MiB" };
    const result = await job.backup({ vhosts: [vhost.name], backup }, ["--json"]);
    assertPartial(
      result,
      /4000 messages take some \d+ MB of the local spool, which has room for 2 MB/,
    );
    const outcomes = jsonLines(result, "queue_done").map(({ queue, outcome }) => [queue, outcome]);
    assert.deepEqual(Object.fromEntries(outcomes), { a: "ok", b: "ok", c: "ok", large: "skipped" });
    await assertNothingLeft(job);
    for (const queue of queues.slice(0, 3)) await assertWhole(broker, queue, 700);
  },
);

for (const broker of brokers().slice(-1)) {
  Deno.test("URLs of two brokers do not make one backup", async () => {
    const other = brokers()[0]!;
    await using vhost = await testVhost(broker, "two");
    await vhost.queue("q");
    const there = await testVhost(other, vhost.name.slice(0, 3));
    await using _there = there;
    await using job = await newJob({
      amqpUrl: broker.amqpUrl,
      managementUrl: other.managementUrl,
    });
    await management(other, `vhosts/${vhost.name}`, { method: "PUT", body: {} });
    try {
      await management(other, `queues/${vhost.name}/q`, { method: "PUT", body: {} });
      const result = await job.backup({ vhosts: [vhost.name] });
      assert.equal(result.code, 2, allOf(result));
      assert.match(result.stderr, /amqp_url leads to broker ".*" and management_url to ".*"/);
    } finally {
      await management(other, `vhosts/${vhost.name}`, { method: "DELETE" });
    }
  });
}
