import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../tests/helpers/amqp_wire.ts";
import { textAnnotation } from "./amqp10.ts";

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
