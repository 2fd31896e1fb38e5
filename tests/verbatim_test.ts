/** What is published comes back byte for byte: properties of every type, names, bodies of any size. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { RecordParser } from "../src/archive/record.ts";
import type { BrokerConnection } from "../src/broker/amqp/connection.ts";
import type { DeliveryTap } from "../src/broker/amqp/content_tap.ts";
import { Publisher } from "../src/broker/amqp/publisher.ts";
import { QueueReader } from "../src/broker/amqp/queue_reader.ts";
import { SpoolWriter } from "../src/engine/spool/spool.ts";
import {
  type FieldTable,
  type FieldValue,
  floatField,
  type SmallIntegerTag,
} from "../src/message/field_table.ts";
import { decodeProperties, encodeProperties } from "../src/message/properties.ts";
import { bytes, concat, text, uint } from "./helpers/amqp_wire.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { openBroker, type Outgoing, publishAll } from "./helpers/direct.ts";
import { deleteQueue, management, put, testVhost } from "./helpers/queues.ts";
import { tempDir } from "./helpers/temp.ts";

interface Captured {
  exchange: Uint8Array;
  routingKey: Uint8Array;
  properties: Uint8Array;
  redelivered: boolean;
  body: Uint8Array;
}

/** Reads `limit` messages with {@linkcode QueueReader} and acknowledges nothing. */
async function captureAll(
  connection: BrokerConnection,
  queue: string,
  limit: number,
): Promise<Captured[]> {
  const captured: Captured[] = [];
  let pieces: Uint8Array[] = [];
  const sink = {
    head: ({ exchange, routingKey, properties, redelivered }: Omit<Captured, "body">) => {
      captured.push({
        exchange: new Uint8Array(exchange),
        routingKey: new Uint8Array(routingKey),
        properties: new Uint8Array(properties),
        redelivered,
        body: bytes(),
      });
      pieces = [];
    },
    body: (chunk: Uint8Array) => void pieces.push(new Uint8Array(chunk)),
    end: () => void (captured.at(-1)!.body = concat(...pieces)),
  };
  await readInto(connection, sink, { queue, limit });
  return captured;
}

async function readInto(
  connection: BrokerConnection,
  sink: DeliveryTap,
  options: { queue: string; limit: number },
): Promise<void> {
  const reader = new QueueReader(connection, sink, {
    ...options,
    window: 65_535,
    returnMethod: "channel_close",
    idleMs: 2_000,
    signal: new AbortController().signal,
  });
  try {
    await reader.read();
  } finally {
    await reader.giveBack();
  }
}

type QueueType = "classic" | "quorum";

/**
 * Properties as a broker keeps them. 3.10 passes bytes on through classic queues; its quorum queues
 * write them anew, as 4.x always does: one tag for int64, one octet for true. 4.x also sorts tables by
 * name, and of entries of the same name keeps the first.
 */
function asKept(properties: Uint8Array, where: { broker: Broker; type: QueueType }): unknown {
  const { version } = where.broker;
  if (version === "3.10" && where.type === "classic") return properties;
  const { headers, ...rest } = decodeProperties(properties);
  if (headers === undefined) return rest;
  return { ...rest, headers: keptTable(headers, { sort: version !== "3.10" }) };
}

function keptTable(table: FieldTable, options: { sort: boolean }): unknown {
  const entries = table.map(([name, value]) =>
    [
      Array.from(name, (byte) => String.fromCharCode(byte)).join(""),
      keptField(value, options),
    ] as const
  );
  if (!options.sort) return entries;
  const firsts = new Map(entries.toReversed());
  return [...firsts].toSorted(([one], [other]) => one < other ? -1 : 1);
}

function keptField(field: FieldValue, options: { sort: boolean }): unknown {
  switch (field.tag) {
    case "F":
      return { tag: "F", value: keptTable(field.value, options) };
    case "A":
      return { tag: "A", value: field.value.map((value) => keptField(value, options)) };
    case "L":
      return { tag: "l", value: field.value };
    case "t":
      return { tag: "t", value: field.value };
    default:
      return field;
  }
}

