import assert from "node:assert/strict";
import fc from "fast-check";
import type { StoredMessage } from "../../engine/inspect/stored_message.ts";
import {
  BODY_FORMS,
  messageFields,
  messageLines,
  messageListLine,
  shownBody,
} from "./message_text.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const whole = (body: Uint8Array) => ({ body, bodySize: body.length });
const shown = (text: string, form: (typeof BODY_FORMS)[number] = "auto") =>
  shownBody(whole(bytes(text)), form);

function message(parts: Partial<StoredMessage> = {}): StoredMessage {
  return {
    number: 7,
    time: Date.parse("2025-03-04T05:06:07Z"),
    exchange: "",
    routingKey: "orders",
    bodySize: 0,
    body: new Uint8Array(0),
    details: () => ({ properties: [], headers: [], annotations: [] }),
    ...parts,
  };
}

Deno.test("what a body is is found out, and what was asked for wins where it can be had", () => {
  const form = (body: string, wanted?: (typeof BODY_FORMS)[number]) => shown(body, wanted).form;
  assert.equal(form('{"a": 1}'), "json");
  assert.equal(form('"a"'), "text");
  assert.equal(form('"a"', "json"), "json");
  assert.equal(form("{not so"), "text");
  assert.equal(form("héllo\twörld\r\n"), "text");
  assert.equal(form("a\u0000b"), "hex");
  assert.equal(form('{"a": 1}', "text"), "text");
  assert.equal(form("text", "hex"), "hex");
  assert.deepEqual(shown("text", "json"), { form: "text", lines: ["text"], note: "it is no JSON" });
  const binary = shownBody(whole(Uint8Array.of(0xff, 0xfe)), "text");
  assert.deepEqual([binary.form, binary.note], ["hex", "it is no text"]);
});

Deno.test("JSON keeps all digits of its numbers", () => {
  assert.deepEqual(shown('{"id":9223372036854775807,"x":1.0}').lines, [
    "{",
    '  "id": 9223372036854775807,',
    '  "x": 1.0',
    "}",
  ]);
});

Deno.test("a body that is cut says so, and is shown up to the character that is cut through", () => {
  const body = bytes('{"ü').subarray(0, 3);
  const cut = shownBody({ body, bodySize: 2048 }, "auto");
  assert.deepEqual(cut, { form: "text", lines: ['{"'], note: "the first 3 B of it" });
});

Deno.test("hex has places, bytes and what of them is ASCII", () => {
  assert.deepEqual(shownBody(whole(bytes("0123456789abcdef\u001b[31mé")), "hex").lines, [
    "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef",
    "00000010  1b 5b 33 31 6d c3 a9                             .[31m..",
  ]);
});

Deno.test("nothing in a message reaches the terminal as a control character", () => {
  const nasty = fc.string({
    unit: fc.constantFrom(
      "a",
      "\u001b",
      "[31m",
      "\u009b",
      "\r",
      "\n",
      "\u202e",
      "\u0007",
      '"',
      "{",
    ),
    maxLength: 12,
  });
  fc.assert(fc.property(nasty, fc.constantFrom(...BODY_FORMS), (text, form) => {
    const field = { name: text, type: "string", value: text };
    const one = message({
      exchange: text,
      routingKey: text,
      ...whole(bytes(text)),
      details: () => ({
        properties: [field, { ...field, value: { [text]: [text] } }],
        headers: [field],
        annotations: [field],
        problem: text,
      }),
    });
    const lines = [...messageLines(one, form), messageListLine(one, 3)];
    for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
  }));
});

Deno.test("types of headers are told where they are not text", () => {
  const fields = messageFields(message({
    details: () => ({
      properties: [{ name: "priority", type: "uint8", value: 3 }],
      headers: [
        { name: "tenant", type: "string", value: "a" },
        { name: "retries", type: "int64", value: 3 },
      ],
      annotations: [],
    }),
  }));
  assert.deepEqual(fields.slice(4, 7), [
    ["priority", "3"],
    ["header tenant", "a"],
    ["header retries (int64)", "3"],
  ]);
});
