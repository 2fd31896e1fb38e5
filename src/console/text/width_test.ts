import assert from "node:assert/strict";
import fc from "fast-check";
import { pad, truncate, widthOf, wrapText } from "./width.ts";

Deno.test("widthOf() counts columns, not characters", () => {
  const texts = ["abc", "日本", "é", "e\u0301", "😀", "\u001b[1mx\u001b[0m", "", "ｱ", "Ａ"];
  assert.deepEqual(texts.map(widthOf), [3, 4, 1, 1, 2, 1, 0, 1, 2]);
});

Deno.test("truncate() never exceeds the columns and keeps what fits", () => {
  assert.equal(truncate("orders", 6), "orders");
  assert.equal(truncate("orders", 4), "ord…");
  assert.equal(truncate("日本語", 4), "日…");
  assert.equal(truncate("orders", 5, "..."), "or...");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, columns) => {
    assert.ok(widthOf(truncate(text, columns)) <= columns);
  }));
});

Deno.test("pad() fills to the columns on either side", () => {
  assert.equal(pad("日", 4) + "|", "日  |");
  assert.equal(pad("7", 3, "right"), "  7");
  assert.equal(pad("long", 2), "long");
});

Deno.test("wrapText() breaks at blanks, and where there are none, and loses only blanks", () => {
  assert.deepEqual(wrapText("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrapText("  indented words", 10), ["  indented", "words"]);
  assert.deepEqual(wrapText("abcdefgh", 3), ["abc", "def", "gh"]);
  assert.deepEqual(wrapText("日本語", 4), ["日本", "語"]);
  assert.deepEqual(wrapText("", 4), [""]);
  const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "日", "😀"), maxLength: 60 });
  fc.assert(fc.property(text, fc.integer({ min: 2, max: 12 }), (text, columns) => {
    const lines = wrapText(text, columns);
    for (const line of lines) assert.ok(widthOf(line.trimEnd()) <= columns, line);
    assert.equal(lines.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
  }));
});
