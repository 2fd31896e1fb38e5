/** `verify` reads back what a restore has put into queues, and leaves them as they are. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli, startCli } from "./helpers/cli.ts";
import { allOf, assertNothingLeft, assertOk, assertWhole, load } from "./helpers/failure.ts";
import { type Job, type JobConfig, newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { deleteQueue, queueDepth, testVhost, waitUntil } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;

/** Runs `verify` with what a restore of the job would use. */
async function verify(
  job: Job,
  { broker, config = {}, flags = [] }: { broker: Broker; config?: JobConfig; flags?: string[] },
): Promise<CliResult> {
  const target = { management_url: broker.managementUrl };
  const [, ...args] = await job.restoreArgs({ ...config, target });
  return await runCli(["verify", ...args, ...flags]);
}

interface Found {
  queue: string;
  expected: number;
  actual: number;
  result: string;
  first_difference?: number;
  reason?: string;
}

async function found(
  job: Job,
  options: { broker: Broker; code: number; config?: JobConfig },
): Promise<Record<string, Found>> {
  const result = await verify(job, { ...options, flags: ["--json"] });
  assert.equal(result.code, options.code, allOf(result));
  const { queues } = JSON.parse(result.stdout) as { queues: Found[] };
  return Object.fromEntries(queues.map((queue) => [queue.queue, queue]));
}

testOnEach("a restored backup is the same, and reading it changes nothing", async (broker) => {
  await using vhost = await testVhost(broker, "verify é");
  const loaded = [
    await load(broker, await vhost.queue("classic"), 60),
    await load(broker, await vhost.queue("quorum", { type: "quorum" }), 60),
  ];
  await vhost.queue("empty");
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  assertOk(await job.restore());
  for (let round = 0; round < 2; round++) {
    const result = await verify(job, { broker, flags: ["-v"] });
    assertOk(result);
    assert.match(result.stdout, /classic \(verify é-.*\): the same 60 messages$/m);
    assert.match(result.stdout, /quorum \(verify é-.*\): the same 60 messages$/m);
    assert.match(result.stdout, /hold the same: 3 queues compared\.$/m);
  }
  await assertWhole(broker, ...loaded);
  await assertNothingLeft(job);
});

testOnEach("what is missing, too much, other or in another order is told", async (broker) => {
  await using vhost = await testVhost(broker, "verify");
  await using client = await PlainClient.open(broker, vhost.name);
  const names = ["missing", "extra", "other", "order", "gone", "same"];
  await client.declare(names.map((name) => ({ name })));
  const of = (name: string, bodies: readonly string[]) => bodies.map((b) => [name, b] as const);
  const all = ["1", "2", "3", "4", "5"];
  await client.publish(names.flatMap((name) => of(name, all)));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await client.onChannel(async (channel) => {
    await channel.get("missing", { noAck: true });
    channel.sendToQueue("extra", Buffer.from("6"), { persistent: true });
    await channel.checkQueue("extra");
  });
  for (const name of ["other", "order"]) await client.take(name);
  await client.publish([
    ...of("other", ["1", "2", "x", "4", "5"]),
    ...of("order", ["1", "2", "4", "3", "5"]),
  ]);
  await client.deleteQueues(["gone"]);
  const queues = await found(job, { broker, code: 14 });
  const told = (name: string) => {
    const { expected, actual, result, first_difference } = queues[name]!;
    return [expected, actual, result, first_difference];
  };
  assert.deepEqual(told("missing"), [5, 4, "missing", 0]);
  assert.deepEqual(told("extra"), [5, 6, "extra", 5]);
  assert.deepEqual(told("other"), [5, 5, "other", 2]);
  assert.deepEqual(told("order"), [5, 5, "order", 2]);
  assert.deepEqual(told("gone"), [5, 0, "missing", 0]);
  assert.equal(queues.gone!.reason, "it does not exist");
  assert.deepEqual(told("same"), [5, 5, "same", undefined]);
  assert.deepEqual((await client.peek("order")).map(({ body }) => body), ["1", "2", "4", "3", "5"]);

  // Only what is asked for counts.
  const some = { restore: { queues: { include: ["same"] } } };
  assert.deepEqual(Object.keys(await found(job, { broker, code: 0, config: some })), ["same"]);
});

Deno.test("the choice and the mapping of the restore are those of the comparison", async () => {
  await using vhost = await testVhost(shared, "verify");
  await using client = await PlainClient.open(shared, vhost.name);
  await client.declare([{ name: "a" }, { name: "b" }]);
  const keyed = (name: string) =>
    ["1", "2", "3", "4"].map((body) =>
      [name, body, { headers: { odd: Number(body) % 2 === 1 } }] as const
    );
  await client.publish([...keyed("a"), ...keyed("b")]);
  await using job = await newJob(shared);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const restore = {
    time_window_end: "now",
    messages: { headers: ["odd=true"] },
    queue_mapping: { a: "one", b: "one" },
  };
  const config = { restore };
  assertOk(await job.restore(config));
  const { one } = await found(job, { broker: shared, code: 0, config });
  assert.deepEqual([one!.expected, one!.actual, one!.result], [4, 4, "same"]);
  await client.onChannel((channel) => channel.get("one", { noAck: true }));
  const exchange = { restore: { ...restore, publish_mode: "exchange" } };
  const refused = await verify(job, { broker: shared, config: exchange });
  assert.equal(refused.code, 2, allOf(refused));
  assert.match(refused.stderr, /Cannot verify a restore with publish_mode exchange/);
  const less = await found(job, { broker: shared, code: 14, config });
  assert.equal(less.one!.result, "missing");
});

testOnEach("stopped while messages are held: all of them are back", async (broker) => {
  await using middle = await Middle.of(broker);
  const { job, loaded, proxy } = middle;
  assertOk(await job.backup(middle.config));
  const [, ...args] = await job.restoreArgs({
    ...middle.config,
    target: { management_url: broker.managementUrl },
  });
  proxy.stallAfter(1 << 20);
  const run = startCli(["verify", ...args]);
  const { queue } = loaded[0]!;
  const isHeld = async () => (await queueDepth(broker, queue))! < 500;
  await waitUntil(isHeld, { what: "messages to be held", timeoutMs: 30_000 });
  run.kill("SIGINT");
  await run.waitFor(/^Stopping: giving the messages back\. /m);
  proxy.resume();
  const result = await within(run);
  assert.equal(result.code, 130, allOf(result));
  await assertNothingLeft(job);
  await assertWhole(broker, ...loaded);
});

Deno.test("a queue that reading could harm is left out, and told", async () => {
  await using vhost = await testVhost(shared, "verify");
  await using client = await PlainClient.open(shared, vhost.name);
  const both = ["safe", "full"];
  await client.declare(both.map((name) => ({ name })));
  await client.publish(both.map((name) => [name, "1"] as const));
  await using job = await newJob(shared);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  // Another message would push the oldest out, while it is held.
  await client.deleteQueues(["full"]);
  await client.declare([{ name: "full", arguments: { "x-max-length": 1 } }]);
  await client.publish([["full", "1"]]);
  const { safe, full } = await found(job, { broker: shared, code: 3 });
  assert.equal(safe!.result, "same");
  assert.equal(full!.result, "unread");
  assert.match(full!.reason!, /1 of at most 1 messages/);
});