const header = (name: string, value: FieldValue): FieldTable[number] => [text(name), value];
const int64 = (value: bigint): FieldValue => ({ tag: "l", value });
const long = (value: Uint8Array): FieldValue => ({ tag: "S", value });

/** Every type of AMQP 0-9-1 as RabbitMQ has it, with the values at which they break elsewhere. */
const FIELDS: Record<string, FieldValue> = {
  true: { tag: "t", value: true },
  false: { tag: "t", value: false },
  "true as 2": { tag: "t", value: true, octet: 2 },
  "int8 min": { tag: "b", value: -128 },
  "uint8 max": { tag: "B", value: 255 },
  "int16 min": { tag: "s", value: -32_768 },
  "uint16 max": { tag: "u", value: 65_535 },
  "int32 min": { tag: "I", value: -(2 ** 31) },
  "uint32 max": { tag: "i", value: 2 ** 32 - 1 },
  "int64 beyond 2^53": int64(9_007_199_254_740_993n),
  "int64 min": int64(-(2n ** 63n)),
  "int64 max": int64(2n ** 63n - 1n),
  "int64 small": int64(1n),
  "int64 by its other tag": { tag: "L", value: 9_007_199_254_740_993n },
  float: floatField("f", 1.5),
  "float -0": floatField("f", -0),
  "float smallest": { tag: "f", bits: bytes(0, 0, 0, 1) },
  double: floatField("d", 0.1),
  "double largest": floatField("d", Number.MAX_VALUE),
  decimal: { tag: "D", scale: 2, value: 12_345 },
  "decimal large": { tag: "D", scale: 255, value: 2 ** 32 - 1 },
  timestamp: { tag: "T", value: 1_700_000_000n },
  "timestamp large": { tag: "T", value: 2n ** 64n - 1n },
  "byte array": { tag: "x", value: bytes(0, 255, 0xce, 128) },
  "empty byte array": { tag: "x", value: bytes() },
  void: { tag: "V" },
  string: long(text("text é 🐇")),
  "empty string": long(bytes()),
  "invalid UTF-8": long(bytes(0xff, 0xfe, 0x00, 0xc3)),
  "string of 60 KB": long(new Uint8Array(60_000).fill(0x61)),
  "empty table": { tag: "F", value: [] },
  "empty array": { tag: "A", value: [] },
  "mixed array": {
    tag: "A",
    value: [
      { tag: "b", value: 1 },
      long(text("a")),
      { tag: "V" },
      int64(3n),
      { tag: "A", value: [{ tag: "t", value: true }] },
    ],
  },
  "nested tables": {
    tag: "F",
    value: [
      header("a", {
        tag: "F",
        value: [header("b", { tag: "F", value: [header("c", int64(1n))] })],
      }),
      header("list", { tag: "A", value: [{ tag: "F", value: [header("x", { tag: "V" })] }] }),
    ],
  },
  "nested names, out of order and twice": {
    tag: "F",
    value: [header("b", int64(1n)), header("a", int64(2n)), header("b", { tag: "V" })],
  },
};

function withHeaders(...headers: FieldTable): Uint8Array {
  return encodeProperties({ headers, deliveryMode: 2 });
}

/** All properties at once, odd bytes where bytes are allowed, headers unsorted. */
const EVERYTHING = encodeProperties({
  contentType: text("text/plain"),
  contentEncoding: bytes(0xff, 0x00),
  headers: [
    header("z", int64(1n)),
    header("a", { tag: "V" }),
    header("m", { tag: "F", value: [] }),
  ],
  deliveryMode: 2,
  priority: 255,
  correlationId: new Uint8Array(255).fill(0xfe),
  replyTo: text("reply"),
  expiration: text("86400000"),
  messageId: bytes(),
  timestamp: 2n ** 64n - 1n,
  type: text("type"),
  userId: text("guest"),
  appId: text("app"),
  clusterId: text("cluster"),
});

