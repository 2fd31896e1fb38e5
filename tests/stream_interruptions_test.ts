/** Streams that are cut off, in both directions: nothing is lost, nothing is there twice. */
import assert from "node:assert/strict";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertOk, filesBelow } from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import {
  deleteQueue,
  type QueueSpec,
  type TestVhost,
  testVhost,
  waitUntil,
} from "./helpers/queues.ts";
import {
  resumeConsumer,
  storeConsumer,
  type StreamMessage,
  streamPublish,
  streamRead,
} from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const COUNT = 3000;
const SEED = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_SEED") ?? Date.now() % 1_000_000);
const SMALL_SEGMENTS = { segment_max_bytes: 128 * 1024 };

/** Consumers by the offset of the message that they stopped at: alone, and inside of a batch. */
const STOPPED = [["early", 40], ["middle", 1300], ["batch", 2710]] as const;

/** A stream with messages and batches, and what a reader makes of it. */
async function load(broker: Broker, vhost: TestVhost) {
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: COUNT - 600 });
  await streamPublish(broker, queue, { count: 600, mode: "gzip", first: COUNT - 600 });
  const sent = await contentOf(broker, queue);
  await stopConsumers(broker, queue);
  return { queue, sent };
}

async function stopConsumers(broker: Broker, queue: QueueSpec): Promise<void> {
  for (const [name, offset] of STOPPED) await storeConsumer(broker, queue, { name, offset });
}

async function contentOf(broker: Broker, queue: QueueSpec, count = COUNT): Promise<string[]> {
  const found: StreamMessage[] = await streamRead(broker, queue, { count });
  return found.map(({ message }) => message);
}

/** Just what was sent: nothing is missing, and nothing follows; and consumers go on with it. */
async function assertRestored(broker: Broker, queue: QueueSpec, sent: string[]): Promise<void> {
  assert.deepEqual(await contentOf(broker, queue), sent);
  await streamPublish(broker, queue, { count: 1, seed: 99 });
  const [last] = (await streamRead(broker, queue, { count: COUNT + 1 })).slice(-1);
  assert.ok(!sent.includes(last!.message), "more than was sent");
  for (const [name, offset] of STOPPED) {
    const [next] = await resumeConsumer(broker, queue, { name, count: 1 });
    assert.equal(next!.message, sent[offset + 1], name);
  }
}

/** The stream port by way of a proxy. */
function throughProxy(broker: Broker, proxy: TcpProxy): Record<string, unknown> {
  const { amqpUrl } = proxy.through(broker);
  return { stream_port: Number(new URL(amqpUrl).port) };
}

function streamProxy(broker: Broker): TcpProxy {
  return TcpProxy.inFrontOf(`amqp://127.0.0.1:${broker.streamPort}`);
}

