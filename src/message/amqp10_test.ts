import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../tests/helpers/amqp_wire.ts";
import { streamMessages } from "../../tests/helpers/amqp10_messages.ts";
import { textAnnotation, withAnnotations } from "./amqp10.ts";
import { SECTION, sectionsOf } from "./amqp10_sections.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const NAME = "x-stream-filter-value";
const symbol = concat(Uint8Array.of(0xa3, NAME.length), new TextEncoder().encode(NAME));

/** A section of message annotations as a map8 of so many values. */
function annotations(count: number, ...values: Uint8Array[]): Uint8Array {
  const content = concat(Uint8Array.of(count), ...values);
  return concat(hex("00 53 72 c1"), Uint8Array.of(content.length), content);
}

const header = hex("00 53 70 c0 02 01 41");
const body = hex("00 53 75 a0 02 68 69");
const text = hex("a1 02 65 75");

Deno.test("textAnnotation: finds a text behind other sections and other annotations", () => {
  const other = concat(hex("a3 01 61"), hex("80 00 00 00 00 00 00 00 07"));
  const nested = concat(hex("a3 01 62"), hex("d1 00 00 00 05 00 00 00 00 40"));
  assert.equal(textAnnotation(concat(annotations(2, symbol, text), body), NAME), "eu");
  assert.equal(
    textAnnotation(concat(header, annotations(4, other, symbol, text), body), NAME),
    "eu",
  );
  assert.equal(textAnnotation(concat(annotations(4, nested, symbol, text)), NAME), "eu");
  const described = concat(hex("a3 01 63"), hex("00 53 01 50 01"));
  const delivery = concat(hex("00 53 71 c1 01 00"));
  const all = concat(header, delivery, annotations(4, described, symbol, text), body);
  assert.equal(textAnnotation(all, NAME), "eu");
  const long = concat(
    hex("00 80 00 00 00 00 00 00 00 72"),
    annotations(2, symbol, text).subarray(3),
  );
  assert.equal(textAnnotation(long, NAME), "eu");
});

Deno.test("textAnnotation: none where there is none, or it is no text", () => {
  assert.equal(textAnnotation(body, NAME), undefined);
  assert.equal(textAnnotation(concat(header, body), NAME), undefined);
  assert.equal(textAnnotation(annotations(2, symbol, hex("50 01")), NAME), undefined);
  assert.equal(textAnnotation(annotations(2, hex("a3 01 61"), text), NAME), undefined);
  assert.equal(textAnnotation(new Uint8Array(0), NAME), undefined);
  const deep = concat(hex("00 53 70"), hex("00".repeat(5000)));
  assert.equal(textAnnotation(deep, NAME), undefined);
});

Deno.test("textAnnotation: arbitrary bytes are no error", () => {
  const start = fc.constantFrom(hex(""), hex("00 53 72 c1"), hex("00 53 72 d1"), hex("00 53 70"));
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 80 }), (head, rest) => {
    const found = textAnnotation(concat(head, rest), NAME);
    assert.ok(found === undefined || typeof found === "string");
  }));
});

const ADDED = concat(
  hex("a3 01 6f 81 00 00 00 00 00 00 00 07"),
  hex("a3 01 74 81 ff ff ff ff ff ff ff ff"),
);

Deno.test("withAnnotations: behind header and delivery annotations, in front of all else", () => {
  const delivery = hex("00 53 71 c1 01 00");
  const made = concat(hex("00 53 72 d1 00 00 00 1c 00 00 00 04"), ADDED);
  const mark = (...parts: Uint8Array[]) => withAnnotations(concat(...parts), { o: 7n, t: -1n });
  assert.deepEqual(mark(body), concat(made, body));
  assert.deepEqual(mark(header, delivery, body), concat(header, delivery, made, body));
  assert.deepEqual(mark(header), concat(header, made));
  const named = hex("00 a3 10 616d71703a646174613a62696e617279 a0 02 68 69");
  assert.deepEqual(mark(named), concat(made, named));
});

Deno.test("withAnnotations: to those that are there, unless they have the name already", () => {
  const one = concat(hex("a3 01 61"), text);
  const all = concat(hex("00 53 72 d1 00 00 00 23 00 00 00 06"), one, ADDED);
  const mark = (message: Uint8Array) => withAnnotations(message, { o: 7n, t: -1n });
  assert.deepEqual(mark(concat(annotations(2, one), body)), concat(all, body));
  const marked = mark(body)!;
  assert.deepEqual(withAnnotations(marked, { o: 8n, t: 9n }), marked);
});

Deno.test("withAnnotations: no message of AMQP 1.0 is made of what is none", () => {
  for (const none of ["", "68 69", "00 53 75 a0 09 68", "00 53 79 40", "00 53 75 40 00 53 72 40"]) {
    assert.equal(withAnnotations(hex(none), { o: 7n }), undefined, none);
  }
  assert.equal(withAnnotations(concat(hex("00 53 72 40"), body), { o: 7n }), undefined);
});

Deno.test("property: withAnnotations leaves every other byte as it is", () => {
  fc.assert(fc.property(streamMessages, (message) => {
    const marked = withAnnotations(message, { o: 7n });
    if (marked === undefined) return;
    const others = (bytes: Uint8Array) =>
      [...sectionsOf(bytes)].filter(({ code }) => code !== SECTION.messageAnnotations)
        .map(({ start, end }) => bytes.subarray(start, end).toHex());
    assert.deepEqual(others(marked), others(message));
    assert.deepEqual(withAnnotations(marked, { o: 8n }), marked);
  }));
});
