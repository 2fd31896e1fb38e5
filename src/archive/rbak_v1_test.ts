import assert from "node:assert/strict";
import fc from "fast-check";
import type { Message, MessageHead } from "../message/message.ts";
import { floatField } from "../message/field_table.ts";
import { decodeProperties, encodeProperties } from "../message/properties.ts";
import { recordsFromV1, recordsToV1 } from "./rbak_v1.ts";
import { encodeRecord, readMessages } from "./record.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const source = { vhost: "/", queue: "q", firstDeliveryTag: 1 };

async function* pieces(whole: Uint8Array, size = whole.length) {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

function payload(...records: string[]): Uint8Array {
  return new Uint8Array(Buffer.concat(records.flatMap((record) => {
    const json = encode(record);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, json.length, true);
    return [length, json];
  })));
}

function fromV1(whole: Uint8Array, size?: number): Promise<Message[]> {
  return Array.fromAsync(readMessages(recordsFromV1(pieces(whole, size))));
}

async function toV1(
  messages: Message[],
  onInexact?: (what: string) => void,
): Promise<Uint8Array> {
  const records = pieces(new Uint8Array(Buffer.concat(messages.map(encodeRecord))), 1000);
  const options = { ...source, ...(onInexact === undefined ? {} : { onInexact }) };
  return new Uint8Array(Buffer.concat(await Array.fromAsync(recordsToV1(records, options))));
}

function record(change: { body?: string; properties?: string; headers?: string } = {}): string {
  return `{"body":${change.body ?? "null"},"properties":{${change.properties ?? ""}},"headers":` +
    `${change.headers ?? "[]"},"exchange":"","routing_key":"q","delivery_tag":1,` +
    '"redelivered":false,"backed_up_at":1,"source_queue":"q","source_vhost":"/"}';
}

const head: MessageHead = {
  capturedAt: 1_795_226_158_768,
  redelivered: true,
  exchange: encode("é.x"),
  routingKey: encode("a.b"),
  properties: new Uint8Array(2),
  bodySize: 0,
};

/** What each header value of version 1 is on the wire: tag and bytes. */
const HEADERS: [v1: string, wire: string][] = [
  ['{"LongStringBytes":[104,255]}', "53 00000002 68ff"],
  ['{"LongString":"hé"}', "53 00000003 68c3a9"],
  ['{"ShortString":"h"}', "53 00000001 68"],
  ['{"Bool":true}', "74 01"],
  ['{"ShortShortInt":-1}', "62 ff"],
  ['{"ShortShortUInt":255}', "42 ff"],
  ['{"ShortInt":-2}', "73 fffe"],
  ['{"Short":-2}', "73 fffe"],
  ['{"ShortUInt":65535}', "75 ffff"],
  ['{"LongInt":-3}', "49 fffffffd"],
  ['{"LongUInt":4294967295}', "69 ffffffff"],
  ['{"LongLongInt":9007199254740993}', "6c 0020000000000001"],
  ['{"Long":-9223372036854775808}', "6c 8000000000000000"],
  ['{"Timestamp":18446744073709551615}', "54 ffffffffffffffff"],
  ['{"Float":1.5}', "66 3fc00000"],
  ['{"Double":1.0}', "64 3ff0000000000000"],
  ['{"Double":-1.2345678901234567e300}', "64 fe3d7ee8bcbbd351"],
  ['{"Decimal":{"scale":2,"value":1234}}', "44 02 000004d2"],
  ['{"Bytes":[255,0]}', "78 00000002 ff00"],
  ['{"Table":[["k",{"Bool":false}]]}', "46 00000004 016b 7400"],
  ['{"Array":["Void",{"LongInt":1}]}', "41 00000006 56 4900000001"],
  ['"Void"', "56"],
];

Deno.test("rbak v1: every header type becomes the bytes that were on the wire", async () => {
  for (const [v1, wire] of HEADERS) {
    const [message] = await fromV1(payload(record({ headers: `[["k",${v1}]]` })));
    const table = "016b" + wire.replaceAll(" ", "");
    const size = (table.length / 2).toString(16).padStart(8, "0");
    assert.equal(Buffer.from(message!.head.properties).toString("hex"), `2000${size}${table}`, v1);
  }
});

Deno.test("rbak v1: what is written has the earlier tool's form, to the byte", async () => {
  const properties = encodeProperties({
    contentType: encode("text/plain"),
    headers: [
      [encode("big"), { tag: "l", value: 9007199254740993n }],
      [encode("none"), { tag: "V" }],
      [encode("f"), { tag: "A", value: [0.1, 3, 1e20].map((value) => floatField("f", value)) }],
    ],
    deliveryMode: 2,
    timestamp: 18446744073709551615n,
    type: encode('t"\n'),
  });
  const body = new Uint8Array([0, 9, 10, 99, 100, 255]);
  const first = { head: { ...head, properties, bodySize: body.length }, body };
  const second = { head, body: new Uint8Array(0) };
  const rest = (tag: number) =>
    `"exchange":"é.x","routing_key":"a.b","delivery_tag":${tag},"redelivered":true,` +
    '"backed_up_at":1795226158768,"source_queue":"q","source_vhost":"/"}';
  const expected = payload(
    '{"body":[0,9,10,99,100,255],"properties":{"content_type":"text/plain",' +
      '"content_encoding":null,"delivery_mode":2,"priority":null,"correlation_id":null,' +
      '"reply_to":null,"expiration":null,"message_id":null,"timestamp":18446744073709551615,' +
      '"type_field":"t\\"\\n","user_id":null,"app_id":null,"cluster_id":null},' +
      '"headers":[["big",{"LongLongInt":9007199254740993}],["none","Void"],' +
      '["f",{"Array":[{"Float":0.1},{"Float":3.0},{"Float":1e20}]}]],' + rest(1),
    '{"body":null,"properties":{"content_type":null,"content_encoding":null,"delivery_mode":null,' +
      '"priority":null,"correlation_id":null,"reply_to":null,"expiration":null,' +
      '"message_id":null,"timestamp":null,"type_field":null,"user_id":null,"app_id":null,' +
      '"cluster_id":null},"headers":[],' + rest(2),
  );
  assert.equal(
    Buffer.from(await toV1([first, second])).toString(),
    Buffer.from(expected).toString(),
  );
  assert.deepEqual(await fromV1(expected), [first, second]);
});

