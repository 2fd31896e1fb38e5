/** Restores that change what a stream held, killed in the middle and run again. */
import assert from "node:assert/strict";
import { testOnEach } from "./helpers/brokers.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { type Job, type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import { pikaRead } from "./helpers/pika.ts";
import { deleteQueue, testVhost, waitUntil } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const COUNT = 2_000;
const WINDOW = 200;

/** Kills a restore when so many bytes have gone to the target by way of the proxy. */
async function killAt(
  bytes: number,
  { job, proxy, config }: { job: Job; proxy: TcpProxy; config: JobConfig },
): Promise<void> {
  proxy.sent = [];
  const bytesSent = () => proxy.sent!.flat().reduce((sum, { length }) => sum + length, 0);
  // Slow enough to be killed before its end.
  const restore = { ...config.restore, rate_limit_messages_per_sec: 600 };
  const run = await job.startRestore({ ...config, restore });
  await waitUntil(() => bytesSent() > bytes, { what: "a part to be sent", timeoutMs: 60_000 });
  run.kill("SIGKILL");
  const result = await run.done;
  assert.equal(result.signal, "SIGKILL", allOf(result));
}

testOnEach("killed: a part of a stream, with its origin in messages of batches", async (broker) => {
  await using vhost = await testVhost(broker, "stream-resume");
  await using proxy = TcpProxy.inFrontOf(`amqp://127.0.0.1:${broker.streamPort}`);
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: COUNT / 2 });
  await streamPublish(broker, queue, { count: COUNT / 2, mode: "gzip", first: COUNT / 2 });
  const backup = { segment_max_bytes: 128 * 1024 };
  assertOk(await job.backup({ vhosts: [vhost.name], backup }));
  const { amqpUrl } = proxy.through(broker);
  const config = {
    target: { stream_port: Number(new URL(amqpUrl).port) },
    restore: {
      ...{ window: WINDOW, stream_offsets: { s: "333..1777" }, stream_origin_annotations: true },
      queue_mapping: { s: "part" },
    },
  };
  // What comes of it where nothing ends it.
  const whole = { ...config.restore, queue_mapping: { s: "whole" } };
  await using undisturbed = await newJob(broker);
  await Deno.rename(job.backups, undisturbed.backups);
  assertOk(await undisturbed.restore({ restore: whole }));
  await Deno.rename(undisturbed.backups, job.backups);
  for (const bytes of [300_000, 200_000]) await killAt(bytes, { job, proxy, config });
  assertOk(await job.restore(config));
  const count = 1777 - 333 + 1;
  const read = async (name: string) => {
    const one = { vhost: vhost.name, name };
    await streamPublish(broker, one, { count: 1, simple: true });
    return (await streamRead(broker, one, { count: count + 1 })).map(({ message }) => message);
  };
  assert.deepEqual(await read("part"), await read("whole"));
});

testOnEach("killed: a stream on its way into a queue", async (broker) => {
  await using vhost = await testVhost(broker, "stream-resume");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: COUNT / 2 });
  await streamPublish(broker, queue, { count: COUNT / 2, mode: "gzip", first: COUNT / 2 });
  assertOk(await job.backup({ vhosts: [vhost.name], backup: { segment_max_bytes: 128 * 1024 } }));
  await deleteQueue(broker, queue);
  const config = {
    target: { amqp_url: proxy.through(broker).amqpUrl },
    restore: {
      window: WINDOW,
      queue_type_mapping: { stream: "quorum" },
      stream_origin_annotations: true,
    },
  };
  for (const bytes of [500_000, 300_000]) await killAt(bytes, { job, proxy, config });
  const again = await job.restore(config, ["--json"]);
  assertOk(again);
  const [{ possible_duplicates: possible }] = jsonLines(again, "summary");
  const offsets = (await pikaRead(broker, queue)).map(({ headers }) =>
    Number((headers["x-original-offset"] as { int: string }).int)
  );
  const extra = offsets.length - COUNT;
  assert.ok(extra <= possible && possible <= 2 * WINDOW, `${extra} of ${possible} doubles`);
  assert.deepEqual([...new Set(offsets)].sort((a, b) => a - b), [...Array(COUNT).keys()]);
});
