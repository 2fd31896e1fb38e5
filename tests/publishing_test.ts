/** What brokers answer to a publisher: refused, returned, too large, cut off; nothing is counted twice. */
import assert from "node:assert/strict";
import type { BrokerConnection } from "../src/broker/amqp/connection.ts";
import { Publisher } from "../src/broker/amqp/publisher.ts";
import { bytes, text } from "./helpers/amqp_wire.ts";
import { testOnEach } from "./helpers/brokers.ts";
import { openBroker, readNumbers } from "./helpers/direct.ts";
import { deleteQueue, testVhost, waitForDepth } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const { signal } = new AbortController();
const PROPERTIES = bytes(0x10, 0, 2);

async function newPublisher(connection: BrokerConnection, window = 1024): Promise<Publisher> {
  const publisher: Publisher = new Publisher(connection, {
    window,
    onConfirmed: (confirmed) => publisher.release(confirmed),
  });
  await publisher.open();
  return publisher;
}

function publish(publisher: Publisher, body: string): void {
  const content = text(body);
  publisher.begin({
    exchange: bytes(),
    routingKey: text("q"),
    properties: PROPERTIES,
    bodySize: content.length,
  });
  publisher.body(content);
  publisher.end();
}

testOnEach("publish: a connection serves one publisher after the other", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  const queue = await vhost.queue("q");
  await using connection = await openBroker(broker, vhost.name);
  for (let round = 0; round < 3; round++) {
    const publisher = await newPublisher(connection);
    for (let index = 0; index < 100; index++) publish(publisher, `${round * 100 + index}`);
    await publisher.finish(signal);
    assert.equal(publisher.confirmed, 100);
    await publisher.close();
  }
  const read = { queue: "q", returnMethod: "channel_close" as const, limit: 300 };
  const { numbers } = await readNumbers(connection, read);
  assert.deepEqual([...numbers], [...Array(300).keys()]);
  await waitForDepth(broker, queue, { depth: 300 });
});

testOnEach("publish: a queue that is not there", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  await using connection = await openBroker(broker, vhost.name);
  const publisher = await newPublisher(connection);
  publish(publisher, "lost");
  await assert.rejects(publisher.finish(signal), {
    code: "broker_missing",
    message: "Cannot publish: no queue took a message (312 NO_ROUTE)",
  });
  assert.equal(publisher.confirmed, 0);
  await publisher.close();
});

testOnEach("publish: given up while messages come back, the connection stays", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  await using connection = await openBroker(broker, vhost.name);
  for (let round = 0; round < 10; round++) {
    const publisher = await newPublisher(connection, 4096);
    for (let index = 0; index < 2000; index++) publish(publisher, `${index}`);
    await assert.rejects(publisher.finish(signal), { code: "broker_missing" });
    await publisher.close();
    assert.ok(connection.isOpen, `${connection.lostBecause}`);
  }
});

testOnEach("publish: a queue that is deleted on the way", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  const queue = await vhost.queue("q");
  await using connection = await openBroker(broker, vhost.name);
  const publisher = await newPublisher(connection, 2048);
  for (let index = 0; index < 500; index++) publish(publisher, `${index}`);
  await publisher.finish(signal);
  await deleteQueue(broker, queue);
  for (let index = 0; index < 500; index++) publish(publisher, `${index}`);
  await assert.rejects(publisher.finish(signal), { code: "broker_missing" });
  assert.equal(publisher.confirmed, 500);
  await publisher.close();
});

testOnEach("publish: a queue that rejects what is beyond its length", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  const queue = await vhost.queue("q", {
    arguments: { "x-max-length": 5, "x-overflow": "reject-publish" },
  });
  await using connection = await openBroker(broker, vhost.name);
  const publisher = await newPublisher(connection);
  for (let index = 0; index < 50; index++) publish(publisher, `${index}`);
  await assert.rejects(publisher.finish(signal), {
    code: "broker_denied",
    message: "Cannot publish: the target rejects messages (nack)",
  });
  await publisher.close();
  // Where it stands: no more than what is really there.
  await waitForDepth(broker, queue, { depth: 5 });
  assert.ok(publisher.confirmed <= 5, `${publisher.confirmed}`);
});

const MIB = 1024 * 1024;
/** What brokers take by default. */
const LARGEST_BODY = { "3.10": 128 * MIB, "4.0": 16 * MIB, "4.3": 16 * MIB };

testOnEach("publish: a body larger than the broker takes", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  const queue = await vhost.queue("q");
  await using connection = await openBroker(broker, vhost.name);
  const publisher = await newPublisher(connection);
  publish(publisher, "1");
  const bodySize = LARGEST_BODY[broker.version] + 1;
  publisher.begin({ exchange: bytes(), routingKey: text("q"), properties: PROPERTIES, bodySize });
  const block = new Uint8Array(256 * 1024);
  for (let left = bodySize; left > 0; left -= block.length) {
    publisher.body(block.subarray(0, left));
    await publisher.flow(1, signal);
  }
  publisher.end();
  await assert.rejects(publisher.finish(signal), {
    code: "broker_denied",
    message: `Cannot publish: a message of ${bodySize} bytes is larger than the ` +
      `${bodySize - 1} that the target takes`,
  });
  // The refusal may be quicker than the confirm of the message before.
  assert.ok(publisher.confirmed <= 1);
  await publisher.close();
  await waitForDepth(broker, queue, { depth: 1 });
});

testOnEach("publish: half a message is none", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  const queue = await vhost.queue("q");
  const connection = await openBroker(broker, vhost.name);
  const publisher = await newPublisher(connection);
  for (let index = 0; index < 10; index++) publish(publisher, `${index}`);
  await publisher.finish(signal);
  const bodySize = 1_000_000;
  publisher.begin({ exchange: bytes(), routingKey: text("q"), properties: PROPERTIES, bodySize });
  publisher.body(new Uint8Array(500_000)); // more than fits the buffer: some of it is sent
  await publisher.settle(200);
  await publisher.close();
  await connection.close();
  await waitForDepth(broker, queue, { depth: 10 });
  assert.equal(publisher.confirmed, 10);
});

testOnEach("publish: a connection that is lost with confirms outstanding", async (broker) => {
  await using vhost = await testVhost(broker, "publish");
  const queue = await vhost.queue("q");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  await using connection = await openBroker(proxy.through(broker), vhost.name);
  const publisher = await newPublisher(connection, 2048);
  for (let index = 0; index < 1000; index++) publish(publisher, `${index}`);
  await publisher.finish(signal);
  proxy.stallAfter(0); // the broker's answers no longer come through
  for (let index = 1000; index < 2000; index++) publish(publisher, `${index}`);
  const finished = publisher.finish(signal);
  await waitForDepth(broker, queue, { depth: 2000 });
  proxy.cut();
  await assert.rejects(finished, { code: "broker_unreachable" });
  // All arrived, half of it is known: the other half is what may be sent twice.
  assert.deepEqual([publisher.sent, publisher.confirmed], [2000, 1000]);
  await publisher.settle(60_000); // at once
  await publisher.close();
});
