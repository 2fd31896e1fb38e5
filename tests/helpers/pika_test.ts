import assert from "node:assert/strict";
import { testOnEach } from "./brokers.ts";
import {
  assertSameMessages,
  firstDifference,
  pikaGenerate,
  pikaPublish,
  pikaRead,
} from "./pika.ts";
import { createBoundExchange, queueDepth, testVhost, waitForDepth } from "./queues.ts";

for (const type of ["classic", "quorum"] as const) {
  testOnEach(`pika reads from a ${type} queue what pika published`, async (broker) => {
    await using vhost = await testVhost(broker);
    const queue = await vhost.queue("odd / name %2F é", { type });
    await createBoundExchange(broker, { vhost: vhost.name, name: "x/é", queue: queue.name });
    const expected = await pikaGenerate(broker, queue, {
      count: 300,
      large: 1,
      largeSize: 1 << 20,
      exchange: "x/é",
      priorities: [4],
    });
    assert.equal(expected.length, 300);
    assertSameMessages(expected, await pikaRead(broker, queue));
    await waitForDepth(broker, queue, { depth: 300 });
    assertSameMessages(expected, await pikaRead(broker, queue, { ack: true }));
    assert.equal(await queueDepth(broker, queue), 0);
    assert.equal(await queueDepth(broker, { vhost: vhost.name, name: "none" }), undefined);
  });
}

testOnEach("raw property bytes reach the queue, also of types pika cannot send", async (broker) => {
  await using vhost = await testVhost(broker);
  const queue = await vhost.queue("raw");
  // Headers only: f (float 1.5), i8 (int8 -1) and u32 (uint32 4294967295).
  const table = "\x01ff\x3f\xc0\0\0" + "\x02i8b\xff" + "\x03u32i\xff\xff\xff\xff";
  const wire = btoa(`\x20\0\0\0\0${String.fromCharCode(table.length)}${table}`);
  const sent = await pikaPublish(broker, vhost.name, [
    { routing_key: "raw", wire, body: btoa("one") },
    {
      routing_key: "raw",
      headers: { big: { int: "9007199254740993" } },
      properties: { type: "t" },
    },
  ]);
  const [first, second] = await pikaRead(broker, queue, { ack: true, fullBody: true });
  assert.equal(first?.wire, wire);
  assert.equal(first?.wire_sha256, sent[0]?.wire_sha256);
  assert.equal(first?.body, btoa("one"));
  assert.deepEqual(second?.headers, { big: { int: "9007199254740993" } });
  assert.deepEqual(second?.properties, { type: "t" });
});

testOnEach("a difference that pika's decoding hides is found in the bytes", async (broker) => {
  await using vhost = await testVhost(broker);
  const queue = await vhost.queue("widths");
  const withHeader = (typeAndValue: string) => btoa(`\x20\0\0\0\0\x04\x01n${typeAndValue}`);
  await pikaPublish(broker, vhost.name, [
    { routing_key: "widths", wire: withHeader("b\x05") },
    { routing_key: "widths", wire: withHeader("B\x05") },
  ]);
  const [narrow, unsigned] = await pikaRead(broker, queue, { ack: true });
  assert.ok(narrow && unsigned);
  assert.equal(firstDifference([narrow], [unsigned], { wire: false }), undefined);
  assert.match(firstDifference([narrow], [unsigned]) ?? "", /message 0 .*wire/s);
  assert.match(firstDifference([narrow], []) ?? "", /message 0 .*missing/);
  const elsewhere = { ...narrow, exchange: "other" };
  assert.match(firstDifference([narrow], [elsewhere]) ?? "", /message 0 .*exchange/s);
  assert.equal(firstDifference([narrow], [elsewhere], { routing: false }), undefined);
});
