/** What a backup sends to a broker, frame by frame: nothing that takes, changes or deletes. */
import assert from "node:assert/strict";
import { concat, parseFrames } from "./helpers/amqp_wire.ts";
import { testOnEach } from "./helpers/brokers.ts";
import { newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { testVhost } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

/** Length of "AMQP" and the version, which stand before the first frame. */
const PROTOCOL_HEADER = 8;
const QUEUE_DECLARE = "50.10";
const BASIC_PUBLISH = "60.40";
/** The passive bit of queue.declare. */
const PASSIVE = 1;

/** Methods that a client may send to look and to read (AMQP 0-9-1 sections 1.2 to 1.8). */
const HARMLESS = new Set([
  ...["10.11", "10.31", "10.40", "10.50", "10.51"], // connection: start-ok, tune-ok, open, close
  ...["20.10", "20.40", "20.41"], // channel: open, close
  ...["60.10", "60.20", "60.30", "60.70", "60.110"], // basic: qos, consume, cancel, get, recover
  "85.10", // confirm.select, for the question whether the user may publish
]);

testOnEach("a backup sends no method that takes, changes or deletes anything", async (broker) => {
  await using vhost = await testVhost(broker, "methods");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  await using job = await newJob(proxy.through(broker));
  await using client = await PlainClient.open(broker, vhost.name);
  const queues = [
    { name: "classic" },
    { name: "quorum", type: "quorum" },
    { name: "auto-delete", autoDelete: true },
    { name: "stream", type: "stream" },
    { name: "empty" },
    { name: "full", arguments: { "x-max-length": 3 } },
  ] as const;
  await client.declare(queues);
  await client.publish(
    ["classic", "quorum", "auto-delete", "full"].flatMap((name) =>
      ["a", "b", "c"].map((body) => [name, body] as const)
    ),
  );
  proxy.sent = [];
  const result = await job.backup({ vhosts: [vhost.name] });
  assert.equal(result.code, 3, result.stderr); // the stream, whose port it is not told, and the full queue
  const seen = new Set<string>();
  for (const pieces of proxy.sent) {
    for (const { type, payload } of parseFrames(concat(...pieces).subarray(PROTOCOL_HEADER))) {
      if (type !== 1) continue;
      const view = new DataView(payload.buffer, payload.byteOffset);
      const method = `${view.getUint16(0)}.${view.getUint16(2)}`;
      seen.add(method);
      if (method === QUEUE_DECLARE) assert.equal(flagsOfDeclare(payload) & PASSIVE, PASSIVE);
      else if (method === BASIC_PUBLISH) {
        assert.match(routingKey(payload), /^rabbitmq-backup may publish\? /);
      } else assert.ok(HARMLESS.has(method), method);
    }
  }
  // It has been looked at where it matters.
  for (const method of ["60.20", "60.70", QUEUE_DECLARE]) assert.ok(seen.has(method), method);
  assert.equal(seen.has("60.110"), broker.version === "4.3");
});

/** The bits behind the queue's name: class and method, a reserved short, a short string. */
function flagsOfDeclare(payload: Uint8Array): number {
  return payload[6 + 1 + payload[6]!]!;
}

/** Behind the reserved short and the exchange's name. */
function routingKey(payload: Uint8Array): string {
  const at = 6 + 1 + payload[6]!;
  return new TextDecoder().decode(payload.subarray(at + 1, at + 1 + payload[at]!));
}
