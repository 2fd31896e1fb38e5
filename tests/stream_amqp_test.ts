/** Streams without the stream port: by AMQP 0-9-1, with what that loses named. */
import assert from "node:assert/strict";
import { QueueInspector } from "../src/broker/amqp/queue_inspector.ts";
import { openBroker } from "./helpers/direct.ts";
import { runCli } from "./helpers/cli.ts";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertOk, filesBelow } from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import {
  assertSameMessages,
  type MessageToPublish,
  type PikaMessage,
  pikaPublish,
  pikaRead,
} from "./helpers/pika.ts";
import { deleteQueue, testVhost, waitUntil } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Nothing listens there. */
const CLOSED = { stream_port: 1 };

function messages(queue: string, count: number): MessageToPublish[] {
  return Array.from({ length: count }, (_, index) => ({
    routing_key: queue,
    properties: { content_type: "text/plain", message_id: `m${index}`, priority: 3, timestamp: 17 },
    headers: {
      long: { int: "9007199254740993" },
      bytes: { bytes: btoa("\xff\x00") },
      text: { str: "grüße" },
      flag: { bool: true },
    },
    body: btoa("x".repeat(index * 40)),
  }));
}

// deno-lint-ignore no-explicit-any
function entryOf({ queues, skipped }: any, name: string): any {
  const entry = queues.find((one: { name: string }) => one.name === name);
  assert.ok(entry !== undefined, JSON.stringify(skipped));
  return entry;
}

