/** Streams that were read by the stream protocol go into queues, and queues into streams. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { GO_CODECS, goPublish, goRead } from "./helpers/go_streams.ts";
import { newJob } from "./helpers/job.ts";
import { type MessageToPublish, type PikaMessage, pikaPublish, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, testVhost } from "./helpers/queues.ts";
import { streamPublish } from "./helpers/streams.ts";

const SECTIONS = /^x-amqp-1\.0-/;

/** Without what brokers add, and without the sections that a restore keeps in headers. */
function contentOf(all: readonly PikaMessage[]) {
  return all.map(({ properties: { ...properties }, headers, body, body_sha256 }) => {
    delete properties.cluster_id;
    // What 3.10 says nothing of is to be kept, as newer ones say.
    properties.delivery_mode ??= 2;
    const shown = Object.entries(headers).filter(([name]) =>
      name !== "x-stream-offset" && !SECTIONS.test(name)
    );
    return { properties, headers: Object.fromEntries(shown), body: body ?? body_sha256 };
  });
}

/** A message with every header type that a stream takes. */
function varied(index: number): MessageToPublish {
  return {
    routing_key: "s",
    properties: {
      ...{ content_type: "text/plain", content_encoding: "utf-8", message_id: `m${index}` },
      ...{ correlation_id: "c", reply_to: "r", type: "t", app_id: "a", timestamp: 1_700_000_000 },
      ...index % 3 === 0 ? {} : { priority: 4, delivery_mode: 1 + index % 2 },
    },
    headers: {
      long: { int: "9007199254740993" },
      small: { int: "-7" },
      bytes: { bytes: btoa("\xff\x00") },
      text: { str: "grüße" },
      flag: { bool: true },
      time: { timestamp: 1_700_000_000 },
      none: { void: true },
      "x-text": { str: "x".repeat(index * 10) },
      ...isRich(index) ? { "x-list": { array: [{ str: "a" }, { int: "1" }] } } : {},
      ...isRich(index) ? { "x-table": { table: { a: { str: "b" } } } } : {},
    },
    body: btoa("x".repeat(index * 40)),
  };
}

Deno.test("what a queue rejects of a stream is kept apart, and can be restored", async () => {
  const shared = brokers().at(-1)!;
  await using vhost = await testVhost(shared, "stream-rejected");
  await using job = await newJob(shared);
  const stream = await vhost.queue("s", { type: "stream" });
  await streamPublish(shared, stream, { count: 20, mode: "gzip", batch: 10, simple: true });
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await vhost.queue("small", {
    arguments: { "x-max-length": 8, "x-overflow": "reject-publish" },
  });
  const restore = {
    queue_type_mapping: { stream: "classic" },
    undelivered_path: job.dir.join("undelivered"),
    // One at a time, so that no more than eight are taken.
    window: 1,
  };
  const partly = await job.restore({ restore: { ...restore, queue_mapping: { s: "small" } } });
  assert.equal(partly.code, 3, allOf(partly));
  const [, id] = /as backup "([^"]+)"/.exec(partly.stderr)!;
  const described = await runCli(["describe", "-p", restore.undelivered_path, "-b", id!]);
  assertOk(described);
  const rest = { ...restore, queue_mapping: { s: "rest" } };
  const storage = { backend: "filesystem", path: restore.undelivered_path };
  assertOk(await job.restore({ backupId: id!, storage, restore: rest }));
  const read = async (name: string) =>
    (await pikaRead(shared, { vhost: vhost.name, name })).map(({ body }) => atob(body!));
  const all = [...await read("small"), ...await read("rest")];
  assert.deepEqual(all, Array.from({ length: 20 }, (_, index) => `simple ${index}`));
});

