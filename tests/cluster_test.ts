/** Clusters of three nodes: leaders that move and nodes that die while queues are read and restored. */
import assert from "node:assert/strict";
import { chooseWay } from "../scripts/lib/broker.ts";
import type { DebianBroker } from "../scripts/lib/debian_broker.ts";
import { DebianCluster } from "../scripts/lib/debian_cluster.ts";
import { say } from "../scripts/lib/output.ts";
import { brokers } from "./helpers/brokers.ts";
import type { CliResult } from "./helpers/cli.ts";
import {
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertPartial,
  assertWhole,
  load,
  type Loaded,
} from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { createQueue, management, testVhost, waitUntil } from "./helpers/queues.ts";

/** A run may wait for an election, or for the broker to notice that a node is gone. */
const RUN_MS = 90_000;

for (const { version } of brokers()) {
  Deno.test({
    name: `a cluster of three nodes (RabbitMQ ${version})`,
    // Elsewhere there is no way to start one.
    ignore: await chooseWay(version) !== "debian",
    async fn(context) {
      // How long 4.3 waits for a node that is gone before it takes back what its consumers had.
      const config = version === "4.3" ? "consumer_disconnected_timeout = 10000" : "";
      await using cluster = await DebianCluster.start(version, { size: 3, config });
      const [near, far, third] = cluster.nodes as [DebianBroker, DebianBroker, DebianBroker];
      const nodes = { near, far, third };
      const steps: [string, (nodes: Nodes) => Promise<void>][] = [
        ["a leader moves while its queue is read", leaderMoves],
        ["a leader dies while its queue is read", leaderDies],
        ["the node that the backup reads from dies", connectionDies],
        ["a classic queue whose node is down", classicDown],
        ["leaders move and die while their queues are restored", restoreLeaders],
      ];
      for (const [name, step] of steps) {
        // Without its nodes, no later step can tell anything.
        if (await context.step(name, () => firstError(step(nodes)))) continue;
        for (const node of cluster.nodes) say(await lastWords(node));
        break;
      }
    },
  });
}

/** The tool is connected to the first, the second leads the queues. */
interface Nodes {
  readonly near: DebianBroker;
  readonly far: DebianBroker;
  readonly third: DebianBroker;
}

async function leaderMoves({ near, far, third }: Nodes): Promise<void> {
  await using middle = await Middle.of(near, { host: far });
  const run = await middle.reading();
  for (const { queue } of middle.loaded) await moveLeader(queue, { from: far, to: third });
  middle.proxy.resume();
  await assertComplete(middle, await within(run, RUN_MS));
  for (const { queue } of middle.loaded) assert.equal(await leaderOf(near, queue), third.nodeName);
}

async function leaderDies({ near, far }: Nodes): Promise<void> {
  await using middle = await Middle.of(near, { host: far });
  // What was returned once stands in a line of its own.
  await assertComplete(middle, await middle.job.backup({ ...middle.config, backupId: "before" }));
  const run = await middle.reading();
  await far.kill();
  middle.proxy.resume();
  await assertComplete(middle, await within(run, RUN_MS));
  await far.restart();
  await assertComplete(middle, await middle.job.backup({ ...middle.config, backupId: "after" }));
}

async function connectionDies({ near, far, third }: Nodes): Promise<void> {
  await using middle = await Middle.of(near, { host: far });
  const run = await middle.reading();
  await near.kill();
  middle.proxy.resume();
  const result = await within(run, RUN_MS);
  assertFailed(result, {
    code: 5,
    // The second queue may be just about to connect.
    error: /^Cannot (?:go on with|connect to) 127\.0\.0\.1:\d+: /,
    hint: /run the same command again to go on where it stopped/,
  });
  const source = { amqp_url: third.amqpUrl, management_url: third.managementUrl };
  const again = await middle.job.backup({ ...middle.config, source }, ["--json"]);
  await near.restart();
  await assertComplete(middle, again);
}

async function classicDown({ near, far }: Nodes): Promise<void> {
  await using vhost = await testVhost(near, "down");
  await using job = await newJob(near);
  const loaded: Loaded[] = [];
  for (
    const [name, host, type] of [
      ["there", near, "classic"],
      ["away", far, "classic"],
      ["replicated", far, "quorum"],
    ] as const
  ) {
    const queue = { vhost: vhost.name, name };
    await createQueue(host, { ...queue, type });
    if (name !== "away") loaded.push(await load(near, queue));
  }
  await far.kill();
  const result = await job.backup({ vhosts: [vhost.name] });
  assertPartial(result, /away \(down-.*\): its node .*@localhost is down/);
  const manifest = await job.manifest();
  assert.equal(manifest.state, "partial");
  assert.deepEqual(manifest.skipped.map(({ name }: { name: string }) => name), ["away"]);
  assert.equal(manifest.total_messages, 100);
  await far.restart();
  assertOk(await job.backup({ backupId: "again", vhosts: [vhost.name] }));
  await assertWhole(near, ...loaded);
}

async function restoreLeaders({ near, third }: Nodes): Promise<void> {
  await using middle = await Middle.of(near);
  assertOk(await middle.job.backup(middle.config));
  for (const dies of [false, true]) {
    const run = await middle.publishing();
    for (const { queue } of middle.loaded) await moveLeader(queue, { from: near, to: third });
    if (dies) await third.kill();
    middle.proxy.resume();
    const result = await within(run, RUN_MS);
    if (dies) await third.restart();
    await middle.assertRestored(result);
  }
}

/** What a node logged last, for whoever looks at a failed test. */
async function lastWords(node: DebianBroker): Promise<string> {
  const lines = (await node.log()).trimEnd().split("\n").slice(-40);
  return [`${node.nodeName} ${node.isRunning ? "runs" : "is down"}; its log ends:`, ...lines].join(
    "\n",
  );
}

/** The error that a test failed with, not that of cleaning up on a node that it left dead. */
async function firstError(test: Promise<void>): Promise<void> {
  try {
    await test;
  } catch (error) {
    throw error instanceof SuppressedError ? error.suppressed : error;
  }
}

/** The run took all there is, and left all there. */
async function assertComplete(middle: Middle, result: CliResult): Promise<void> {
  const { job, loaded, broker } = middle;
  assertOk(result);
  const id = /Backup (\w+) is complete/.exec(result.stdout)?.[1] ?? "test";
  const { queues } = await job.manifest(id);
  const counts = queues.map((queue: { message_count: number }) => queue.message_count);
  assert.deepEqual(counts, loaded.map(({ sent }) => sent.length));
  assertOk(await job.validate(id));
  await assertNothingLeft(job);
  await assertWhole(broker, ...loaded);
}

async function leaderOf(
  broker: DebianBroker,
  { vhost, name }: { vhost: string; name: string },
): Promise<string | undefined> {
  const { leader } = await management(broker, `queues/${vhost}/${name}`) as { leader?: string };
  return leader;
}

/** Has a quorum queue led by another node. */
async function moveLeader(
  { vhost, name }: { vhost: string; name: string },
  { from, to }: { from: DebianBroker; to: DebianBroker },
): Promise<void> {
  const member = (node: DebianBroker) => `{list_to_atom("${vhost}_${name}"), '${node.nodeName}'}`;
  const move = `ra:transfer_leadership(${member(from)}, ${member(to)}).`;
  assert.match(await from.rabbitmqctl("eval", move), /ok|already_leader/);
  await waitUntil(
    async () => await leaderOf(from, { vhost, name }) === to.nodeName,
    { what: `${to.nodeName} to lead ${name}` },
  );
}
