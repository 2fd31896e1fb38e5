/** One queue into the spool and back: what may go wrong on this machine and on the way. */
import assert from "node:assert/strict";
import type { BrokerConnection } from "../src/broker/amqp/connection.ts";
import { RecordParser } from "../src/archive/record.ts";
import type { BackupOptions } from "../src/config/config.ts";
import { type Captured, captureQueue, settledDepth } from "../src/engine/hold/capture.ts";
import type { NodeWatch } from "../src/engine/survey/node_watch.ts";
import type { QueueWork } from "../src/engine/progress.ts";
import type { PlannedQueue } from "../src/engine/survey/survey.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { breaksIn, openBroker, publishAll, publishNumbers, readNumbers } from "./helpers/direct.ts";
import { type QueueSpec, testVhost, waitForDepth } from "./helpers/queues.ts";
import { canMount, SmallDisk } from "./helpers/small_disk.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { tempDir } from "./helpers/temp.ts";

async function capture(
  connection: BrokerConnection,
  queue: QueueSpec,
  options: { folder: string; backup?: Partial<BackupOptions>; signal?: AbortSignal },
): Promise<{ captured: Captured; work: QueueWork }> {
  const work: QueueWork = {
    vhost: queue.vhost,
    queue: queue.name,
    phase: "reading",
    messagesDone: 0,
    messagesTotal: 0,
    bytesDone: 0,
  };
  const planned = {
    queue: { vhost: queue.vhost, name: queue.name },
    plan: { verdict: "safe", returnMethod: "channel_close", deliveryAttempts: 0, hold: {} },
  } as PlannedQueue;
  const nodes = { nodes: () => Promise.resolve(new Map()) } as unknown as NodeWatch;
  const backup = {
    segment_max_bytes: 8 * 1024 * 1024,
    segment_max_interval_ms: 60_000,
    stop_at_current_depth: true,
    ...options.backup,
  } as BackupOptions;
  const captured = await captureQueue(connection, {
    planned,
    backup,
    folder: options.folder,
    nodes,
    work,
    signal: options.signal ?? new AbortController().signal,
  });
  return { captured, work };
}

/** Numbers that the spool's segments hold, in order; fails when a segment lies about itself. */
function spooledNumbers({ spool }: Captured): Uint32Array {
  const numbers: number[] = [];
  let current = 0;
  for (const { file, recordCount, bytes } of spool.segments) {
    const before = numbers.length;
    const parser = new RecordParser({
      head: () => current = 0,
      body: (chunk) => {
        for (const digit of chunk) if (digit !== 32) current = current * 10 + digit - 48;
      },
      end: () => void numbers.push(current),
    });
    const content = Deno.readFileSync(file);
    parser.push(content);
    parser.finish();
    assert.equal(numbers.length - before, recordCount);
    assert.equal(content.length, bytes);
  }
  assert.equal(numbers.length, spool.messageCount);
  return Uint32Array.from(numbers);
}

/** The queue holds the numbers from 0 on, in order. */
async function assertWhole(connection: BrokerConnection, queue: QueueSpec, count: number) {
  const read = { queue: queue.name, returnMethod: "channel_close" as const, limit: count };
  const { numbers } = await readNumbers(connection, read);
  assert.equal(numbers.length, count);
  assert.equal(numbers[0], 0);
  assert.equal(breaksIn(numbers), 0);
}

/** The numbers as bodies of so many bytes, filled up with blanks. */
async function publishLarge(
  connection: BrokerConnection,
  queue: QueueSpec,
  messages: { count: number; size: number },
): Promise<void> {
  const encoder = new TextEncoder();
  const properties = new Uint8Array([0x10, 0, 2]);
  const routingKey = encoder.encode(queue.name);
  for (let index = 0; index < messages.count; index++) {
    const body = new Uint8Array(messages.size).fill(32);
    encoder.encodeInto(`${index}`, body);
    await publishAll(connection, [{ properties, body, routingKey }]);
  }
}

