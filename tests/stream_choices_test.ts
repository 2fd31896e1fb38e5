/** What of streams is backed up and restored where not all is, and where to. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { pikaPublish } from "./helpers/pika.ts";
import { deleteQueue, management, put, testVhost } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { runCli } from "./helpers/cli.ts";

/** Nothing here depends on the version, where not all are asked. */
const shared: Broker = brokers().at(-1)!;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function read(broker: Broker, queue: { vhost: string; name: string }, count: number) {
  return (await streamRead(broker, queue, { count })).map(({ message }) => message);
}

testOnEach("a stream up to a point in time, under another name", async (broker) => {
  await using vhost = await testVhost(broker, "stream-time");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: 60 });
  await pause(300);
  const until = new Date().toISOString();
  await pause(300);
  await streamPublish(broker, queue, { count: 40, first: 60 });
  const sent = await read(broker, queue, 100);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const described = await runCli(["describe", "-p", job.backups, "-b", "test"]);
  assert.match(described.stdout, /Stream s \(stream-time-.*\): offsets 0 to 99/);
  assert.match(described.stdout, /1 +0 to 99 +100 +\d{4}-/);

  const chosen = { time_window_end: until, queue_mapping: { s: "early" } };
  const restored = await job.restore({ restore: chosen });
  assertOk(restored);
  const early = { vhost: vhost.name, name: "early" };
  assert.deepEqual(await read(broker, early, 60), sent.slice(0, 60));
  const limited = { max_messages_per_queue: 10, queue_mapping: { s: "few" } };
  assertOk(await job.restore({ restore: limited }));
  const few = { vhost: vhost.name, name: "few" };
  assert.deepEqual(await read(broker, few, 10), sent.slice(0, 10));
  // Both hold that and no more.
  for (const [name, count] of [["early", 60], ["few", 10]] as const) {
    const more = { vhost: vhost.name, name };
    await streamPublish(broker, more, { count: 1, seed: 9 });
    const [last] = (await streamRead(broker, more, { count: count + 1 })).slice(-1);
    assert.equal(last!.offset, count);
    assert.ok(!sent.includes(last!.message));
  }
  const byHeader = { messages: { headers: ["x"] }, queue_mapping: { s: "none" } };
  const refused = await job.restore({ restore: byHeader });
  assert.equal(refused.code, 7, allOf(refused));
  assert.match(refused.stderr, /of a stream messages can be chosen by when they were written only/);
});

Deno.test("where the stream port is needed and closed: streams are refused, by name", async () => {
  await using vhost = await testVhost(shared, "stream-port");
  const queue = await vhost.queue("s", { type: "stream" });
  await vhost.queue("plain");
  await streamPublish(shared, queue, { count: 5 });
  await using job = await newJob(shared);
  assertOk(await job.backup({ backupId: "whole", vhosts: [vhost.name] }));
  const queues = { vhosts: [vhost.name] };
  const partial = await job.backup({
    source: { queues, stream_port: 1 },
    backup: { stream_protocol: "stream" },
  });
  assert.equal(partial.code, 3, allOf(partial));
  assert.match(allOf(partial), /for streams: nothing listens there \(connection refused\)/);
  assert.match(allOf(partial), /rabbitmq-plugins enable rabbitmq_stream/);
  const manifest = await job.manifest();
  assert.deepEqual(manifest.queues.map(({ name }: { name: string }) => name), ["plain"]);
  const left = await job.backup({
    backupId: "left",
    source: { queues, stream_port: 1 },
    backup: { stream_enabled: false },
  });
  assertOk(left);
  const v1 = await job.backup({
    backupId: "v1",
    source: { queues },
    backup: { format: "rbak-v1" },
  });
  assert.equal(v1.code, 3, allOf(v1));
  assert.match(allOf(v1), /format rbak-v1 has no place for what a stream holds/);

  await deleteQueue(shared, queue);
  const refused = await job.restore({ backupId: "whole", target: { stream_port: 1 } });
  assert.equal(refused.code, 7, allOf(refused));
  assert.match(refused.stderr, /leave streams out: --type classic --type quorum/);
  assertOk(await job.restore({ backupId: "whole" }));
  assert.equal((await read(shared, queue, 5)).length, 5);
});

