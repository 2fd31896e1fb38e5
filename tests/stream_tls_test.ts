/** Streams over TLS: the stream listener's own port, the same authority and the same checks. */
import assert from "node:assert/strict";
import { chooseFreePorts } from "../scripts/lib/ports.ts";
import { brokers, startBroker } from "./helpers/brokers.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { createQueue, deleteQueue } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";

Deno.test("a stream by TLS, there and back", async () => {
  const { version } = brokers().at(-1)!;
  const [port] = chooseFreePorts(1);
  // It takes the certificates of ssl_options.
  const broker = await startBroker(version, {
    config: `stream.listeners.ssl.1 = 127.0.0.1:${port}`,
  });
  try {
    const queue = { vhost: "/", name: "secret", type: "stream" } as const;
    await createQueue(broker, queue);
    await streamPublish(broker, queue, { count: 30 });
    const sent = await streamRead(broker, queue, { count: 30 });
    await using job = await newJob(broker);
    const endpoint = {
      amqp_url: broker.amqpsUrl,
      management_url: broker.managementTlsUrl,
      stream_port: port,
      tls: { ca_cert: broker.tls.caCert },
    };
    const taken = await job.backup({ source: { ...endpoint, queues: { vhosts: ["/"] } } });
    assertOk(taken);
    await deleteQueue(broker, queue);
    assertOk(await job.restore({ target: endpoint }));
    const found = await streamRead(broker, queue, { count: 30 });
    assert.deepEqual(found.map(({ message }) => message), sent.map(({ message }) => message));

    const plain = await job.backup({
      backupId: "plain",
      source: { ...endpoint, stream_port: broker.streamPort, queues: { vhosts: ["/"] } },
    });
    assert.equal(plain.code, 3, allOf(plain));
    assert.match(allOf(plain), /for streams: it does not speak TLS|for streams: it ended/);
  } finally {
    await broker.stop();
  }
});
