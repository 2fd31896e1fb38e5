import assert from "node:assert/strict";
import fc from "fast-check";
import { streamMessages } from "../../tests/helpers/amqp10_messages.ts";
import { concat } from "../../tests/helpers/amqp_wire.ts";
import { toAmqp091 } from "./amqp10_to_091.ts";
import type { FieldValue } from "./field_table.ts";
import { decodeProperties, type Properties } from "./properties.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);
const string = (value: string) => concat(Uint8Array.of(0xa1, bytes(value).length), bytes(value));
const symbol = (value: string) => concat(Uint8Array.of(0xa3, bytes(value).length), bytes(value));

function section(code: number, value: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0, 0x53, code), value);
}
function compound(code: number, values: readonly Uint8Array[]): Uint8Array {
  const content = concat(...values);
  const head = new DataView(new ArrayBuffer(9));
  head.setUint8(0, code);
  head.setUint32(1, content.length + 4);
  head.setUint32(5, values.length);
  return concat(new Uint8Array(head.buffer), content);
}
const list = (...values: Uint8Array[]) => compound(0xd0, values);
const map = (...values: Uint8Array[]) => compound(0xd1, values);
const BODY = section(0x75, hex("a0 02 68 69"));
const NULL = hex("40");

function convert(...sections: Uint8Array[]) {
  const { properties, losses, ...others } = toAmqp091(concat(...sections));
  const { headers = [], ...decoded } = decodeProperties(properties);
  return {
    ...others,
    losses: [...losses],
    properties: decoded,
    headers: Object.fromEntries(headers.map(([name, field]) => [text(name)!, field])),
  };
}
/** Of application properties with one value. */
const headerOf = (value: Uint8Array) =>
  convert(section(0x74, map(string("h"), value)), BODY).headers["h"];

Deno.test("values become fields of the same type where there is one", () => {
  const cases: [string, FieldValue][] = [
    ["40", { tag: "V" }],
    ["41", { tag: "t", value: true }],
    ["56 00", { tag: "t", value: false }],
    ["50 c8", { tag: "B", value: 200 }],
    ["60 ea 60", { tag: "u", value: 60_000 }],
    ["70 ee 6b 28 00", { tag: "i", value: 4_000_000_000 }],
    ["51 9c", { tag: "b", value: -100 }],
    ["61 8a d0", { tag: "s", value: -30_000 }],
    ["54 ff", { tag: "I", value: -1 }],
    ["55 80", { tag: "l", value: -128n }],
    ["72 3f 00 00 00", { tag: "f", bits: hex("3f000000") }],
    ["82 3f e0 00 00 00 00 00 00", { tag: "d", bits: hex("3fe0000000000000") }],
    ["83 00 00 00 00 00 00 03 e8", { tag: "T", value: 1n }],
    ["a0 01 ff", { tag: "x", value: hex("ff") }],
    ["a1 02 68 69", { tag: "S", value: bytes("hi") }],
    // What has no counterpart, as what comes near.
    ["80 ff ff ff ff ff ff ff ff", { tag: "l", value: -1n }],
    ["a3 02 68 69", { tag: "S", value: bytes("hi") }],
    ["73 00 01 f6 00", { tag: "S", value: bytes("😀") }],
    ["98" + "00".repeat(15) + "07", {
      tag: "S",
      value: bytes("urn:uuid:00000000-0000-0000-0000-000000000007"),
    }],
    ["74 00 00 00 01", { tag: "x", value: hex("00000001") }],
    ["72 7f c0 00 00", { tag: "S", value: bytes("NaN") }],
    ["00 53 01 41", { tag: "t", value: true }],
    ["e0 04 02 51 01 02", { tag: "A", value: [{ tag: "b", value: 1 }, { tag: "b", value: 2 }] }],
    ["c0 03 02 41 40", { tag: "A", value: [{ tag: "t", value: true }, { tag: "V" }] }],
    ["c1 05 02 a3 01 61 41", { tag: "F", value: [[bytes("a"), { tag: "t", value: true }]] }],
  ];
  for (const [value, field] of cases) assert.deepEqual(headerOf(hex(value)), field, value);
});

