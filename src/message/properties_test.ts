import assert from "node:assert/strict";
import fc from "fast-check";
import { type FieldValue, floatField, floatValue, type SmallIntegerTag } from "./field_table.ts";
import {
  decodeProperties,
  encodeProperties,
  headerValue,
  type Properties,
  splitAtHeaders,
  timestampOf,
  withHeader,
  withoutHeaders,
} from "./properties.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength });
const small = (tag: SmallIntegerTag, min: number, max: number) =>
  fc.record({ tag: fc.constant(tag), value: fc.integer({ min, max }) }, { noNullPrototype: true });

const { field, table } = fc.letrec<{ field: FieldValue; table: [Uint8Array, FieldValue][] }>((
  tie,
) => ({
  field: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.boolean().map((value): FieldValue => ({ tag: "t", value })),
      fc.integer({ min: 2, max: 255 }).map((octet): FieldValue => ({
        tag: "t",
        value: true,
        octet,
      })),
      small("b", -128, 127),
      small("B", 0, 255),
      small("s", -32768, 32767),
      small("u", 0, 65535),
      small("I", -(2 ** 31), 2 ** 31 - 1),
      small("i", 0, 2 ** 32 - 1),
      fc.record({
        tag: fc.constantFrom("l" as const, "L" as const),
        value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      }, { noNullPrototype: true }),
      fc.record({
        tag: fc.constant("T" as const),
        value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      }, { noNullPrototype: true }),
      fc.record({
        tag: fc.constant("f" as const),
        bits: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      }, { noNullPrototype: true }),
      fc.record({
        tag: fc.constant("d" as const),
        bits: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      }, { noNullPrototype: true }),
      fc.record({
        tag: fc.constant("D" as const),
        scale: fc.nat(255),
        value: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      }, { noNullPrototype: true }),
      fc.record({ tag: fc.constantFrom("S" as const, "x" as const), value: anyBytes(300) }, {
        noNullPrototype: true,
      }),
      fc.constant<FieldValue>({ tag: "V" }),
    ),
    fc.array(tie("field"), { maxLength: 5 }).map((value): FieldValue => ({ tag: "A", value })),
    tie("table").map((value): FieldValue => ({ tag: "F", value })),
  ),
  table: fc.array(fc.tuple(anyBytes(255), tie("field")), { maxLength: 5 }),
}));

const shortString = anyBytes(255);
const octet = fc.nat(255);
const anyProperties = fc.record({
  contentType: shortString,
  contentEncoding: shortString,
  headers: table,
  deliveryMode: octet,
  priority: octet,
  correlationId: shortString,
  replyTo: shortString,
  expiration: shortString,
  messageId: shortString,
  timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  type: shortString,
  userId: shortString,
  appId: shortString,
  clusterId: shortString,
  emptyFlagWords: fc.integer({ min: 1, max: 3 }),
}, { requiredKeys: [], noNullPrototype: true });

/** Written out by hand from the specification: content type, seven headers, mode and priority. */
const WIRE = hex(
  "b800 0a 746578742f706c61696e 0000003a" +
    "016c 6c 0020000000000001" + "0162 74 01" + "0164 44 02 000004d2" + "0174 54 0000000069570000" +
    "0176 56" + "0173 53 00000002 ff00" + "0161 41 00000005 49 ffffffff" + "02 05",
);

Deno.test("properties: known wire bytes decode to typed values and encode to the same", () => {
  const properties = decodeProperties(WIRE);
  assert.deepEqual(properties, {
    contentType: bytes("text/plain"),
    headers: [
      [bytes("l"), { tag: "l", value: 9007199254740993n }],
      [bytes("b"), { tag: "t", value: true }],
      [bytes("d"), { tag: "D", scale: 2, value: 1234 }],
      [bytes("t"), { tag: "T", value: 1767309312n }],
      [bytes("v"), { tag: "V" }],
      [bytes("s"), { tag: "S", value: hex("ff00") }],
      [bytes("a"), { tag: "A", value: [{ tag: "I", value: -1 }] }],
    ],
    deliveryMode: 2,
    priority: 5,
  });
  assert.deepEqual(encodeProperties(properties), WIRE);
});

Deno.test("properties: values survive encoding, bytes survive decoding", () => {
  fc.assert(fc.property(anyProperties, (properties) => {
    const raw = encodeProperties(properties as Properties);
    const decoded = decodeProperties(raw);
    assert.deepEqual(decoded, { ...properties });
    assert.deepEqual(encodeProperties(decoded), raw);
  }));
});

Deno.test("properties: floats keep NaN payloads and read as numbers", () => {
  const raw = hex("2000 0000000e 016e 66 7fc12345 016d 66 3fc00000");
  assert.deepEqual(encodeProperties(decodeProperties(raw)), raw);
  const half = headerValue(raw, "m");
  assert.ok(half?.tag === "f");
  assert.equal(floatValue(half.bits), 1.5);
  assert.deepEqual(floatField("d", 1.5), { tag: "d", bits: hex("3ff8000000000000") });
});

