import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";

Deno.test("escapeText() shows control, direction and invisible characters by number", () => {
  assert.equal(escapeText("a\u001b[31mb"), "a\\u{1b}[31mb");
  assert.equal(escapeText("x\u202etxt.exe"), "x\\u{202e}txt.exe");
  assert.equal(escapeText("a\nb\u0000\u009b\ud800"), "a\\u{a}b\\u{0}\\u{9b}\\u{d800}");
  assert.equal(escapeText("héllo 日本 😀"), "héllo 日本 😀");
});

Deno.test("escapeText() leaves nothing that a terminal acts on", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    // deno-lint-ignore no-control-regex
    assert.ok(!/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(escapeText(text)));
  }));
});

Deno.test("escapeLines() keeps line ends only", () => {
  assert.equal(escapeLines("a\nb\rc"), "a\nb\\u{d}c");
});

Deno.test("queueLabel() names the virtual host where it is not the default one", () => {
  assert.equal(queueLabel("/", "orders"), "orders");
  assert.equal(queueLabel("a\u0007", "q"), "q (a\\u{7})");
});