testOnEach("a stream goes through AMQP 0-9-1, told and named in the manifest", async (broker) => {
  await using vhost = await testVhost(broker, "stream-amqp");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  const empty = await vhost.queue("empty", { type: "stream" });
  await pikaPublish(broker, vhost.name, messages("s", 300));
  const sent = await pikaRead(broker, queue, { stream: true, count: 300 });
  const source = { queues: { vhosts: [vhost.name] }, ...CLOSED };
  const backup = { segment_max_bytes: 64 * 1024 };

  const planned = await job.backup({ source, backup }, ["--dry-run"]);
  assert.match(
    planned.stdout,
    /read by AMQP 0-9-1 \(cannot connect .*, it lacks compressed batches/,
  );
  const asked = await job.backup({ source, backup });
  assert.equal(asked.code, 3, allOf(asked));
  assert.match(asked.stderr, /Not all of .*"s".* will be in the backup: read by AMQP 0-9-1/);
  const entry = entryOf(await job.manifest(), "s");
  const { first_offset, last_offset, gaps, losses } = entry.amqp_stream;
  assert.deepEqual([first_offset, last_offset, gaps], [0, 299, []]);
  assert.match(losses.join(), /the times at which messages were written/);
  assert.equal(entry.message_count, 300);
  assert.ok(entry.segments.length > 3, "stored in several segments");
  assert.match(entry.partial, /it lacks compressed batches/);
  assertOk(await job.validate());

  assert.equal(entryOf(await job.manifest(), "empty").message_count, 0);
  await deleteQueue(broker, empty);

  // Asked for by name, it is what was wanted.
  const chosen = { ...backup, stream_protocol: "amqp" };
  const accepted = await job.backup({ backupId: "chosen", source, backup: chosen });
  assertOk(accepted);
  const described = await runCli(["describe", "-p", job.backups, "-b", "chosen"]);
  assert.match(described.stdout, /Stream s \(stream-amqp-.*\): offsets 0 to 299, by AMQP 0-9-1/);
  assert.match(described.stdout, /Lacks: compressed batches/);

  await deleteQueue(broker, queue);
  assertOk(await job.restore({ backupId: "chosen" }));
  assertSameMessages(sent, await pikaRead(broker, queue, { stream: true, count: 300 }), {
    routing: false,
  });
  const target = { management_url: broker.managementUrl };
  const [, ...args] = await job.restoreArgs({ backupId: "chosen", target });
  assertOk(await runCli(["verify", ...args]));
  await pikaPublish(broker, vhost.name, messages("s", 1));
  assert.notEqual((await runCli(["verify", ...args])).code, 0);

  const needed = { ...backup, stream_protocol: "stream" };
  const refused = await job.backup({ backupId: "needed", source, backup: needed });
  assert.equal(refused.code, 3, allOf(refused));
  assert.deepEqual((await job.manifest("needed")).queues, []);
});

testOnEach("what AMQP 0-9-1 does not give out of a stream is named", async (broker) => {
  await using vhost = await testVhost(broker, "stream-amqp-gaps");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  const ways = [["gzip", 10], ["plain", 5], ["none", 10], ["gzip", 20], ["plain", 5]] as const;
  let first = 0;
  for (const [mode, count] of ways) {
    await streamPublish(broker, queue, { count, mode, first, batch: 10, simple: true });
    first += count;
  }
  const source = { queues: { vhosts: [vhost.name] }, ...CLOSED };
  const backup = { stream_protocol: "amqp" };
  const result = await job.backup({ source, backup });
  if (broker.version === "3.10") {
    // It breaks the connection at a compressed batch.
    assert.equal(result.code, 3, allOf(result));
    assert.match(allOf(result), /it holds what this broker cannot give out that way/);
    return;
  }
  assert.equal(result.code, 3, allOf(result));
  const entry = entryOf(await job.manifest(), "s");
  assert.deepEqual(entry.amqp_stream.gaps, [{ first: 0, last: 9 }, { first: 25, last: 44 }]);
  assert.match(entry.partial, /offsets 0 to 9, 25 to 44 did not come by AMQP 0-9-1: compressed/);
  assert.equal(entry.message_count, 20);
  assertOk(await job.validate());
  // The same bodies, in the order in which they were.
  await deleteQueue(broker, queue);
  assertOk(await job.restore());
  const bodies = (await streamRead(broker, queue, { count: 20 })).map(({ message }) =>
    /simple \d+/.exec(atob(message))?.[0]
  );
  const kept = [...Array(15).keys()].map((n) => n + 10).concat([45, 46, 47, 48, 49]);
  assert.deepEqual(bodies, kept.map((number) => `simple ${number}`));

  // Nothing but batches, and messages that the broker cannot convert: no empty backup of them.
  const onlyBatches = await vhost.queue("only batches", { type: "stream" });
  await streamPublish(broker, onlyBatches, { count: 10, mode: "gzip", simple: true });
  const unlike = await vhost.queue("unlike", { type: "stream" });
  await streamPublish(broker, unlike, { count: 10 });
  const failed = await job.backup({ backupId: "failed", source, backup });
  assert.equal(failed.code, 3, allOf(failed));
  const { queues, skipped } = await job.manifest("failed");
  assert.deepEqual(queues.map(({ name }: { name: string }) => name), ["s"]);
  assert.match(skipped[0].reason, /of its 10 messages the last ones do not come/);
  assert.match(skipped[1].reason, /it holds what this broker cannot give out that way/);
});

testOnEach(
  "by AMQP 0-9-1 a stream is read on after a lost connection, and a kill",
  async (broker) => {
    await using vhost = await testVhost(broker, "stream-amqp-cut");
    await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    await using job = await newJob(broker);
    const queue = await vhost.queue("s", { type: "stream" });
    const body = btoa("y".repeat(3_000));
    const all = Array.from({ length: 1_500 }, (_, index) => ({
      routing_key: "s",
      properties: { message_id: `m${index}` },
      body,
    }));
    await pikaPublish(broker, vhost.name, all);
    const sent = await pikaRead(broker, queue, { stream: true, count: 1_500 });
    proxy.stallAfter(3_000_000);
    const { amqpUrl } = proxy.through(broker);
    const source = { amqp_url: amqpUrl, queues: { vhosts: [vhost.name] }, ...CLOSED };
    const backup = { stream_protocol: "amqp", segment_max_bytes: 512 * 1024 };
    const run = await job.startBackup({ source, backup });
    const end = performance.now() + 30_000;
    while (proxy.passed < 3_000_000 && performance.now() < end) await pause(10);
    proxy.cut();
    const result = await run.done;
    assertOk(result);
    assert.match(result.stderr, /Stream "s" is tried again/);
    assert.equal(entryOf(await job.manifest(), "s").message_count, 1_500);

    proxy.stallAfter(3_000_000);
    const again = { backupId: "killed", source, backup };
    const killed = await job.startBackup(again);
    const isStored = async () =>
      (await filesBelow(job.backups)).some((file) => /^killed\/.*segment-/.test(file));
    await waitUntil(isStored, { what: "a segment to be stored" });
    killed.kill("SIGKILL");
    await killed.done;
    proxy.cut();
    const resumed = await job.backup(again);
    assertOk(resumed);
    assert.match(resumed.stderr, /Going on with backup killed/);
    assertOk(await job.validate("killed"));
    assert.deepEqual(entryOf(await job.manifest("killed"), "s").amqp_stream.gaps, []);
    await deleteQueue(broker, queue);
    assertOk(await job.restore({ backupId: "killed" }));
    assertSameMessages(sent, await pikaRead(broker, queue, { stream: true, count: 1_500 }), {
      routing: false,
    });
  },
);

/** Without the offset, and the delivery mode that streams of 4.0 give each message. */
function comparable(all: readonly PikaMessage[]) {
  return all.map((message) => {
    const { delivery_mode: _, ...properties } = message.properties;
    const { "x-stream-offset": __, ...headers } = message.headers;
    return { properties, headers, body: message.body ?? message.body_sha256 };
  });
}

testOnEach(
  "queues go into streams, and a stream that was read by AMQP into a queue",
  async (broker) => {
    await using vhost = await testVhost(broker, "stream-types");
    await using job = await newJob(broker);
    const queue = await vhost.queue("q", { arguments: { "x-max-priority": 3 } });
    const stream = await vhost.queue("s", { type: "stream", arguments: { "x-max-age": "7D" } });
    await pikaPublish(broker, vhost.name, [...messages("q", 40), ...messages("s", 60)]);
    const [queued, streamed] = [
      await pikaRead(broker, queue),
      await pikaRead(broker, stream, { stream: true, count: 60 }),
    ];
    const backup = { stream_protocol: "amqp" };
    assertOk(await job.backup({ vhosts: [vhost.name], backup }));
    const changed = {
      queue_type_mapping: { classic: "stream", stream: "quorum" },
      queue_mapping: { q: "as-stream", s: "as-queue" },
    };
    const restored = await job.restore({ restore: changed });
    assertOk(restored);
    assert.match(restored.stderr, /created as stream instead of classic/);
    assert.match(restored.stderr, /without x-max-priority, which streams do not take/);
    assert.match(restored.stderr, /without x-max-age, which quorum queues do not take/);
    const of = (name: string) => ({ vhost: vhost.name, name });
    const asStream = await pikaRead(broker, of("as-stream"), { stream: true, count: 40 });
    assert.deepEqual(comparable(asStream), comparable(queued));
    const asQueue = await pikaRead(broker, of("as-queue"));
    assert.deepEqual(comparable(asQueue), comparable(streamed));
  },
);

Deno.test("a pause in the middle of a stream that is read by AMQP 0-9-1", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "stream-amqp");
  await using job = await newJob(broker);
  const count = 30_000;
  await vhost.queue("s", { type: "stream" });
  const body = btoa("x".repeat(200));
  await pikaPublish(
    broker,
    vhost.name,
    Array.from({ length: count }, () => ({ routing_key: "s", properties: {}, headers: {}, body })),
  );
  const source = { queues: { vhosts: [vhost.name] }, ...CLOSED };
  const backup = { segment_max_bytes: 64 * 1024, stream_protocol: "amqp" };
  const run = await job.startBackup({ source, backup }, ["--json", "--progress-interval", "20ms"]);
  const statuses = () => jsonLines({ ...run, code: 0, signal: null }, "status");
  await run.waitFor(/"messages_done":[1-9]/);
  run.kill("SIGUSR2");
  await run.waitFor(/Pausing/);

  // It stands still, and no consumer is kept for that, whose channel the broker would close some time.
  const done = (at: number) => statuses().at(at)?.messages_done;
  await waitUntil(() => done(-1) > 0 && done(-1) === done(-50), { what: "a pause" });
  assert.ok(done(-1) < count, "it was read before it could be paused");
  await using connection = await openBroker(broker, vhost.name);
  await using inspector = new QueueInspector(connection);
  assert.equal((await inspector.depth("s")).consumers, 0);

  run.kill("SIGUSR2");
  const result = await run.done;
  assertOk(result);
  assert.equal(jsonLines(result, "summary")[0].messages, count);
  assertOk(await job.validate());
});
