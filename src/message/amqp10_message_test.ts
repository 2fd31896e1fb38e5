import assert from "node:assert/strict";
import fc from "fast-check";
import { streamMessages } from "../../tests/helpers/amqp10_messages.ts";
import { concat } from "../../tests/helpers/amqp_wire.ts";
import { annotationText, decodeAmqp10Message } from "./amqp10_message.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
/** A section whose descriptor is a small number. */
const section = (code: number, ...parts: string[]) =>
  concat(Uint8Array.of(0, 0x53, code), ...parts.map(hex));

Deno.test("a message is told with the names and types of its values", () => {
  const message = decodeAmqp10Message(concat(
    section(0x70, "c0 04 02 41 50 07"),
    section(0x72, "c1 08 02 a3 03 78 2d 61 54 ff"),
    // message-id a UUID, no user-id, to "q"
    section(0x73, "c0 16 03 98 000102030405060708090a0b0c0d0e0f 40 a1 01 71"),
    section(0x74, "c1 10 04 a1 01 74 83 00 00 01 8b cf e5 68 00 a1 00 42"),
    section(0x75, "a0 02 68 69"),
    section(0x75, "a0 01 21"),
  ));
  assert.deepEqual(message.properties, [
    { name: "durable", type: "boolean", value: true },
    { name: "priority", type: "ubyte", value: 7 },
    { name: "message-id", type: "uuid", value: "00010203-0405-0607-0809-0a0b0c0d0e0f" },
    { name: "to", type: "string", value: "q" },
  ]);
  assert.deepEqual(message.annotations, [{ name: "x-a", type: "int", value: -1 }]);
  assert.deepEqual(message.headers, [
    { name: "t", type: "timestamp", value: "2023-11-14T22:13:20.000Z" },
    { name: "", type: "boolean", value: false },
  ]);
  assert.equal(text(message.body), "hi!");
  assert.equal(annotationText(message, "x-a"), undefined);
});

Deno.test("a body that is a value is told as JSON, or as the text or bytes that it is", () => {
  const told = (...parts: string[]) => {
    const { body, bodyType } = decodeAmqp10Message(section(0x77, ...parts));
    return [bodyType, text(body)];
  };
  assert.deepEqual(told("a1 02 68 69"), ["amqp-value", "hi"]);
  assert.deepEqual(told("a0 02 68 69"), ["amqp-value", "hi"]);
  assert.deepEqual(told("c0 09 03 54 01 40 c1 03 02 43 41"), ["amqp-value", '[1,null,{"0":true}]']);
  assert.deepEqual(told("e0 06 02 61 00 05 ff ff"), ["amqp-value", "[5,-1]"]);
  assert.deepEqual(told("80 ff ff ff ff ff ff ff ff"), ["amqp-value", "18446744073709551615"]);
  const sequence = decodeAmqp10Message(section(0x76, "c0 03 01 54 01"));
  assert.deepEqual([sequence.bodyType, text(sequence.body)], ["amqp-sequence", "[1]"]);
});

Deno.test("what is no message says so, and nothing takes long or deep", () => {
  const refused = (bytes: Uint8Array) =>
    assert.throws(() => decodeAmqp10Message(bytes), RangeError);
  refused(new TextEncoder().encode("no AMQP"));
  refused(section(0x79, "40"));
  refused(section(0x77, "a1 05 68 69"));
  refused(section(0x77, "f0 ff ff ff ff ff ff ff ff 40"));
  refused(concat(section(0x77), ...Array.from({ length: 200 }, () => hex("00 40"))));
  // Arrays in arrays, and an array of very many values that take no bytes.
  refused(concat(section(0x77), new Uint8Array(500_000).fill(0xe0)));
  const { body } = decodeAmqp10Message(section(0x77, "f0 00 00 00 05 ff ff ff ff 40"));
  assert.equal(text(body), "[]");
  assert.equal(decodeAmqp10Message(new Uint8Array(0)).body.length, 0);
});

Deno.test("whatever is published is told, or is refused as no message", () => {
  let messages = 0;
  fc.assert(
    fc.property(streamMessages, (bytes) => {
      try {
        const { properties, headers, annotations } = decodeAmqp10Message(bytes);
        for (const field of [...properties, ...headers, ...annotations]) JSON.stringify(field);
        messages++;
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(messages > 250, `${messages} of 500`);
});
