/** The only node, and so the leader of its streams, dies and comes back in the middle. */
import assert from "node:assert/strict";
import { brokers, startBroker } from "./helpers/brokers.ts";
import { assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { deleteQueue, testVhost, waitUntil } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const COUNT = 3_000;
const { version } = brokers().at(-1)!;

Deno.test(`a node restarts while a stream is read, and while one is filled (RabbitMQ ${version})`, async () => {
  await using broker = await startBroker(version);
  await using vhost = await testVhost(broker, "stream-restart");
  await using proxy = TcpProxy.inFrontOf(`amqp://127.0.0.1:${broker.streamPort}`);
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: COUNT / 2 });
  await streamPublish(broker, queue, { count: COUNT / 2, mode: "gzip", first: COUNT / 2 });
  const read = async (count: number) =>
    (await streamRead(broker, queue, { count })).map(({ message }) => message);
  const sent = await read(COUNT);
  const stream_port = Number(new URL(proxy.through(broker).amqpUrl).port);

  // 1. While it is read.
  const reading = await job.startBackup({
    source: { stream_port, queues: { vhosts: [vhost.name] } },
    backup: { segment_max_bytes: 128 * 1024 },
  }, ["--json"]);
  // What comes before it looks at the stream, too.
  await reading.waitFor(/Reading the definitions/);
  const looked = proxy.passed;
  proxy.stallAfter(200_000);
  const isPartRead = () => proxy.passed >= looked + 200_000;
  await waitUntil(isPartRead, { what: "a part to be read", timeoutMs: 60_000 });
  await broker.kill();
  proxy.resume();
  await broker.restart();
  assertOk(await reading.done);
  assertOk(await job.validate());
  const [{ message_count, stream }] = (await job.manifest()).queues;
  assert.deepEqual([message_count, stream.gaps], [COUNT, []]);

  // 2. While it is filled.
  await deleteQueue(broker, queue);
  proxy.sent = [];
  const bytesSent = () => proxy.sent!.flat().reduce((sum, { length }) => sum + length, 0);
  const filling = await job.startRestore({
    target: { stream_port },
    restore: { window: 200, rate_limit_messages_per_sec: 1_000 },
  });
  await waitUntil(() => bytesSent() > 300_000, { what: "a part to be sent", timeoutMs: 60_000 });
  await broker.kill();
  await broker.restart();
  assertOk(await filling.done);
  assert.deepEqual(await read(COUNT), sent);
  await streamPublish(broker, queue, { count: 1, seed: 7 });
  const [last] = (await read(COUNT + 1)).slice(-1);
  assert.ok(!sent.includes(last!), "more than was sent");
});
