/** Streams of a cluster: read and filled at their leaders, and on when a leader dies. */
import assert from "node:assert/strict";
import { chooseWay } from "../scripts/lib/broker.ts";
import type { DebianBroker } from "../scripts/lib/debian_broker.ts";
import { DebianCluster } from "../scripts/lib/debian_cluster.ts";
import { brokers } from "./helpers/brokers.ts";
import { assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { createQueue, deleteQueue, management, testVhost, waitUntil } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const COUNT = 3000;
/** Of these, in the backup that the other stands on. */
const FIRST = 1000;
const CLIENT_LOCAL = { "x-queue-leader-locator": "client-local" };

for (const { version } of brokers()) {
  Deno.test({
    name: `streams of a cluster of three nodes (RabbitMQ ${version})`,
    // Elsewhere there is no way to start one.
    ignore: await chooseWay(version) !== "debian",
    async fn() {
      await using cluster = await DebianCluster.start(version, { size: 3 });
      const [near, far] = cluster.nodes as [DebianBroker, DebianBroker, DebianBroker];
      await using vhost = await testVhost(near, "stream-cluster");
      await using proxy = TcpProxy.inFrontOf(`amqp://127.0.0.1:${near.streamPort}`);
      await using job = await newJob(near);
      const queue = {
        vhost: vhost.name,
        name: "s",
        type: "stream",
        arguments: CLIENT_LOCAL,
      } as const;
      const queues = { vhosts: [vhost.name] };
      await createQueue(far, queue);
      await untilCopied(near, queue);
      await streamPublish(far, queue, { count: FIRST });

      // 1. Asked at one node, read at the one that leads.
      proxy.sent = [];
      const port = Number(new URL(proxy.through(near).amqpUrl).port);
      assertOk(await job.backup({ backupId: "base", source: { queues, stream_port: port } }));
      assert.ok(proxy.passed < 100_000, `${proxy.passed} bytes by way of the node that was asked`);

      // 2. What is new, read at a copy, whose leader dies meanwhile.
      await streamPublish(far, queue, { count: COUNT - FIRST, first: FIRST });
      const sent = await read(near, queue);
      const here = { stream_port: port, stream_advertised_hosts: false };
      proxy.passed = 0;
      proxy.stallAfter(600_000);
      const backup = { stream_incremental: true };
      const reading = await job.startBackup({ source: { queues, ...here }, backup });
      await waitUntil(() => proxy.passed >= 600_000, { what: "a part to be read" });
      await far.kill();
      proxy.resume();
      assertOk(await reading.done);
      assertOk(await job.validate());
      const [{ message_count, stream }] = (await job.manifest()).queues;
      assert.deepEqual([message_count, stream.base.backup_id], [COUNT - FIRST, "base"]);

      // 3. Both restored, and once more a leader dies.
      await far.restart();
      await untilCopied(near, queue);
      await deleteQueue(near, queue);
      await createQueue(far, queue);
      await untilCopied(near, queue);
      proxy.sent = [];
      const bytesSent = () => proxy.sent!.flat().reduce((sum, { length }) => sum + length, 0);
      const filling = await job.startRestore({ target: here, restore: { window: 100 } });
      await waitUntil(() => bytesSent() > 300_000, { what: "a part to be sent" });
      await far.kill();
      assertOk(await filling.done);
      await far.restart();
      await untilCopied(near, queue);
      assert.deepEqual(await read(near, queue), sent);
      await streamPublish(near, queue, { count: 1, seed: 7 });
      const [last] = (await streamRead(near, queue, { count: COUNT + 1 })).slice(-1);
      assert.ok(!sent.includes(last!.message), "more than was sent");
    },
  });
}

async function read(broker: DebianBroker, queue: { vhost: string; name: string }) {
  return (await streamRead(broker, queue, { count: COUNT })).map(({ message }) => message);
}

/** Every node has a copy of the stream. */
async function untilCopied(
  broker: DebianBroker,
  { vhost, name }: { vhost: string; name: string },
): Promise<void> {
  await waitUntil(async () => {
    const queue = await management(broker, `queues/${vhost}/${name}`) as { online?: string[] };
    return queue.online?.length === 3;
  }, { what: "a copy on every node", timeoutMs: 60_000 });
}
