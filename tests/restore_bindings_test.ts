/** Queues that a restore creates get their bindings back, from the definitions of the backup. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { zstdDecompressSync } from "node:zlib";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import type { CliResult } from "./helpers/cli.ts";
import {
  allOf,
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertWhole,
  load,
  TestUser,
} from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import {
  deleteQueue,
  management,
  put,
  queueDepth,
  remove,
  type TestVhost,
  testVhost,
  waitForDepth,
} from "./helpers/queues.ts";

const part = encodeURIComponent;

interface Binding {
  source: string;
  destination: string;
  routing_key: string;
  arguments: Record<string, unknown>;
}

testOnEach("what is sent to exchanges reaches queues that were created again", async (broker) => {
  await using vhost = await testVhost(broker, "bind é/%2F");
  await using client = await PlainClient.open(broker, vhost.name);
  await vhost.queue("orders", { type: "quorum" });
  await vhost.queue("Ünï/code");
  await vhost.queue("kept");
  await client.onChannel(async (channel) => {
    await channel.assertExchange("events", "topic");
    await channel.assertExchange("by head é", "headers");
    await channel.assertExchange("relay", "fanout");
    await channel.bindExchange("events", "relay", "");
    await channel.bindQueue("orders", "events", "order.#");
    await channel.bindQueue("orders", "events", "ünï.*");
    await channel.bindQueue("orders", "amq.direct", "");
    await channel.bindQueue("kept", "events", "#");
    await channel.bindQueue("Ünï/code", "events", "order.new");
    await channel.bindQueue("Ünï/code", "by head é", "", {
      "x-match": "all",
      text: "é",
      small: { "!": "int", value: 5 },
      large: { "!": "long", value: 9007199254740993n },
      half: { "!": "double", value: 0.5 },
      whole: { "!": "double", value: 2 },
      flag: true,
    });
  });
  await client.publish([["orders", "old"], ["Ünï/code", "old"], ["kept", "old"]]);
  const before = await bindingsOf(broker, vhost);
  assert.equal(before.length, 6);

  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await client.deleteQueues(["orders", "Ünï/code"]);
  await client.take("kept");
  // A binding that someone took away from a queue that is there is not restore's to make.
  await client.onChannel((channel) => channel.unbindQueue("kept", "events", "#"));
  const restored = await job.restore({}, ["--json"]);
  assertOk(restored);
  assert.deepEqual(warningsOf(restored), []);
  const wanted = before.filter(({ destination }) => destination !== "kept");
  assert.deepEqual(await bindingsOf(broker, vhost), wanted);

  // Not only listed: they route, by numbers of every type.
  await client.onChannel(async (channel) => {
    const headers = (large: bigint) => ({
      text: "é",
      small: { "!": "int", value: 5 },
      large: { "!": "long", value: large },
      half: { "!": "double", value: 0.5 },
      whole: { "!": "double", value: 2 },
      flag: true,
    });
    channel.publish("relay", "order.new", Buffer.from("new"));
    channel.publish("by head é", "", Buffer.from("match"), { headers: headers(9007199254740993n) });
    channel.publish("by head é", "", Buffer.from("none"), { headers: headers(9007199254740992n) });
    await channel.checkQueue("kept"); // all before has been sent
  });
  await waitForDepth(broker, { vhost: vhost.name, name: "Ünï/code" }, { depth: 3 });
  await waitForDepth(broker, { vhost: vhost.name, name: "orders" }, { depth: 2 });
  const bodies = async (queue: string) => (await client.take(queue)).map(({ body }) => body);
  assert.deepEqual(await bodies("Ünï/code"), ["old", "new", "match"]);
  assert.deepEqual(await bodies("orders"), ["old", "new"]);
  assert.deepEqual(await bodies("kept"), ["old"]);
  await assertNothingLeft(job);
});

testOnEach("an exchange that is not there is named, and does not keep messages", async (broker) => {
  await using vhost = await testVhost(broker, "unbound");
  // Longer than RabbitMQ 4.x can say of an exchange that is missing.
  const long = "ü".repeat(127);
  const loaded = await load(broker, await vhost.queue("orders"));
  await using client = await PlainClient.open(broker, vhost.name);
  await client.onChannel(async (channel) => {
    for (const exchange of ["events", "other", long]) {
      await channel.assertExchange(exchange, "topic");
      await channel.bindQueue("orders", exchange, "last");
    }
    for (let n = 1; n < 7; n++) await channel.bindQueue("orders", "events", `key.${n}`);
  });
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const before = await bindingsOf(broker, vhost);
  await deleteQueue(broker, loaded.queue);
  await client.onChannel(async (channel) => {
    await channel.deleteExchange("events");
    await channel.deleteExchange(long);
  });
  const restored = await job.restore({}, ["--json"]);
  assertOk(restored);
  await assertWhole(broker, loaded);
  const warnings = warningsOf(restored);
  assert.deepEqual(warnings.map(({ queue }) => queue), ["orders", "orders"], allOf(restored));
  const ofLong = warnings.findIndex(({ message }) => message.includes(long));
  assert.match(warnings[ofLong]!.message, /there is no such exchange.*\(routing key "last"\)$/);
  const { message, hint } = warnings[1 - ofLong]!;
  assert.equal(
    message,
    'Cannot bind queue "orders" to exchange "events": there is no such exchange (routing key ' +
      '"key.1", "key.2", "key.3", "key.4", "key.5" and 2 more)',
  );
  assert.match(hint, /^definitions-import --backup-id test makes exchanges and bindings/);

  // The way out that is named works on a queue that is there by now. Of this vhost only: the broker
  // is shared, and what other tests have taken away stays away.
  const packed = await Deno.readFile(job.dir.join("backups/test/definitions/definitions.json.zst"));
  const { exchanges, bindings } = JSON.parse(zstdDecompressSync(packed).toString());
  const own = (all: { vhost: string }[]) => all.filter((one) => one.vhost === vhost.name);
  const body = { exchanges: own(exchanges), bindings: own(bindings) };
  await management(broker, "definitions", { method: "POST", body });
  assert.deepEqual(await bindingsOf(broker, vhost), before);
});

testOnEach("a user who may create the queue and not bind it", async (broker) => {
  await using vhost = await testVhost(broker, "unbound");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using client = await PlainClient.open(broker, vhost.name);
  await client.onChannel((channel) => channel.bindQueue("orders", "amq.topic", "a.#"));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, loaded.queue);
  await using user = new TestUser(broker);
  await user.put("impersonator");
  await user.grant(vhost.name, { configure: ".*", write: ".*", read: "^orders$" });
  const restored = await job.restore({ target: { amqp_url: user.amqpUrl } });
  assertOk(restored);
  assert.match(
    restored.stderr,
    /^Warning: Cannot bind queue "orders" to exchange "amq\.topic": the user may not \(ACCESS_REFUSED.*\) \(routing key "a\.#"\)\nHint: grant write permission on the queue and read perm/m,
  );
  await assertWhole(broker, loaded);
});

testOnEach("a restore that is gone on with makes the bindings that are missing", async (broker) => {
  await using vhost = await testVhost(broker, "rebound");
  const loaded = await load(broker, await vhost.queue("orders"), 200);
  await using client = await PlainClient.open(broker, vhost.name);
  const bind = () => client.onChannel((channel) => channel.assertExchange("events", "topic"));
  await bind();
  await client.onChannel((channel) => channel.bindQueue("orders", "events", "#"));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const before = await bindingsOf(broker, vhost);
  await deleteQueue(broker, loaded.queue);
  await client.onChannel((channel) => channel.deleteExchange("events"));
  const policy = `policies/${vhost.name}/limit`;
  await put(broker, policy, {
    pattern: ".*",
    "apply-to": "queues",
    definition: { "max-length": 50, overflow: "reject-publish" },
  });
  const restore = { on_undelivered: "fail" };
  const stopped = await job.restore({ restore });
  assert.match(stopped.stderr, /Cannot bind queue "orders" to exchange "events"/);
  assertFailed(stopped, { code: 5, error: /the target rejects messages/, hint: /make room/ });

  await remove(broker, policy);
  await bind();
  const last = await job.restore({ restore });
  assertOk(last);
  assert.doesNotMatch(last.stderr, /Cannot bind/);
  assert.deepEqual(await bindingsOf(broker, vhost), before);
  await assertWhole(broker, loaded);
});

Deno.test("a backup that does not know the bindings says so once, and restores", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "unknown");
  await using client = await PlainClient.open(broker, vhost.name);
  const queues = Array.from({ length: 7 }, (_, n) => `q${n}`);
  await client.declare(queues.map((name) => ({ name })));
  await client.publish(queues.map((name) => [name, "x"]));
  await using job = await newJob(broker);
  const backup = { include_definitions: false };
  assertOk(await job.backup({ backupId: "without", vhosts: [vhost.name], backup }));
  assertOk(await job.backup({ backupId: "damaged", vhosts: [vhost.name] }));
  assertOk(await job.backup({ backupId: "lost", vhosts: [vhost.name] }));
  const definitions = (id: string) =>
    job.dir.join("backups", id, "definitions/definitions.json.zst");
  const bytes = await Deno.readFile(definitions("damaged"));
  bytes[bytes.length >> 1]! ^= 1;
  await Deno.writeFile(definitions("damaged"), bytes);
  await Deno.remove(definitions("lost"));
  const reasons = {
    without: /: the backup has no definitions$/,
    damaged: /: Cannot read the definitions of backup "damaged": .*definitions\.json/,
    lost: /: Cannot read the definitions of backup "lost": .*: it is missing$/,
  };
  for (const [backupId, reason] of Object.entries(reasons)) {
    await client.deleteQueues(queues);
    const planned = await job.restore({ backupId }, ["--dry-run"]);
    assertOk(planned);
    assert.match(planned.stderr, /^Warning: The bindings of "q0" .* are not known/m);
    const restored = await job.restore({ backupId }, ["--json"]);
    assertOk(restored);
    const warnings = warningsOf(restored);
    assert.equal(warnings.length, 1, allOf(restored));
    assert.match(
      warnings[0]!.message,
      /^The bindings of "q0" \(vhost "unknown-.* and 2 more are not/,
    );
    assert.match(warnings[0]!.message, reason);
    assert.equal(await queueDepth(broker, { vhost: vhost.name, name: "q6" }), 1);
  }
  // Nothing is created, so there is nothing to say.
  const again = await job.restore({ backupId: "lost", restore: { if_not_empty: "append" } });
  assertOk(again);
  assert.doesNotMatch(again.stderr, /bindings/);
});

/** What the run warned of; the configuration is not what is looked at here. */
function warningsOf(result: CliResult): { message: string; hint: string; queue?: string }[] {
  return jsonLines(result, "warning").filter(({ message }) => !/restore\.yaml/.test(message));
}

/** All bindings of queues, but those of the default exchange. */
async function bindingsOf(broker: Broker, vhost: TestVhost): Promise<Binding[]> {
  const all = await management(
    broker,
    `bindings/${part(vhost.name)}`,
  ) as (Binding & { destination_type: string })[];
  return all
    .filter(({ source, destination_type }) => source !== "" && destination_type === "queue")
    .map(({ source, destination, routing_key, arguments: args }) => ({
      source,
      destination,
      routing_key,
      arguments: args,
    }))
    .sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}