const PROPERTIES: [name: string, properties: Uint8Array][] = [
  ["none", encodeProperties({})],
  ["all", EVERYTHING],
  ["no headers in the table", withHeaders()],
  ["name of 255 bytes", withHeaders([new Uint8Array(255).fill(0x6e), int64(1n)])],
  ["name of odd bytes", withHeaders([bytes(0xff, 0x00, 0xce), int64(1n)])],
  ["name without bytes", withHeaders([bytes(), int64(1n)])],
  ["names out of order", withHeaders(header("b", int64(1n)), header("a", int64(2n)))],
  ["a name twice", withHeaders(header("a", int64(1n)), header("a", { tag: "V" }))],
  ["100 KB", withHeaders(header("s", long(new Uint8Array(100_000).fill(0x61))))],
  ...Object.entries(FIELDS).map(([name, value]): [string, Uint8Array] => [
    name,
    withHeaders(header(name, value)),
  ]),
  ["all types", withHeaders(...Object.entries(FIELDS).map((entry) => header(...entry)))],
];

const TYPES = ["classic", "quorum"] as const;

for (const type of TYPES) {
  testOnEach(`properties of every type, through a ${type} queue`, async (broker) => {
    await using vhost = await testVhost(broker, "verbatim");
    await vhost.queue("q", { type });
    await using connection = await openBroker(broker, vhost.name);
    const routingKey = text("q");
    await publishAll(
      connection,
      PROPERTIES.map(([, properties], index) => ({
        properties,
        body: numbered(index),
        routingKey,
      })),
    );
    const found = byNumber(await captureAll(connection, "q", PROPERTIES.length));
    assert.equal(found.length, PROPERTIES.length);
    const where = { broker, type };
    for (const [index, [name, properties]] of PROPERTIES.entries()) {
      const one = found[index]!;
      assert.deepEqual(asKept(one.properties, where), asKept(properties, where), name);
      assert.deepEqual(one.body, numbered(index));
      assert.equal(one.redelivered, false);
    }
  });
}

/** A body that says which message it is: quorum queues of 4.x bring high priorities forward. */
function numbered(index: number, rest: Uint8Array = bytes()): Uint8Array {
  return concat(uint(index, 4), rest);
}

function byNumber(captured: Captured[]): Captured[] {
  const numberOf = ({ body }: Captured) => new DataView(body.buffer, body.byteOffset).getUint32(0);
  return captured.toSorted((one, other) => numberOf(one) - numberOf(other));
}

/** Floats that Erlang has: neither infinite nor NaN. */
const float = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => floatField("f", value)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => floatField("d", value)),
);
const integer = (tag: SmallIntegerTag, min: number, max: number) =>
  fc.integer({ min, max }).map((value): FieldValue => ({ tag, value }));

const { table } = fc.letrec<{ field: FieldValue; table: [Uint8Array, FieldValue][] }>((tie) => ({
  field: fc.oneof(
    { depthSize: "small" },
    fc.boolean().map((value): FieldValue => ({ tag: "t", value })),
    integer("b", -128, 127),
    integer("B", 0, 255),
    integer("s", -32_768, 32_767),
    integer("u", 0, 65_535),
    integer("I", -(2 ** 31), 2 ** 31 - 1),
    integer("i", 0, 2 ** 32 - 1),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(int64),
    float,
    fc.tuple(fc.nat(255), fc.nat(2 ** 32 - 1)).map(([scale, value]): FieldValue => ({
      tag: "D",
      scale,
      value,
    })),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): FieldValue => ({ tag: "T", value })),
    fc.uint8Array({ maxLength: 60 }).map((value): FieldValue => ({ tag: "x", value })),
    fc.uint8Array({ maxLength: 60 }).map(long),
    fc.constant<FieldValue>({ tag: "V" }),
    fc.array(tie("field"), { maxLength: 4 }).map((value): FieldValue => ({ tag: "A", value })),
    tie("table").map((value): FieldValue => ({ tag: "F", value })),
  ),
  table: fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), tie("field")), { maxLength: 6 }),
}));

