/** Delivery limits of quorum queues: no backup is the one that drops a message. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertOk, assertPartial } from "./helpers/failure.ts";
import { openBroker, publishNumbers } from "./helpers/direct.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { within } from "./helpers/middle.ts";
import { assertSameMessages, pikaGenerate, type PikaMessage, pikaRead } from "./helpers/pika.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { put, type QueueSpec, testVhost, waitForDepth } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const BACKUPS = 40;
const COUNT = 50;

/** Delivery limits by argument; undefined is the broker's default. */
const LIMITS: Record<Broker["version"], (number | undefined)[]> = {
  "3.10": [undefined, 3],
  "4.0": [undefined, 3],
  "4.3": [undefined, 3],
};

/** How many backups a queue of that limit allows. */
function allowed({ version }: Broker, limit: number | undefined): number {
  if (version === "4.3") return BACKUPS;
  return limit ?? (version === "4.0" ? 20 : BACKUPS);
}

Deno.test(`${BACKUPS} backups in a row of queues with delivery limits`, async () => {
  await Promise.all(
    brokers().map(async (broker) => {
      await using vhost = await testVhost(broker, "limit");
      await using job = await newJob(broker);
      const loaded: { limit: number | undefined; queue: QueueSpec; sent: PikaMessage[] }[] = [];
      for (const limit of LIMITS[broker.version]) {
        const args = limit === undefined ? {} : { "x-delivery-limit": limit };
        const queue = await vhost.queue(`limit ${limit}`, { type: "quorum", arguments: args });
        const sent = await pikaGenerate(broker, queue, { count: COUNT, priorities: [4] });
        loaded.push({ limit, queue, sent });
      }
      const backup = { include_definitions: false };
      for (let round = 1; round <= BACKUPS; round++) {
        const config = { backupId: `b${round}`, vhosts: [vhost.name], backup };
        const result = await job.backup(config, ["--json"]);
        const refused = loaded.filter(({ limit }) => round > allowed(broker, limit));
        assert.equal(result.code, refused.length > 0 ? 3 : 0, allOf(result));
        const done = jsonLines(result, "queue_done");
        for (const { queue, limit } of loaded) {
          const one = done.find((line) => line.queue === queue.name);
          if (round <= allowed(broker, limit)) assert.equal(one.messages, COUNT);
          else assert.match(one.reason, /backups have used \d+ of the \d+ delivery attempts/);
          await waitForDepth(broker, queue, { depth: COUNT });
        }
      }
      // Not one message is lost, changed or moved.
      for (const { queue, sent } of loaded) {
        const found = await pikaRead(broker, queue, { ack: true });
        assertSameMessages(sent, found);
      }
    }),
  );
});

testOnEach("messages whose attempts an application has used up are not lost", async (broker) => {
  // What counts on each: on 4.3 only what the operator insists on.
  const backup = {
    include_definitions: false,
    ...(broker.version === "4.3" ? { requeue_strategy: "cancel" } : {}),
  };
  await using vhost = await testVhost(broker, "exhausted");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "dead letters" }, {
    name: "q",
    type: "quorum",
    arguments: {
      "x-delivery-limit": 3,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "dead letters",
    },
  }]);
  const bodies = Array.from({ length: 30 }, (_, index) => `${index}`);
  const options = (index: number) => ({
    priority: 4,
    headers: { index, CC: ["dead letters"] },
    ...(index === 2 ? { userId: broker.username } : {}),
  });
  await client.publish(bodies.map((body, index) => ["q", body, options(index)] as const));
  await client.take("dead letters"); // the copies by CC

  // Message 1 comes back at its limit, in front; and 2, behind 0 which has one attempt used.
  await useUp(client, { first: 1, behind: [0, 2] });
  const config = (backupId: string) => ({ backupId, vhosts: [vhost.name], backup });
  const result = await job.backup(config("refused"), ["--json"]);
  assertPartial(result, /2 of its messages have used up all 3 delivery attempts.*a copy of each/);
  // Not by reading: that would be the return which loses the next one.
  assert.deepEqual(await client.depths(["q", "dead letters"]), [bodies.length, 0]);
  // The others have attempts left.
  assertOk(await job.backup(config("whole")));
  assert.deepEqual(await client.depths(["q", "dead letters"]), [bodies.length, 0]);
  const found = await client.take("q");
  assert.deepEqual(found.map(({ body }) => body).slice(-2), ["1", "2"]);
  assert.deepEqual(new Set(found.map(({ body }) => body)), new Set(bodies));
  for (const { body, properties } of found) {
    assert.equal(properties.headers!.index, Number(body));
    assert.equal(properties.priority, 4);
  }
});

testOnEach(
  "a connection that is lost while such messages are held loses none of them",
  async (broker) => {
    await using vhost = await testVhost(broker, "exhausted-cut");
    await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    await using job = await newJob(proxy.through(broker));
    await using client = await PlainClient.open(broker, vhost.name);
    await client.declare([{ name: "q", type: "quorum", arguments: { "x-delivery-limit": 3 } }]);
    const bodies = Array.from({ length: 30 }, (_, index) => `${index} `.padEnd(100_000, "x"));
    await client.publish(bodies.map((body) => ["q", body, { priority: 4 }] as const));
    await useUp(client, { first: 1, behind: [0, 2] });
    proxy.stallAfter(1 << 20);
    const config = {
      vhosts: [vhost.name],
      backup: { include_definitions: false, reconnect_secs: 10 },
    };
    const run = await job.startBackup(config, ["--json", "--progress-interval", "100ms"]);
    await run.waitFor(/"phase":"(reading|returning)","messages_done":[1-9]/);
    await delay(3_000);
    proxy.cut();
    proxy.resume();
    const result = await within(run);
    assertPartial(
      result,
      /\d of its messages .* would be lost as the connection broke down; a copy of each was put/,
    );
    const found = await client.take("q");
    assert.deepEqual(new Set(found.map(({ body }) => body)), new Set(bodies));
  },
);

