/** Batches in every codec, and super streams of them, by RabbitMQ's client library for Go. */
import assert from "node:assert/strict";
import { testOnEach } from "./helpers/brokers.ts";
import { assertOk } from "./helpers/failure.ts";
import { GO_CODECS, goPublish, goRead } from "./helpers/go_streams.ts";
import { newJob } from "./helpers/job.ts";
import { deleteQueue, management, put, type QueueSpec, testVhost } from "./helpers/queues.ts";
import { readBackup } from "./reader/read_backup.ts";

const COUNT = 100;

testOnEach(
  "batches in each codec come back, in the partitions of a super stream",
  async (broker) => {
    await using vhost = await testVhost(broker, "stream-codecs");
    await using job = await newJob(broker);
    await put(broker, `exchanges/${vhost.name}/super`, {
      type: "direct",
      arguments: { "x-super-stream": true },
    });
    const written: { queue: QueueSpec; sent: string[] }[] = [];
    for (const [index, codec] of GO_CODECS.entries()) {
      const queue = await vhost.queue(`super-${index}`, { type: "stream" });
      await management(broker, `bindings/${vhost.name}/e/super/q/${queue.name}`, {
        method: "POST",
        body: { routing_key: `${index}`, arguments: { "x-stream-partition-order": index } },
      });
      await goPublish(broker, queue, { count: COUNT, codec, first: index * COUNT });
      written.push({ queue, sent: await goRead(broker, queue, { count: COUNT }) });
    }
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    assertOk(await job.validate());

    // Each is kept as it came, in its own codec.
    const { lines } = await readBackup<{ queue: string; codec: number; offset: number }>(
      job.dir.join("backups", "test"),
    );
    const codecs = Map.groupBy(lines, ({ queue }) => queue);
    for (const [index, { queue }] of written.entries()) {
      const kept = new Set(codecs.get(queue.name)!.map(({ codec }) => codec));
      assert.deepEqual([...kept], [index], queue.name);
    }

    for (const { queue } of written) await deleteQueue(broker, queue);
    assertOk(await job.restore());
    for (const { queue, sent } of written) {
      assert.equal(sent.length, COUNT);
      assert.match(sent[0]!, /"ApplicationProperties":\{.*"ulong":"uint64 0xffffffffffffffff"/);
      assert.deepEqual(await goRead(broker, queue, { count: COUNT }), sent, queue.name);
    }
    const bindings = await management(broker, `exchanges/${vhost.name}/super/bindings/source`);
    assert.equal((bindings as unknown[]).length, GO_CODECS.length);
  },
);
