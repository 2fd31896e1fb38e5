/** Two runs that want the same queues at the same time: neither lacks what the other has just then. */
import assert from "node:assert/strict";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertOk, assertWhole, load, type Loaded } from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { within } from "./helpers/middle.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { management, type TestVhost, testVhost, waitUntil } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const COUNT = 500;
const FLAGS = ["--json", "--progress-interval", "100ms"];
const WAITS = /Waiting for another run of rabbitmq-backup, which is reading queue \\"/;

testOnEach("a backup waits for one that has the messages", async (broker) => {
  await using vhost = await testVhost(broker, "two-wait");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  const loaded = await loadBoth(broker, vhost);
  await using slow = await newJob(proxy.through(broker));
  await using other = await newJob(broker);
  const config = { vhosts: [vhost.name] };
  proxy.stallAfter(1 << 20);
  const first = await slow.startBackup(config, FLAGS);
  await first.waitFor(/"phase":"reading","messages_done":[1-9]/);
  // The management API knows of nothing yet.
  const second = await other.startBackup({ ...config, backupId: "other" }, FLAGS);
  await second.waitFor(WAITS);
  proxy.resume();
  await assertWholeBackup(slow, "test", await within(first));
  await assertWholeBackup(other, "other", await within(second));
  await assertWhole(broker, ...loaded);
});

testOnEach("two backups that begin at the same moment", async (broker) => {
  await using vhost = await testVhost(broker, "two-begin");
  const loaded = await loadBoth(broker, vhost);
  loaded.push(await load(broker, await vhost.queue("passing", { autoDelete: true }), 300));
  await untilKnown(broker, loaded);
  await using one = await newJob(broker);
  await using two = await newJob(broker);
  const vhosts = [vhost.name];
  const runs = [
    await one.startBackup({ vhosts, backupId: "one" }, FLAGS),
    await two.startBackup({ vhosts, backupId: "two" }, FLAGS),
  ];
  const [first, second] = await Promise.all(runs.map((run) => within(run, 120_000)));
  await assertWholeBackup(one, "one", first!, 300);
  await assertWholeBackup(two, "two", second!, 300);
  await assertWhole(broker, ...loaded);
});

/**
 * A classic and a quorum queue, with more in them than fits into the buffers on the way, and known to
 * the management API.
 */
async function loadBoth(broker: Broker, vhost: TestVhost): Promise<Loaded[]> {
  const loaded: Loaded[] = [];
  for (const type of ["classic", "quorum"] as const) {
    const queue = await vhost.queue(type, { type });
    const large = { large: 16, largeSize: 1 << 20 };
    const sent = await pikaGenerate(broker, queue, { count: COUNT, priorities: [4], ...large });
    loaded.push({ queue, sent });
  }
  await untilKnown(broker, loaded);
  return loaded;
}

/** The statistics of a young queue come late. */
async function untilKnown(broker: Broker, loaded: readonly Loaded[]): Promise<void> {
  for (const { queue, sent } of loaded) {
    const path = `queues/${queue.vhost}/${queue.name}?columns=messages`;
    const isKnown = async () =>
      (await management(broker, path) as { messages?: number }).messages === sent.length;
    await waitUntil(isKnown, { what: "statistics" });
  }
}

async function assertWholeBackup(
  job: Job,
  backupId: string,
  result: Awaited<ReturnType<typeof within>>,
  more = 0,
): Promise<void> {
  assertOk(result);
  const summary = jsonLines(result, "summary")[0];
  assert.equal(summary.messages, 2 * COUNT + more, allOf(result));
  assertOk(await job.validate(backupId));
}