testOnEach("what no stream takes of a queue is kept apart", async (broker) => {
  await using vhost = await testVhost(broker, "queue-to-stream");
  await using job = await newJob(broker);
  const queue = await vhost.queue("q");
  const decimal = { price: { decimal: "1.5" } };
  await pikaPublish(broker, vhost.name, [
    { routing_key: "q", body: btoa("one") },
    { routing_key: "q", body: btoa("two"), headers: decimal },
    { routing_key: "q", body: btoa("three"), headers: { "x-nested": { array: [decimal.price] } } },
    { routing_key: "q", body: btoa("four") },
  ]);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  const restore = { queue_type_mapping: { classic: "stream" } };
  const stopped = await job.restore({ restore: { ...restore, on_undelivered: "fail" } });
  assert.notEqual(stopped.code, 0);
  assert.match(stopped.stderr, /a message has a decimal in its headers, over which brokers end/);
  const partly = await job.restore({ restore: { ...restore, if_not_empty: "append" } });
  assert.equal(partly.code, 3, allOf(partly));
  assert.match(partly.stderr, /2 messages that the target did not take are kept in/);
  const read = await pikaRead(broker, queue, { stream: true, count: 2 });
  assert.deepEqual(read.map(({ body }) => atob(body!)), ["one", "four"]);
});

const isRich = (index: number) => index % 4 === 1;

function isFour({ version }: Broker): boolean {
  return version.startsWith("4.");
}

testOnEach("a queue holds what the broker itself gives out of the stream", async (broker) => {
  await using vhost = await testVhost(broker, "stream-to-queue");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await pikaPublish(broker, vhost.name, Array.from({ length: 40 }, (_, index) => varied(index)));
  let count = 40;
  if (isFour(broker)) {
    await streamPublish(broker, queue, { count: 60, kind: "convertible", mode: "none" });
    count += 60;
  }
  const byBroker = await pikaRead(broker, queue, { stream: true, count });
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const type of ["classic", "quorum"]) {
    const restore = { queue_type_mapping: { stream: type }, queue_mapping: { s: type } };
    const plan = await job.restore({ restore }, ["--dry-run"]);
    assertOk(plan);
    assert.match(plan.stdout, /its messages become messages of AMQP 0-9-1: delivery annotations/);
    const restored = await job.restore({ restore });
    assertOk(restored);
    const target = { management_url: broker.managementUrl };
    const [, ...args] = await job.restoreArgs({ restore, target });
    assertOk(await runCli(["verify", ...args]));
    const read = await pikaRead(broker, { vhost: vhost.name, name: type });
    assert.deepEqual(contentOf(read), contentOf(byBroker));
  }
});

for (const broker of brokers().filter(isFour)) {
  Deno.test(
    `into a queue and back into a stream: all sections are there (RabbitMQ ${broker.version})`,
    () => intoQueueAndBack(broker),
  );
}

async function intoQueueAndBack(broker: Broker): Promise<void> {
  await using vhost = await testVhost(broker, "stream-and-back");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  for (const [index, codec] of GO_CODECS.entries()) {
    await goPublish(broker, queue, { count: 20, codec, first: index * 20 });
  }
  const read = async () =>
    (await goRead(broker, queue, { count: 100 })).map((line) => JSON.parse(line));
  const sent = await read();
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  const there = await job.restore({ restore: { queue_type_mapping: { stream: "classic" } } });
  assertOk(there);
  assert.match(there.stderr, /AMQP 0-9-1 does not have: .*delivery annotations \(80 messages\)/);
  assert.match(there.stderr, /several data sections, which are one body now \(80 messages\)/);
  assert.match(there.stdout, /Lost +of streams in queues: .*delivery annotations \(80 messages\)/);
  assertOk(await job.backup({ backupId: "queue", vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  const back = { queue_type_mapping: { classic: "stream" } };
  assertOk(await job.restore({ backupId: "queue", restore: back }));
  const kept = ["Properties", "Footer", "Value"];
  // deno-lint-ignore no-explicit-any
  const pick = ({ Data, Annotations, ApplicationProperties, ...line }: any) => {
    // What brokers do not take back, and what they add.
    delete ApplicationProperties.null;
    delete Annotations["x-basic-type"];
    delete Annotations["x-exchange"];
    delete Annotations["x-routing-key"];
    return {
      ...Object.fromEntries(kept.map((name) => [name, line[name]])),
      ...{ Annotations, ApplicationProperties },
      body: Data?.map((part: string) => atob(part)).join(""),
    };
  };
  assert.deepEqual((await read()).map(pick), sent.map(pick));
}
