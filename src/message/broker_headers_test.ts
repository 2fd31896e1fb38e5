import assert from "node:assert/strict";
import fc from "fast-check";
import {
  deliveryCount as countOf,
  republished,
  userIdOf,
  withoutCounters,
  withoutUserId,
  withUserIdAsHeader,
} from "./broker_headers.ts";
import type { FieldTable, FieldValue } from "./field_table.ts";
import { decodeProperties, encodeProperties, type Properties } from "./properties.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** Properties with these headers and a delivery mode behind them. */
function withHeaders(headers: [string, FieldValue][]): Uint8Array {
  const table: FieldTable = headers.map(([name, value]) => [bytes(name), value]);
  return encodeProperties({ headers: table, deliveryMode: 2 });
}

const text = (value: string): FieldValue => ({ tag: "S", value: bytes(value) });
const names = (raw: Uint8Array) =>
  decodeProperties(raw).headers?.map(([name]) => Buffer.from(name).toString());

/** As RabbitMQ 4.0 delivers a message of a quorum queue for the third time: an `l` of 2. */
const RETURNED = hex(
  "3000 0000001a 10 782d64656c69766572792d636f756e74 6c 0000000000000002 02",
);

const deliveryCount = (properties: Uint8Array, redelivered = true) =>
  countOf({ redelivered, properties });

Deno.test("delivery count: as brokers send it", () => {
  assert.equal(deliveryCount(RETURNED), 2);
  const counts: FieldValue[] = [
    { tag: "b", value: 3 },
    { tag: "I", value: 3 },
    { tag: "l", value: 3n },
  ];
  for (const value of counts) {
    assert.equal(deliveryCount(withHeaders([["a", text("b")], ["x-delivery-count", value]])), 3);
  }
});

Deno.test("delivery count: none, or what a client sent under that name", () => {
  const nonsense: FieldValue[] = [
    text("3"),
    { tag: "t", value: true },
    { tag: "V" },
    { tag: "A", value: [{ tag: "I", value: 3 }] },
    { tag: "F", value: [] },
  ];
  for (const value of nonsense) {
    assert.equal(deliveryCount(withHeaders([["x-delivery-count", value]])), undefined);
  }
  assert.equal(deliveryCount(hex("0000")), undefined);
  assert.equal(deliveryCount(encodeProperties({ deliveryMode: 2 })), undefined);
  assert.equal(
    deliveryCount(withHeaders([["X-Delivery-Count", { tag: "b", value: 1 }]])),
    undefined,
  );
  const nested: FieldValue = {
    tag: "F",
    value: [[bytes("x-delivery-count"), { tag: "b", value: 1 }]],
  };
  assert.equal(deliveryCount(withHeaders([["x-death", nested]])), undefined);
  // A type that the specification does not have.
  assert.equal(deliveryCount(hex("2000 00000003 0161 7a")), undefined);
});

Deno.test("republished: the broker's counters go, and what would copy the message", () => {
  const copies: FieldValue = { tag: "A", value: [text("elsewhere")] };
  const count: FieldValue = { tag: "l", value: 1n };
  const raw = withHeaders([
    ["a", text("1")],
    ["x-delivery-count", count],
    ["CC", copies],
    ["x-death", copies],
    ["x-acquired-count", count],
    ["BCC", copies],
    ["cc", text("2")],
  ]);
  const found = republished(raw);
  assert.deepEqual(
    found.properties,
    withHeaders([["a", text("1")], ["x-death", copies], ["cc", text("2")]]),
  );
  assert.equal(found.copied, true);
  for (const name of ["CC", "BCC"]) {
    assert.equal(republished(withHeaders([[name, copies]])).copied, true);
  }
  assert.equal(republished(withHeaders([["x-delivery-count", count]])).copied, false);
});

Deno.test("republished: headers that only a broker made leave no trace", () => {
  assert.deepEqual(republished(RETURNED), {
    properties: encodeProperties({ deliveryMode: 2 }),
    copied: false,
  });
});

Deno.test("republished: all else stays, byte for byte, the very same where nothing goes", () => {
  const dropped = ["x-delivery-count", "x-acquired-count", "x-stream-offset", "CC", "BCC"];
  const name = fc.oneof(fc.constantFrom(...dropped, "x-death"), fc.string({ maxLength: 20 }));
  const value = fc.constantFrom<FieldValue>(text("v"), { tag: "l", value: -1n }, { tag: "V" });
  fc.assert(fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (headers) => {
    const raw = withHeaders(headers);
    const kept = headers.filter(([name]) => !dropped.includes(name));
    const { properties, copied } = republished(raw);
    assert.equal(properties === raw, kept.length === headers.length);
    assert.deepEqual(
      properties,
      kept.length === 0 && headers.length > 0
        ? encodeProperties({ deliveryMode: 2 })
        : withHeaders(kept),
    );
    assert.equal(copied, headers.some(([name]) => name === "CC" || name === "BCC"));
    const again = republished(properties);
    assert.deepEqual([again.properties, again.copied], [properties, false]);
    assert.ok(!names(properties)?.some((name) => dropped.includes(name)));
  }));
});

Deno.test("without user id: only that goes", () => {
  const short = fc.uint8Array({ maxLength: 255 });
  const others = fc.record({
    contentType: short,
    headers: fc.constant<FieldTable>([[bytes("user_id"), text("guest")]]),
    priority: fc.nat(255),
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    appId: short,
  }, { requiredKeys: [], noNullPrototype: true });
  fc.assert(fc.property(others, fc.option(short, { nil: undefined }), (properties, userId) => {
    const bare = encodeProperties(properties as Properties);
    const raw = userId === undefined
      ? bare
      : encodeProperties({ ...properties, userId } as Properties);
    assert.deepEqual(withoutUserId(raw), bare);
  }));
});

Deno.test("deliveryCount: what a client sent, or no broker could count, is none", () => {
  const counted = (value: bigint) => withHeaders([["x-delivery-count", { tag: "l", value }]]);
  assert.equal(deliveryCount(counted(20n)), 20);
  assert.equal(deliveryCount(counted(20n), false), undefined);
  for (const value of [-1n, 1_000_001n, 2n ** 53n + 1n, 2n ** 62n]) {
    assert.equal(deliveryCount(counted(value)), undefined, `${value}`);
  }
});

Deno.test("without counters: what copies a message stays for its exchange to see", () => {
  const copies: FieldValue = { tag: "A", value: [text("elsewhere")] };
  const count: FieldValue = { tag: "l", value: 7n };
  const raw = withHeaders([
    ["x-stream-offset", count],
    ["CC", copies],
    ["x-delivery-count", count],
    ["x-acquired-count", count],
  ]);
  assert.deepEqual(withoutCounters(raw), withHeaders([["CC", copies]]));
});

Deno.test("user id: found, or moved to a header", () => {
  const raw = encodeProperties({ userId: bytes("alice"), appId: bytes("shop") });
  assert.deepEqual(userIdOf(raw), bytes("alice"));
  assert.equal(userIdOf(encodeProperties({ appId: bytes("shop"), type: bytes("t") })), undefined);
  const moved = withUserIdAsHeader(raw, "x-original-user-id");
  assert.deepEqual(decodeProperties(moved), {
    headers: [[bytes("x-original-user-id"), text("alice")]],
    appId: bytes("shop"),
  });
  assert.equal(withUserIdAsHeader(moved, "x-original-user-id"), moved);
  // A message that was moved once and published by another since: who was first counts.
  const again = encodeProperties({ ...decodeProperties(moved), userId: bytes("restore") });
  assert.deepEqual(withUserIdAsHeader(again, "x-original-user-id"), moved);
});