const name = fc.uint8Array({ maxLength: 255 });
const randomProperties = fc.record({
  contentType: name,
  contentEncoding: name,
  headers: table,
  deliveryMode: fc.constantFrom(1, 2),
  priority: fc.nat(255),
  correlationId: name,
  replyTo: name,
  messageId: name,
  timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  type: name,
  appId: name,
  clusterId: name,
}, { requiredKeys: [], noNullPrototype: true });
const randomMessage = fc.record({
  properties: randomProperties.map(encodeProperties),
  body: fc.uint8Array({ maxLength: 200 }),
  routingKey: fc.uint8Array({ maxLength: 255 }),
});

for (const type of TYPES) {
  testOnEach(`random messages by random routing keys, through a ${type} queue`, async (broker) => {
    await using vhost = await testVhost(broker, "verbatim");
    // Names as odd as the management API can make them; a fanout takes any routing key.
    const exchange = "é\u0001/%2F \u202e🐇".padEnd(200, "x");
    await put(broker, `exchanges/${vhost.name}/${encodeURIComponent(exchange)}`, {
      type: "fanout",
      durable: true,
    });
    await using connection = await openBroker(broker, vhost.name);
    let queues = 0;
    const batch = fc.array(randomMessage, { minLength: 1, maxLength: 60, size: "max" });
    await fc.assert(
      fc.asyncProperty(batch, async (messages) => {
        // A queue of its own each time: what is read twice bears the marks of it.
        const queue = `q${queues++}`;
        await vhost.queue(queue, { type });
        const binding = `bindings/${vhost.name}/e/${encodeURIComponent(exchange)}/q/${queue}`;
        await management(broker, binding, { method: "POST", body: {} });
        await publishAll(
          connection,
          messages.map(({ body, ...rest }, index) => ({
            ...rest,
            body: numbered(index, body),
            exchange: text(exchange),
          })),
        );
        const found = byNumber(await captureAll(connection, queue, messages.length));
        assert.equal(found.length, messages.length);
        const where = { broker, type };
        for (const [index, { properties, body, routingKey }] of messages.entries()) {
          const one = found[index]!;
          assert.deepEqual(asKept(one.properties, where), asKept(properties, where));
          assert.deepEqual(one.body, numbered(index, body));
          assert.deepEqual(one.routingKey, routingKey);
          assert.deepEqual(one.exchange, text(exchange));
        }
        await deleteQueue(broker, { vhost: vhost.name, name: queue });
      }),
      { numRuns: 4 },
    );
  });
}

testOnEach(
  "floats that no broker takes end the connection, so none can be in a queue",
  async (broker) => {
    const impossible: FieldValue[] = [
      { tag: "f", bits: bytes(0x7f, 0xc0, 0x12, 0x34) },
      { tag: "d", bits: bytes(0x7f, 0xf8, 0, 0, 0, 0, 0x12, 0x34) },
      floatField("d", -Infinity),
    ];
    await using vhost = await testVhost(broker, "verbatim");
    await vhost.queue("q");
    const outcomes = await Promise.all(impossible.map(async (value) => {
      await using connection = await openBroker(broker, vhost.name);
      const properties = withHeaders(header("x", value));
      const message = { properties, body: bytes(), routingKey: text("q") };
      return await publishAll(connection, [message]).then(() => "taken", (error) => error.message);
    }));
    for (const outcome of outcomes) {
      assert.match(
        outcome,
        /the connection was lost .*INTERNAL_ERROR/,
      );
    }
  },
);

