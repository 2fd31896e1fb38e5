/** Streams through backup, deletion and restore; producers and consumers are not ours. */
import assert from "node:assert/strict";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { assertOk } from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import {
  assertSameMessages,
  type MessageToPublish,
  pikaPublish,
  pikaRead,
} from "./helpers/pika.ts";
import { deleteQueue, management, type QueueSpec, testVhost } from "./helpers/queues.ts";
import {
  type StreamMessage,
  type StreamMode,
  streamPublish,
  streamRead,
} from "./helpers/streams.ts";
import { readBackup } from "./reader/read_backup.ts";

const ARGUMENTS = {
  "x-max-length-bytes": 20_000_000_000,
  "x-max-age": "7D",
  "x-stream-max-segment-size-bytes": 1_000_000,
};

/** Streams by how they are written, and how many messages of each way. */
const STREAMS: Record<string, readonly [mode: StreamMode, count: number][]> = {
  "one by one": [["plain", 300]],
  "batches /x": [["none", 200], ["gzip", 300], ["zstd", 310]],
  "mixed": [["plain", 40], ["gzip", 60], ["plain", 10], ["none", 25], ["plain", 5]],
};

const same = (messages: readonly StreamMessage[]) => messages.map(({ message }) => message);

async function write(broker: Broker, queue: QueueSpec, ways: readonly [StreamMode, number][]) {
  let first = 0;
  for (const [mode, count] of ways) {
    await streamPublish(broker, queue, { count, mode, first });
    first += count;
  }
  return await streamRead(broker, queue, { count: first });
}

testOnEach("streams come back as streams, byte for byte", async (broker) => {
  await using vhost = await testVhost(broker, "streams");
  await using job = await newJob(broker);
  const written: { queue: QueueSpec; sent: StreamMessage[] }[] = [];
  for (const [name, ways] of Object.entries(STREAMS)) {
    const queue = await vhost.queue(name, { type: "stream", arguments: ARGUMENTS });
    written.push({ queue, sent: await write(broker, queue, ways) });
  }
  const empty = await vhost.queue("empty", { type: "stream" });
  const byAmqp = await vhost.queue("by amqp", { type: "stream" });
  await pikaPublish(broker, vhost.name, amqpMessages(byAmqp.name, 80));
  const amqpSent = await pikaRead(broker, byAmqp, { stream: true, count: 80 });
  written.push({ queue: byAmqp, sent: await streamRead(broker, byAmqp, { count: 80 }) });

  const config = { vhosts: [vhost.name], backup: { segment_max_bytes: 64 * 1024 } };
  assertOk(await job.backup(config));
  assertOk(await job.validate());
  await assertKept(job, written);

  const queues = [...written.map(({ queue }) => queue), empty];
  const before = await Promise.all(queues.map((queue) => argumentsOf(broker, queue)));
  for (const queue of queues) await deleteQueue(broker, queue);
  assertOk(await job.restore());
  assert.deepEqual(await Promise.all(queues.map((queue) => argumentsOf(broker, queue))), before);
  for (const { queue, sent } of written) {
    const found = await streamRead(broker, queue, { count: sent.length });
    assert.deepEqual(same(found), same(sent), queue.name);
  }
  const amqpFound = await pikaRead(broker, byAmqp, { stream: true, count: 80 });
  assertSameMessages(amqpSent, amqpFound, { routing: false });

  // So says verify, which reads them once more.
  const target = { management_url: broker.managementUrl };
  const [, ...args] = await job.restoreArgs({ target });
  const verified = await runCli(["verify", ...args, "-v"]);
  assertOk(verified);
  assert.match(verified.stdout, /mixed \(streams-.*\): the same 140 messages$/m);
  await streamPublish(broker, byAmqp, { count: 1 });
  const differs = await runCli(["verify", ...args]);
  assert.notEqual(differs.code, 0);
  assert.match(differs.stdout, /by amqp \(streams-.*\): /);

  // Batches are batches again: what a backup of the restored stream keeps is as large.
  assertOk(await job.backup({ ...config, backupId: "again" }));
  const sizes = async (id?: string) => {
    const { queues } = await job.manifest(id) as { queues: { name: string; body_bytes: number }[] };
    return queues.filter(({ name }) => name !== byAmqp.name)
      .map(({ name, body_bytes }) => [name, body_bytes]);
  };
  assert.deepEqual(await sizes("again"), await sizes());
});