Deno.test("a message as RabbitMQ keeps one of AMQP 0-9-1 is what it was", () => {
  const found = convert(
    section(0x70, list(hex("42"), hex("50 07"), hex("70 00 00 03 e8"))),
    section(
      0x72,
      map(
        ...[symbol("x-exchange"), string("ex"), symbol("x-routing-key"), string("key")],
        ...[symbol("x-basic-type"), string("kind"), symbol("x-own"), hex("54 07")],
        ...[symbol("x-cc"), list(string("other"))],
      ),
    ),
    section(
      0x73,
      list(
        ...[string("id"), hex("a0 02 6d 65"), NULL, NULL, string("/queues/a%2Fb"), string("cor")],
        ...[symbol("text/plain"), symbol("utf-8"), NULL, hex("83 00 00 00 00 00 00 07 d0")],
        string("app"),
      ),
    ),
    section(0x74, map(string("h"), string("v"))),
    BODY,
  );
  const expected: Properties = {
    ...{ messageId: bytes("id"), userId: bytes("me"), replyTo: bytes("a/b") },
    ...{ correlationId: bytes("cor"), contentType: bytes("text/plain"), timestamp: 2n },
    ...{ contentEncoding: bytes("utf-8"), appId: bytes("app"), type: bytes("kind") },
    ...{ deliveryMode: 1, priority: 7, expiration: bytes("1000") },
  };
  assert.deepEqual(found.properties, expected);
  assert.deepEqual([text(found.exchange), text(found.routingKey)], ["ex", "key"]);
  assert.deepEqual(found.headers, {
    "x-own": { tag: "I", value: 7 },
    CC: { tag: "A", value: [{ tag: "S", value: bytes("other") }] },
    h: { tag: "S", value: bytes("v") },
  });
  assert.deepEqual([found.body, found.losses], [bytes("hi"), []]);
});

Deno.test("what AMQP 0-9-1 lacks is kept in headers, as far as brokers take it back", () => {
  const note = (value: Uint8Array) => map(symbol("x-note"), value);
  const properties = section(0x73, list(hex("53 07"), NULL, string("to")));
  const application = section(0x74, map(string("s"), symbol("b")));
  const annotations = section(0x72, note(symbol("s")));
  const footer = section(0x78, note(hex("41")));
  const found = convert(annotations, properties, application, BODY, footer);
  assert.equal(text(found.properties.messageId), "7");
  assert.deepEqual(found.losses, []);
  const kept = (name: string) =>
    (found.headers[`x-amqp-1.0-${name}`] as { value: Uint8Array }).value;
  assert.deepEqual(kept("properties"), properties);
  assert.deepEqual(kept("app-properties"), application);
  assert.deepEqual(kept("message-annotations"), annotations);
  assert.deepEqual(kept("footer"), footer);

  // Over these, brokers end the connection.
  const some = convert(
    section(0x72, map(symbol("own"), hex("41"), symbol("x-s"), symbol("b"))),
    section(0x74, map(string("n"), NULL, string("d"), hex("74 00 00 00 01"))),
    BODY,
  );
  assert.deepEqual(some.losses, ["values"]);
  assert.deepEqual(some.headers["n"], { tag: "V" });
  assert.deepEqual(some.headers["x-amqp-1.0-message-annotations"], {
    tag: "S",
    value: section(0x72, map(symbol("x-s"), symbol("b"))),
  });
  assert.deepEqual(some.headers["x-amqp-1.0-app-properties"], {
    tag: "S",
    value: section(0x74, map()),
  });
  const large = convert(
    section(0x74, map(string("s"), concat(hex("b3 00 01 00 00"), bytes("x".repeat(65_536))))),
    BODY,
  );
  assert.deepEqual([large.losses, Object.keys(large.headers)], [["values"], ["s"]]);
});

Deno.test("bodies: data as one, all else as AMQP 1.0, and bytes that are no message as they are", () => {
  const two = convert(BODY, BODY);
  assert.deepEqual([two.body, two.losses], [bytes("hihi"), ["dataSections"]]);
  const value = concat(section(0x77, hex("41")), section(0x78, map()));
  const typed = convert(section(0x71, map()), value);
  assert.deepEqual([typed.body, text(typed.properties.type)], [value, "amqp-1.0"]);
  assert.deepEqual(typed.losses, ["deliveryAnnotations"]);
  for (const none of ["", "68 69", "00 53 75 a0 09 68", "00 53 75 a1 01 68", "00 53 74 40"]) {
    const raw = convert(hex(none));
    assert.deepEqual([raw.body, raw.losses], [hex(none), ["notAmqp10"]], none);
    assert.deepEqual(raw.properties, { deliveryMode: 2 });
  }
});

Deno.test("ids that are no short strings become texts or headers", () => {
  const idOf = (id: Uint8Array) => convert(section(0x73, list(id)), BODY);
  const uuid = idOf(hex("98" + "00".repeat(15) + "01"));
  assert.equal(text(uuid.properties.messageId), "urn:uuid:00000000-0000-0000-0000-000000000001");
  const binary = idOf(hex("a0 01 ff"));
  assert.equal(binary.properties.messageId, undefined);
  assert.deepEqual(binary.headers["x-message-id"], { tag: "x", value: hex("ff") });
  const long = bytes("x".repeat(256));
  const large = idOf(concat(hex("b1 00 00 01 00"), long));
  assert.deepEqual(large.headers["x-message-id"], { tag: "S", value: long });
});

Deno.test("property: of every message and of any bytes there is a message of AMQP 0-9-1", () => {
  fc.assert(
    fc.property(streamMessages, (message) => {
      const { properties, body } = toAmqp091(message);
      decodeProperties(properties);
      assert.ok(body.length <= message.length);
    }),
    { numRuns: 500 },
  );
});