/** An empty queue, a spool, and two connections: a direct one, and one by way of a proxy. */
async function proxied(broker: Broker) {
  await using opened = new AsyncDisposableStack();
  const vhost = opened.use(await testVhost(broker, "capture"));
  const dir = opened.use(await tempDir());
  const proxy = opened.use(TcpProxy.inFrontOf(broker.amqpUrl));
  const queue = await vhost.queue("q");
  const direct = opened.use(await openBroker(broker, vhost.name));
  const connection = opened.use(await openBroker(proxy.through(broker), vhost.name));
  const owned = opened.move();
  return {
    folder: dir.join("q"),
    proxy,
    queue,
    direct,
    connection,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

testOnEach("capture: what is reported of a read that went well", async (broker) => {
  await using vhost = await testVhost(broker, "capture");
  await using dir = await tempDir();
  await using connection = await openBroker(broker, vhost.name);
  const queue = await vhost.queue("q");
  await publishNumbers(connection, "q", 3_000);
  const { captured, work } = await capture(connection, queue, { folder: dir.join("q") });
  const numbers = spooledNumbers(captured);
  assert.equal(numbers.length, 3_000);
  assert.equal(breaksIn(numbers), 0);
  const { hold_ms, ...report } = captured.report;
  assert.deepEqual(report, {
    depth_before: 3_000,
    return_method: "channel_close",
    delivery_attempts: 0,
  });
  assert.ok(hold_ms > 0 && hold_ms < 30_000);
  assert.deepEqual([work.messagesDone, work.messagesTotal, work.bytesDone], [
    3_000,
    3_000,
    captured.spool.bytes,
  ]);
});

testOnEach("capture: a network that stands still for seconds loses nothing", async (broker) => {
  const count = 60;
  await using behind = await proxied(broker);
  const { folder, proxy, queue, direct, connection } = behind;
  await publishLarge(direct, queue, { count, size: 512 * 1024 });
  // Longer than it takes to ask whether there is more: by then the broker has sent, and has nothing.
  proxy.stallAfter(1_000_000);
  setTimeout(() => proxy.resume(), 2_500);
  const { captured } = await capture(connection, queue, { folder });
  const numbers = spooledNumbers(captured);
  assert.equal(numbers.length, count);
  assert.equal(breaksIn(numbers), 0);
});

testOnEach("capture: a connection that is lost, and the messages are back", async (broker) => {
  const count = 5_000;
  await using behind = await proxied(broker);
  const { folder, proxy, queue, direct, connection } = behind;
  await publishNumbers(direct, "q", count);
  proxy.stallAfter(50_000);
  setTimeout(() => proxy.cut(), 300);
  await assert.rejects(capture(connection, queue, { folder }), {
    code: "broker_unreachable",
    message: /Cannot go on with .*: the connection was lost/,
  });
  await waitForDepth(broker, queue, { depth: count });
  await assertWhole(direct, queue, count);
});

testOnEach(
  "capture: a spool that cannot be made ends it before anything is read",
  async (broker) => {
    await using vhost = await testVhost(broker, "capture");
    await using dir = await tempDir();
    await using connection = await openBroker(broker, vhost.name);
    const queue = await vhost.queue("q");
    await publishNumbers(connection, "q", 10);
    const file = await dir.write("file", "not a folder");
    await assert.rejects(capture(connection, queue, { folder: `${file}/q` }), {
      code: "storage_denied",
    });
    let redelivered = false;
    const onHead = (head: { redelivered: boolean }) => redelivered ||= head.redelivered;
    await readNumbers(connection, { queue: "q", returnMethod: "channel_close", limit: 10, onHead });
    assert.equal(redelivered, false);
  },
);

if (canMount()) {
  testOnEach("capture: a spool that gets full, and the messages are back", async (broker) => {
    const count = 40;
    await using vhost = await testVhost(broker, "capture");
    await using disk = await SmallDisk.mount({ kilobytes: 4096 });
    await using connection = await openBroker(broker, vhost.name);
    const queue = await vhost.queue("q");
    await publishLarge(connection, queue, { count, size: 256 * 1024 });
    await assert.rejects(capture(connection, queue, { folder: disk.join("q") }), {
      code: "storage_full",
    });
    await waitForDepth(broker, queue, { depth: count });
    await assertWhole(connection, queue, count);
  });
}

testOnEach("capture: interrupted, the messages go back", async (broker) => {
  const count = 20_000;
  await using behind = await proxied(broker);
  const { folder, proxy, queue, direct, connection } = behind;
  await publishNumbers(direct, "q", count);
  const interrupt = new AbortController();
  proxy.stallAfter(100_000);
  setTimeout(() => interrupt.abort(new Error("Ctrl-C")), 200);
  setTimeout(() => proxy.resume(), 400);
  const { signal } = interrupt;
  await assert.rejects(capture(connection, queue, { folder, signal }), /Ctrl-C/);
  await waitForDepth(broker, queue, { depth: count });
  await assertWhole(direct, queue, count);
});

testOnEach("capture: what arrives while it reads", async (broker) => {
  await using vhost = await testVhost(broker, "capture");
  await using dir = await tempDir();
  await using connection = await openBroker(broker, vhost.name);
  await using publishing = await openBroker(broker, vhost.name);
  const queue = await vhost.queue("q");
  for (const stop_at_current_depth of [true, false]) {
    await publishNumbers(connection, "q", 2_000);
    const backup = { stop_at_current_depth };
    const folder = dir.join(`${stop_at_current_depth}`);
    const [{ captured }] = await Promise.all([
      capture(connection, queue, { folder, backup }),
      publishNumbers(publishing, "q", 2_000),
    ]);
    const numbers = spooledNumbers(captured);
    const { depth_before } = captured.report;
    const depthAfter = await settledDepth(connection, { name: "q", expected: depth_before });
    assert.ok(depthAfter >= depth_before);
    if (stop_at_current_depth) assert.equal(numbers.length, depth_before);
    else assert.ok(numbers.length >= depth_before);
    await waitForDepth(broker, queue, { depth: stop_at_current_depth ? 4_000 : 8_000 });
  }
});