for (const type of TYPES) {
  testOnEach(`bodies of all sizes, through a ${type} queue`, async (broker) => {
    await using vhost = await testVhost(broker, "verbatim");
    await vhost.queue("q", { type });
    await using connection = await openBroker(broker, vhost.name);
    const largest = connection.tap.frameMax - 8;
    const sizes = [0, 1, largest - 1, largest, largest + 1, 2 * largest, 8 * 1024 * 1024, 0, 5];
    const properties = encodeProperties({ deliveryMode: 2 });
    const messages: Outgoing[] = sizes.map((size) => ({
      properties,
      routingKey: text("q"),
      body: new Uint8Array(randomBytes(size)),
    }));
    await publishAll(connection, messages);
    const found = await captureAll(connection, "q", messages.length);
    assert.deepEqual(found.map(({ body }) => body.length), sizes);
    for (const [index, { body }] of messages.entries()) {
      assert.equal(sha256(found[index]!.body), sha256(body), `${sizes[index]} bytes`);
    }
  });
}

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

const MIB = 1024 * 1024;
/** What brokers take by default. */
const LARGEST_BODY = { "3.10": 128 * MIB, "4.0": 16 * MIB, "4.3": 16 * MIB };

testOnEach("the largest bodies that the broker takes, in bounded memory", async (broker) => {
  const bodySize = LARGEST_BODY[broker.version];
  const count = 128 * MIB / bodySize;
  await using vhost = await testVhost(broker, "verbatim");
  await vhost.queue("q");
  await using dir = await tempDir();
  await using connection = await openBroker(broker, vhost.name);
  const sent = await publishLarge(connection, { count, bodySize });

  const spool = new SpoolWriter({
    folder: dir.join("q"),
    segmentMaxBytes: 1024 * MIB,
    segmentMaxIntervalMs: 600_000,
    onError: (error) => assert.fail(error),
  });
  const before = Deno.memoryUsage().rss;
  let peak = before;
  let pieces = 0;
  const sink = {
    head: spool.head.bind(spool),
    body: (chunk: Uint8Array) => {
      spool.body(chunk);
      if (pieces++ % 16 === 0) peak = Math.max(peak, Deno.memoryUsage().rss);
    },
    end: spool.end.bind(spool),
  };
  await readInto(connection, sink, { queue: "q", limit: count });
  spool.finish();
  assert.deepEqual([spool.messageCount, spool.largestBody], [count, bodySize]);
  assert.ok(peak - before < 60 * MIB, `${Math.round((peak - before) / MIB)} MiB more`);
  assert.equal(await sha256OfBodies(spool), sent);
});

/** Publishes random bodies, none whole in memory; returns the SHA-256 of all of them. */
async function publishLarge(
  connection: BrokerConnection,
  messages: { count: number; bodySize: number },
): Promise<string> {
  const { count, bodySize } = messages;
  const { signal } = new AbortController();
  const publisher: Publisher = new Publisher(connection, {
    window: 1024,
    onConfirmed: (confirmed) => publisher.release(confirmed),
  });
  await publisher.open();
  const hash = createHash("sha256");
  const properties = encodeProperties({ deliveryMode: 2 });
  for (let index = 0; index < count; index++) {
    publisher.begin({ exchange: bytes(), routingKey: text("q"), properties, bodySize });
    for (let left = bodySize; left > 0;) {
      const block = new Uint8Array(randomBytes(Math.min(left, 64 * 1024)));
      hash.update(block);
      publisher.body(block);
      await publisher.flow(1, signal);
      left -= block.length;
    }
    publisher.end();
  }
  await publisher.finish(signal);
  await publisher.close();
  return hash.digest("hex");
}

/** Of all records in the only segment of a spool. */
async function sha256OfBodies(spool: SpoolWriter): Promise<string> {
  const hash = createHash("sha256");
  const parser = new RecordParser({
    head: () => {},
    body: (chunk) => hash.update(chunk),
    end: () => {},
  });
  using file = await Deno.open(spool.segments[0]!.file);
  for await (const chunk of file.readable) parser.push(chunk);
  parser.finish();
  return hash.digest("hex");
}