/**
 * Rejects one message until its count is 3, and then, behind others that were given back once,
 * another one.
 */
async function useUp(
  client: PlainClient,
  { first, behind: [once, second] }: { first: number; behind: [number, number] },
): Promise<void> {
  const channel = await client.connection.createChannel();
  const held = new Map<number, { fields: { deliveryTag: number } }>();
  const get = async () => {
    const message = await channel.get("q");
    assert.ok(message);
    held.set(parseInt(message.content.toString()), message);
  };
  const giveBack = (body: number) => {
    channel.reject(held.get(body) as never, true);
    held.delete(body);
  };
  for (let index = 0; index <= Math.max(first, once, second); index++) await get();
  const twice = async (body: number) => {
    for (let time = 0; time < 2; time++) {
      giveBack(body);
      await get();
    }
  };
  await twice(first);
  await twice(second);
  giveBack(first);
  giveBack(once);
  giveBack(second);
  await channel.close();
}

testOnEach("a policy that lifts the limit is believed", async (broker) => {
  if (broker.version !== "4.0") return;
  await using vhost = await testVhost(broker, "lifted");
  await using job = await newJob(broker);
  const queue = await vhost.queue("q", { type: "quorum" });
  await put(broker, `policies/${vhost.name}/unlimited`, {
    pattern: ".*",
    definition: { "delivery-limit": -1 },
    "apply-to": "queues",
  });
  const sent = await pikaGenerate(broker, queue, { count: COUNT, priorities: [4] });
  const result = await job.backup({ vhosts: [vhost.name] }, ["--dry-run"]);
  assertOk(result);
  assert.match(result.stdout, /the queue has no limit of them/);
  assertSameMessages(sent, await pikaRead(broker, queue, { ack: true }));
});

testOnEach(
  "where returns are free, messages at their limit are not held either",
  async (broker) => {
    if (broker.version !== "4.3") return;
    await using vhost = await testVhost(broker, "at-limit");
    await using job = await newJob(broker);
    await using client = await PlainClient.open(broker, vhost.name);
    await client.declare([{ name: "q", type: "quorum", arguments: { "x-delivery-limit": 3 } }]);
    const bodies = Array.from({ length: 10 }, (_, index) => `${index}`);
    await client.publish(bodies.map((body) => ["q", body, { priority: 4 }] as const));
    await useUp(client, { first: 1, behind: [0, 2] });
    const config = { vhosts: [vhost.name], backup: { include_definitions: false } };
    const result = await job.backup(config, ["--json"]);
    assertPartial(
      result,
      /would be lost if this process or the connection broke down; they went back/,
    );
    const found = await client.take("q");
    assert.deepEqual(new Set(found.map(({ body }) => body)), new Set(bodies));
    assert.equal(found[0]!.body, "1");
  },
);

testOnEach("what a client calls x-delivery-count is not believed", async (broker) => {
  await using vhost = await testVhost(broker, "forged");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "classic" }, { name: "quorum", type: "quorum" }]);
  const forged = [50, 9_007_199_254_740_992, -1, "many"];
  await client.publish(
    ["classic", "quorum"].flatMap((queue) =>
      forged.map((count) =>
        [queue, `${count}`, { headers: { "x-delivery-count": count } }] as const
      )
    ),
  );
  for (const backupId of ["first", "second"]) {
    const config = { backupId, vhosts: [vhost.name], backup: { include_definitions: false } };
    assertOk(await job.backup(config, ["--json"]));
    const { queues } = await job.manifest(backupId);
    for (const { name, capture } of queues) {
      const highest = capture.highest_delivery_count ?? 0;
      assert.ok(highest <= (name === "quorum" ? 1 : 0), `${name}: ${highest}`);
    }
  }
});

testOnEach("a kill while messages are held is counted in the next plan", async (broker) => {
  const count = 3_000;
  await using vhost = await testVhost(broker, "killed");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  await using job = await newJob(proxy.through(broker));
  const queue = await vhost.queue("q", { type: "quorum", arguments: { "x-delivery-limit": 5 } });
  await using connection = await openBroker(broker, vhost.name);
  await publishNumbers(connection, "q", count);
  const config = { vhosts: [vhost.name], backup: { include_definitions: false } };
  proxy.stallAfter(40_000);
  const run = await job.startBackup(config, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
  run.kill("SIGKILL");
  await run.done;
  proxy.resume();
  await waitForDepth(broker, queue, { depth: count });
  const plan = await job.backup(config, ["--dry-run"]);
  assertOk(plan);
  if (broker.version !== "4.3") assert.match(plan.stdout, /\(1 used, 4 backups left\)/);
  assertOk(await job.backup(config));
  await waitForDepth(broker, queue, { depth: count });
});