testOnEach(
  "a message that the stream protocol does not take is found beforehand",
  async (broker) => {
    await using vhost = await testVhost(broker, "stream-large");
    await using job = await newJob(broker);
    const queue = await vhost.queue("s", { type: "stream" });
    const body = btoa("x".repeat(2_000_000));
    await pikaPublish(broker, vhost.name, [{ routing_key: "s", body: btoa("y") }, {
      routing_key: "s",
      body,
    }]);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    assertOk(await job.validate());
    await deleteQueue(broker, queue);
    const refused = await job.restore();
    assert.equal(refused.code, 7, allOf(refused));
    assert.match(
      refused.stderr,
      /a message or batch of 2000\d+ bytes, and the target takes frames/,
    );
    assert.match(refused.stderr, /raise stream\.frame_max/);
  },
);

testOnEach("what retention drops while a stream is read is named", async (broker) => {
  await using vhost = await testVhost(broker, "stream-gap");
  await using proxy = TcpProxy.inFrontOf(`amqp://127.0.0.1:${broker.streamPort}`);
  await using job = await newJob(broker);
  const small = { "x-stream-max-segment-size-bytes": 200_000, "x-max-length-bytes": 1_500_000 };
  const queue = await vhost.queue("s", { type: "stream", arguments: small });
  await streamPublish(broker, queue, { count: 1000 });
  const source = {
    queues: { vhosts: [vhost.name] },
    stream_port: Number(new URL(proxy.through(broker).amqpUrl).port),
  };
  proxy.stallAfter(500_000);
  const run = await job.startBackup({ source, backup: { segment_max_bytes: 128 * 1024 } });
  const end = performance.now() + 30_000;
  while (proxy.passed < 500_000 && performance.now() < end) await pause(10);
  await streamPublish(broker, queue, { count: 4000 });
  proxy.cut();
  const result = await run.done;
  assert.equal(result.code, 3, allOf(result));
  assert.match(result.stderr + result.stdout, /its retention dropped offsets \d+ to \d+/);
  const [entry] = (await job.manifest()).queues;
  const [gap] = entry.stream.gaps;
  assert.equal(entry.stream.last_offset, 999);
  assert.ok(gap.first > 0 && gap.last <= 999, JSON.stringify(gap));
  assertOk(await job.validate());
});

Deno.test("a super stream comes back with its definitions, each partition as it was", async () => {
  await using vhost = await testVhost(shared, "super-stream");
  await using job = await newJob(shared);
  const partitions = ["invoices-0", "invoices-1"];
  const exchange = `exchanges/${vhost.name}/invoices`;
  const bindings = async () => {
    const found = await management(shared, `${exchange}/bindings/source`) as object[];
    // A hash of the arguments, which tells integers apart by their width.
    return found.map((binding) => ({ ...binding, properties_key: undefined }));
  };
  await put(shared, exchange, { type: "direct", arguments: { "x-super-stream": true } });
  const written = [];
  for (const [index, name] of partitions.entries()) {
    const queue = await vhost.queue(name, { type: "stream" });
    await management(shared, `bindings/${vhost.name}/e/invoices/q/${name}`, {
      method: "POST",
      body: { routing_key: `${index}`, arguments: { "x-stream-partition-order": index } },
    });
    await streamPublish(shared, queue, { count: 20 + index, seed: index });
    written.push({ queue, sent: await read(shared, queue, 20 + index) });
  }
  const before = await bindings();
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const { queue } of written) await deleteQueue(shared, queue);
  assertOk(await job.restore());
  for (const { queue, sent } of written) {
    assert.deepEqual(await read(shared, queue, sent.length), sent);
  }
  assert.deepEqual(await bindings(), before);
});
