import assert from "node:assert/strict";
import { connect } from "node:tls";
import { sleep } from "../../scripts/lib/process.ts";
import { type Broker, brokers, startBroker } from "./brokers.ts";
import { pikaGenerate, pikaRead } from "./pika.ts";
import { createQueue, waitForDepth } from "./queues.ts";

const DURABLE = { vhost: "/", name: "durable" };

for (const { version } of brokers()) {
  Deno.test(`a second RabbitMQ ${version} starts, is killed, comes back, and goes`, async () => {
    const broker = await startBroker(version, { config: "heartbeat = 7" });
    const { pid } = broker;
    try {
      await createQueue(broker, { ...DURABLE, type: "quorum" });
      const sent = await pikaGenerate(broker, DURABLE, { count: 20, priorities: [4] });
      assert.match(await broker.rabbitmqctl("environment"), /\{heartbeat,7\}/);
      await sleep(3000); // see kill()
      await broker.kill();
      assert.throws(() => broker.pid, /not running/);
      assert.equal(await answers(broker), false);
      await broker.restart();
      assert.notEqual(broker.pid, pid);
      // The queue's leader takes a moment, in which the queue looks empty.
      await waitForDepth(broker, DURABLE, { depth: sent.length });
      assert.equal((await pikaRead(broker, DURABLE, { ack: true })).length, sent.length);
    } finally {
      await broker.stop();
    }
    assert.equal(await answers(broker), false);
    await broker.stop(); // again, harmlessly
  });
}

for (const broker of brokers()) {
  Deno.test(`a suspended RabbitMQ ${broker.version} is silent, not gone`, async () => {
    await broker.suspend();
    try {
      assert.equal(await answers(broker), true); // the kernel accepts
      await assert.rejects(
        fetch(`${broker.managementUrl}/api/overview`, { signal: AbortSignal.timeout(500) }),
        { name: "TimeoutError" },
      );
    } finally {
      await broker.resume();
    }
    const response = await fetch(`${broker.managementUrl}/api/overview`);
    await response.body?.cancel();
    assert.equal(response.status, 401);
  });

  Deno.test(`TLS of RabbitMQ ${broker.version} is trusted by its CA alone`, async () => {
    for (const url of [broker.amqpsUrl, broker.managementTlsUrl]) {
      assert.equal(await handshake(url, broker.tls.caCert), "trusted");
      assert.match(await handshake(url, broker.tls.wrongCaCert), /certificate|issuer/i);
    }
  });
}

async function answers(broker: Broker): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(broker.amqpUrl).port) }))
      .close();
    return true;
  } catch {
    return false;
  }
}

async function handshake(url: string, caPath: string): Promise<string> {
  const ca = await Deno.readTextFile(caPath);
  const port = Number(new URL(url).port);
  return await new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, ca }, () => {
      resolve("trusted");
      socket.destroy();
    });
    socket.on("error", (error) => resolve(error.message));
  });
}