Deno.test("headerValue: finds what a full decode finds, or nothing", () => {
  fc.assert(fc.property(anyProperties, fc.nat(4), (properties, index) => {
    const name = `name-${index}`;
    const headers = (properties.headers ?? []).map(([key, value], at) =>
      [at === index ? bytes(name) : key, value] as const
    );
    const raw = encodeProperties({ ...properties, headers } as Properties);
    const found = headers.find(([key]) => Buffer.from(key).equals(bytes(name)));
    assert.deepEqual(headerValue(raw, name), found?.[1]);
  }));
  assert.equal(headerValue(hex("0000"), "x"), undefined);
});

Deno.test("timestampOf: finds what a full decode finds, or nothing", () => {
  fc.assert(fc.property(anyProperties, (properties) => {
    assert.equal(timestampOf(encodeProperties(properties)), properties.timestamp);
  }));
});

Deno.test("withoutHeaders: cuts these headers and touches no other byte", () => {
  const cut = new Set(["x-death", "CC"]);
  const isCut = (name: Uint8Array) => cut.has(Buffer.from(name).toString("latin1"));
  const entry = fc.tuple(fc.oneof(fc.constantFrom(...cut).map(bytes), anyBytes(9)), field);
  fc.assert(fc.property(anyProperties, fc.array(entry, { maxLength: 6 }), (properties, headers) => {
    const raw = encodeProperties({ ...properties, headers } as Properties);
    const kept = headers.filter(([name]) => !isCut(name));
    const { headers: _, ...bare } = properties;
    const emptied = kept.length === 0 && headers.length > 0;
    const expected = encodeProperties(
      (emptied ? bare : { ...properties, headers: kept }) as Properties,
    );
    const result = withoutHeaders(raw, cut);
    assert.deepEqual(result, expected);
    assert.equal(result === raw, kept.length === headers.length);
  }));
  const bare = encodeProperties({ deliveryMode: 2 });
  assert.equal(withoutHeaders(bare, cut), bare);
});

Deno.test("with a text header: behind all others, in place of its like; nothing else changes", () => {
  const value = anyBytes(40);
  fc.assert(fc.property(anyProperties, value, (properties, value) => {
    const raw = encodeProperties(properties as Properties);
    const { headers = [] } = properties as Properties;
    const name = bytes("x-restore-id");
    const others = headers.filter(([known]) => Buffer.compare(known, name) !== 0);
    const expected = encodeProperties({
      ...properties as Properties,
      headers: [...others, [name, { tag: "S", value }]],
    });
    const result = withHeader(raw, "x-restore-id", { tag: "S", value });
    assert.deepEqual(result, expected);
    assert.deepEqual(withHeader(result, "x-restore-id", { tag: "S", value }), expected);
  }));
});

Deno.test("split at the headers: the pieces make up the whole", () => {
  fc.assert(fc.property(anyProperties, (properties) => {
    const raw = encodeProperties(properties as Properties);
    const { before, headers, behind } = splitAtHeaders(raw);
    const table = properties.headers as Properties["headers"];
    assert.equal(headers.length, table?.length ?? 0);
    const length = table === undefined ? [] : raw.subarray(before.length, before.length + 4);
    assert.deepEqual(
      Buffer.concat([before, Buffer.from(length), ...headers, behind]),
      Buffer.from(raw),
    );
  }));
});

Deno.test("properties: every truncation is a RangeError", () => {
  for (let length = 0; length < WIRE.length; length++) {
    assert.throws(() => decodeProperties(WIRE.subarray(0, length)), RangeError, `${length}`);
  }
});

Deno.test("properties: unknown flags, tags, trailing bytes and bottomless nesting are refused", () => {
  assert.throws(() => decodeProperties(hex("0002")), /unknown flag/);
  assert.throws(() => decodeProperties(hex("0001 0100 00")), /unknown flag/);
  assert.throws(() => decodeProperties(hex("2000 00000003 0161 7a")), /unknown type tag "z"/);
  assert.throws(() => decodeProperties(hex("1000 02 00")), /more than their flags say/);
  let nested = new Uint8Array(0);
  for (let level = 0; level <= 1_000; level++) {
    const outer = new Uint8Array(nested.length + 5);
    outer.set([0x41, 0, nested.length >>> 16, nested.length >>> 8, nested.length]);
    outer.set(nested, 5);
    nested = outer;
  }
  const raw = new Uint8Array(nested.length + 8);
  raw.set([0x20, 0, 0, 0, 0, 0, 1, 0x61]);
  new DataView(raw.buffer).setUint32(2, nested.length + 2);
  raw.set(nested, 8);
  assert.throws(() => decodeProperties(raw), /nested too deep/);
});

Deno.test("properties: damaged bytes give a RangeError or the same bytes again", () => {
  const damage = fc.array(fc.tuple(fc.nat(), octet), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(anyProperties, damage, (properties, changes) => {
    const raw = encodeProperties(properties as Properties);
    for (const [at, value] of changes) raw[at % raw.length] = value;
    attempt(() => headerValue(raw, "x-death"));
    attempt(() => withoutHeaders(raw, new Set(["x-death"])));
    attempt(() => assert.deepEqual(encodeProperties(decodeProperties(raw)), raw));
  }));
  function attempt(action: () => void) {
    try {
      action();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
});