/** Waits until so many bytes have passed, or the process has ended. */
async function passed(count: () => number, bytes: number, done: Promise<unknown>): Promise<void> {
  let isOver = false;
  done.finally(() => isOver = true);
  const end = performance.now() + 60_000;
  while (count() < bytes && !isOver) {
    assert.ok(performance.now() < end, `${count()} of ${bytes} bytes within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

testOnEach("the connection is lost in the middle of a stream's backup", async (broker) => {
  await using vhost = await testVhost(broker, "stream-cut");
  await using proxy = streamProxy(broker);
  await using job = await newJob(broker);
  const { queue, sent } = await load(broker, vhost);
  const source = { ...throughProxy(broker, proxy), queues: { vhosts: [vhost.name] } };
  proxy.stallAfter(600_000);
  const run = await job.startBackup({ source, backup: SMALL_SEGMENTS });
  await passed(() => proxy.passed, 600_000, run.done);
  proxy.cut();
  const result = await run.done;
  assertOk(result);
  assert.match(result.stderr, /is tried again: .*the connection for streams was lost/);
  assertOk(await job.validate());
  assert.equal((await job.manifest()).queues[0].message_count, COUNT);
  await deleteQueue(broker, queue);
  assertOk(await job.restore());
  await assertRestored(broker, queue, sent);
});

testOnEach("the connection is lost in the middle of a stream's restore", async (broker) => {
  await using vhost = await testVhost(broker, "stream-cut");
  await using proxy = streamProxy(broker);
  await using job = await newJob(broker);
  const { queue, sent } = await load(broker, vhost);
  assertOk(await job.backup({ vhosts: [vhost.name], backup: SMALL_SEGMENTS }));
  await deleteQueue(broker, queue);
  proxy.sent = [];
  const bytesSent = () => proxy.sent!.flat().reduce((sum, { length }) => sum + length, 0);
  const target = throughProxy(broker, proxy);
  const run = await job.startRestore({ target, restore: { window: 500 } });
  for (const bytes of [300_000, 900_000]) {
    await passed(bytesSent, bytes, run.done);
    proxy.cut();
  }
  const result = await run.done;
  assertOk(result);
  assert.match(result.stderr, /Waiting for .*: the connection for streams was lost/);
  await assertRestored(broker, queue, sent);
});

testOnEach(`kills in both directions (seed ${SEED})`, async (broker) => {
  await using vhost = await testVhost(broker, "stream-kill");
  await using job = await newJob(broker);
  const { queue, sent } = await load(broker, vhost);
  // From the start of the process to behind the end of its work, in milliseconds.
  const pause = (round: number) => 150 + Math.abs(Math.sin(SEED + round * 7919)) * 500;
  const backup = { vhosts: [vhost.name], backup: SMALL_SEGMENTS };
  await untilDone(pause, (round) => job.startBackup(backup, round > 0 ? ["--json"] : []));
  assertOk(await job.validate());
  assert.equal((await job.manifest()).queues[0].message_count, COUNT);
  await deleteQueue(broker, queue);
  await untilDone(pause, () => job.startRestore({ restore: { window: 400 } }));
  await assertRestored(broker, queue, sent);
});

testOnEach(
  `what is new: cut off, killed, and restored with its base (seed ${SEED})`,
  async (broker) => {
    await using vhost = await testVhost(broker, "stream-new");
    await using proxy = streamProxy(broker);
    await using job = await newJob(broker);
    const queue = await vhost.queue("s", { type: "stream" });
    const vhosts = [vhost.name];
    await streamPublish(broker, queue, { count: COUNT / 3 });
    assertOk(await job.backup({ backupId: "base", vhosts, backup: SMALL_SEGMENTS }));
    await streamPublish(broker, queue, { count: COUNT * 2 / 3, first: COUNT / 3 });
    const sent = await contentOf(broker, queue);
    await stopConsumers(broker, queue);
    const backup = { ...SMALL_SEGMENTS, stream_base: "base" };

    // 1. Cut in the middle.
    const source = { ...throughProxy(broker, proxy), queues: { vhosts } };
    proxy.stallAfter(600_000);
    const run = await job.startBackup({ backupId: "cut", source, backup });
    await passed(() => proxy.passed, 600_000, run.done);
    proxy.cut();
    const result = await run.done;
    assertOk(result);
    assert.match(result.stderr, /is tried again: .*the connection for streams was lost/);

    // 2. Killed when a segment is stored: what goes on stands on the same base.
    proxy.stallAfter(1_000_000);
    const killed = await job.startBackup({ backupId: "killed", source, backup });
    const isStored = async () =>
      (await filesBelow(job.backups)).some((file) => /killed.*segment-/.test(file));
    await waitUntil(isStored, { what: "a segment to be stored", timeoutMs: 60_000 });
    killed.kill("SIGKILL");
    await killed.done;
    proxy.resume();
    const again = await job.backup({ backupId: "killed", source, backup });
    assertOk(again);
    assert.match(again.stderr, /Going on with backup killed/);
    for (const id of ["cut", "killed"]) {
      assertOk(await job.validate(id));
      const [{ message_count, stream }] = (await job.manifest(id)).queues;
      assert.deepEqual([message_count, stream.base.backup_id], [COUNT * 2 / 3, "base"]);
    }

    // 3. Restored, with kills and a cut in the middle.
    await deleteQueue(broker, queue);
    const pause = (round: number) => 150 + Math.abs(Math.sin(SEED + round * 7919)) * 500;
    const target = throughProxy(broker, proxy);
    const restore = { window: 400 };
    let cut: ReturnType<typeof setTimeout> | undefined;
    await untilDone(pause, (round) => {
      if (round === 1) cut = setTimeout(() => proxy.cut(), 400);
      return job.startRestore({ backupId: "killed", target, restore });
    });
    clearTimeout(cut);
    await assertRestored(broker, queue, sent);
  },
);

/** Starts a command again and again, and kills it some time later, until it has come to its end. */
async function untilDone(
  pause: (round: number) => number,
  start: (round: number) => ReturnType<Job["startBackup"]>,
): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const run = await start(round);
    const killed = setTimeout(() => run.kill("SIGKILL"), pause(round) * (1 + round / 2));
    const { code, ...rest } = await run.done;
    clearTimeout(killed);
    if (code === 0) return;
    // Killed behind the last step.
    if (/exists already and is finished|messages already/.test(rest.stderr)) return;
    // Cut off while it looked at the target: it says to run the same command again.
    if (/the connection for streams was lost/.test(rest.stderr)) continue;
    assert.equal(rest.signal, "SIGKILL", allOf({ code, ...rest }));
  }
  const { code, ...rest } = await (await start(1)).done;
  assert.ok(code === 0 || code === 7, allOf({ code, ...rest }));
}

testOnEach("a stream that is deleted and made anew is not gone on with", async (broker) => {
  await using vhost = await testVhost(broker, "stream-anew");
  await using proxy = streamProxy(broker);
  await using job = await newJob(broker);
  const { queue } = await load(broker, vhost);
  const source = { ...throughProxy(broker, proxy), queues: { vhosts: [vhost.name] } };
  proxy.stallAfter(1_800_000);
  const run = await job.startBackup({ source, backup: SMALL_SEGMENTS });
  await passed(() => proxy.passed, 1_800_000, run.done);
  const isStored = async () =>
    (await filesBelow(job.backups)).some((file) => /segment-/.test(file));
  await waitUntil(isStored, { what: "a segment to be stored" });
  run.kill("SIGKILL");
  await run.done;
  await deleteQueue(broker, queue);
  await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: 10 });
  proxy.resume();
  const again = await job.backup({ source, backup: SMALL_SEGMENTS });
  assert.notEqual(again.code, 0);
  const left = await filesBelow(job.backups);
  assert.deepEqual(left.filter((path) => path.includes("segment-")), []);
  assert.match(
    allOf(again),
    /it was deleted and made anew meanwhile \(it ends before offset \d+ now/,
  );
});