Deno.test("rbak v1: there and back gives the same message, split anywhere", async () => {
  const text = fc.string({ unit: "binary", maxLength: 60 }).filter((value) => value.isWellFormed())
    .map(encode);
  const message = fc.record({
    body: fc.uint8Array({ maxLength: 3000 }),
    exchange: text,
    routingKey: text,
    contentType: text,
    messageId: text,
    priority: fc.nat(255),
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    header: fc.oneof(
      fc.uint8Array().map((value) => ({ tag: "x" as const, value })),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => {
        const bits = new Uint8Array(8);
        new DataView(bits.buffer).setFloat64(0, value);
        return { tag: "d" as const, bits };
      }),
      fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => {
        const bits = new Uint8Array(4);
        new DataView(bits.buffer).setFloat32(0, value);
        return { tag: "f" as const, bits };
      }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({
        tag: "l" as const,
        value,
      })),
    ),
  }).map((parts) => ({
    head: {
      ...head,
      exchange: parts.exchange,
      routingKey: parts.routingKey,
      properties: encodeProperties({
        contentType: parts.contentType,
        headers: [[parts.messageId, parts.header], [encode("zero"), floatField("d", -0)]],
        messageId: parts.messageId,
        priority: parts.priority,
        timestamp: parts.timestamp,
      }),
      bodySize: parts.body.length,
    },
    body: parts.body,
  }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 4 }),
      fc.integer({ min: 1, max: 500 }),
      async (messages, size) => {
        assert.deepEqual(await fromV1(await toV1(messages), size), messages);
      },
    ),
  );
});

Deno.test("rbak v1: a large body passes without its text ever being whole", async () => {
  const body = new Uint8Array(3_000_000).map((_, at) => at * 7);
  const message = { head: { ...head, bodySize: body.length }, body };
  const records = pieces(encodeRecord(message), 65536);
  const written = await Array.fromAsync(recordsToV1(records, source));
  assert.ok(written.every((piece) => piece.length <= 256 * 1024));
  assert.deepEqual(await fromV1(new Uint8Array(Buffer.concat(written)), 65536), [message]);
});

Deno.test("rbak v1: what JSON cannot hold is told", async () => {
  const told: string[] = [];
  const properties = encodeProperties({
    headers: [[encode("nan"), { tag: "f", bits: new Uint8Array([0x7f, 0xc0, 0, 1]) }]],
    appId: new Uint8Array([0xff]),
  });
  const written = await toV1(
    [{ head: { ...head, properties }, body: new Uint8Array(0) }],
    (what) => told.push(what),
  );
  assert.equal(told.length, 2);
  const [read] = await fromV1(written);
  assert.deepEqual(decodeProperties(read!.head.properties), {
    headers: [[encode("nan"), { tag: "f", bits: new Uint8Array([0x7f, 0xc0, 0, 0]) }]],
    appId: encode("\ufffd"),
  });
  const broken = { ...head, properties: new Uint8Array([0x80, 0]) };
  await assert.rejects(toV1([{ head: broken, body: new Uint8Array(0) }]), { code: "refused" });
});

Deno.test("rbak v1: damaged payloads are damaged, not guessed at", async () => {
  const wrong: [Uint8Array, RegExp][] = [
    [payload(record()).subarray(0, -1), /middle of a record/],
    [payload('{"b":1}'), /claims a length of 7/],
    [payload('{"boby":null}'), /begins otherwise/],
    [payload(record({ body: "[1,256]" })), /no list of bytes/],
    [payload(record({ body: "[1,-2]" })), /no list of bytes/],
    [payload(record({ body: "[1,,2]" })), /no list of bytes/],
    [payload(record({ body: "[1,]" })), /no list of bytes/],
    [payload(record({ body: '"AQI="' })), /no list of bytes/],
    [payload('{"body":[1,2'), /within its body/],
    [payload('{"body":[1,2],'), /no JSON/],
    [payload(record({ properties: '"priority":256' })), /priority is no integer of its type/],
    [payload(record({ properties: `"app_id":"${"é".repeat(128)}"` })), /longer than 255/],
    [payload(record({ headers: '[["k",{"LongInt":2147483648}]]' })), /LongInt is no integer/],
    [payload(record({ headers: '[["k",{"New":1}]]' })), /unknown type "New"/],
    [payload(record({ headers: '[["k",{}]]' })), /unknown type "nothing"/],
    [payload(record({ headers: '{"k":1}' })), /headers is no list/],
  ];
  for (const [whole, message] of wrong) {
    await assert.rejects(fromV1(whole), { code: "damaged", message });
  }
  assert.deepEqual((await fromV1(payload(record({ body: "[]" }))))[0]!.body, new Uint8Array(0));
});