/** Headers of all types but decimal, which ends the connection when it is sent to a stream. */
function amqpMessages(queue: string, count: number): MessageToPublish[] {
  return Array.from({ length: count }, (_, index) => ({
    routing_key: queue,
    properties: { content_type: "text/plain", message_id: `m${index}`, priority: 3, timestamp: 17 },
    headers: {
      int: { int: "-1" },
      long: { int: "9007199254740993" },
      bytes: { bytes: btoa("\xff\x00") },
      text: { str: "grüße" },
      flag: { bool: true },
      at: { timestamp: 1_700_000_000 },
      none: { void: true },
      table: { table: { n: { int: "1" } } },
      list: { array: [{ int: "1" }, { str: "a" }] },
    },
    body: btoa("x".repeat(index * 40)),
  }));
}

/** A reader written from FORMAT.md alone finds every message, at its offset. */
async function assertKept(
  job: Job,
  written: readonly { queue: QueueSpec; sent: readonly StreamMessage[] }[],
): Promise<void> {
  const { code, lines, errors } = await readBackup<
    StreamMessage & { queue: string; codec: number }
  >(
    job.dir.join("backups", "test"),
  );
  assert.equal(code, 0, errors);
  const kept = Map.groupBy(lines, ({ queue }) => queue);
  for (const { queue, sent } of written) {
    const found = kept.get(queue.name)!;
    // What Python does not unpack stands there as a batch.
    const unpacked = new Map(
      found.filter(({ codec }) => codec !== 4).map((line) => [line.offset, line]),
    );
    const expected = sent.filter(({ offset }) => unpacked.has(offset));
    assert.ok(expected.length > sent.length / 2);
    assert.deepEqual(same(expected), same([...unpacked.values()]));
    assert.equal(found.at(-1)!.codec === 4 || found.at(-1)!.offset === sent.at(-1)!.offset, true);
  }
}

async function argumentsOf(broker: Broker, { vhost, name }: QueueSpec): Promise<unknown> {
  const path = `queues/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`;
  const queue = await management(broker, path) as { arguments: unknown; type: string };
  return [name, queue.type, queue.arguments];
}

testOnEach("a restored stream is appended to, and kept from being filled twice", async (broker) => {
  await using vhost = await testVhost(broker, "streams-append");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  const sent = same(await write(broker, queue, [["plain", 50], ["gzip", 50]]));
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const refused = await job.restore();
  assert.equal(refused.code, 7, refused.stderr);
  assert.match(refused.stderr, /it holds 100 messages already/);
  for (let round = 2; round <= 3; round++) {
    assertOk(await job.restore({ restore: { if_not_empty: "append" } }));
    const found = same(await streamRead(broker, queue, { count: 100 * round }));
    assert.deepEqual(found.slice(-200), [...sent, ...sent]);
  }
});

testOnEach("filter values: kept where they are in the message, told where not", async (broker) => {
  if (broker.version === "3.10") return; // has none
  await using vhost = await testVhost(broker, "streams-filter");
  await using job = await newJob(broker);
  const byAmqp = await vhost.queue("by amqp", { type: "stream" });
  const messages = Array.from({ length: 60 }, (_, index) => ({
    routing_key: byAmqp.name,
    body: btoa(`${index}`),
    headers: { "x-stream-filter-value": { str: index < 30 ? "early" : "late" } },
  }));
  // Apart from each other in time, so that they are in chunks of their own.
  await pikaPublish(broker, vhost.name, messages.slice(0, 30));
  await pikaPublish(broker, vhost.name, messages.slice(30));
  const byStream = await vhost.queue("by stream", { type: "stream" });
  await streamPublish(broker, byStream, { count: 30, mode: "filter" });
  const backup = await job.backup({ vhosts: [vhost.name] });
  assertOk(backup);
  assert.match(backup.stderr, /"by stream" has up to 30 messages with filter values/);
  for (const queue of [byAmqp, byStream]) await deleteQueue(broker, queue);
  assertOk(await job.restore());
  // Chunks that do not have the value are not sent.
  const late = await streamRead(broker, byAmqp, { count: 60, filter: "late", seconds: 3 });
  assert.ok(late.length >= 30, `${late.length} messages with the value`);
  assert.equal(late.at(-1)!.offset, 59);
  const none = await streamRead(broker, byAmqp, { count: 60, filter: "never", seconds: 3 });
  assert.deepEqual(none, []);
  assert.equal((await streamRead(broker, byStream, { count: 30 })).length, 30);
});
