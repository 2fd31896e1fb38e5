import assert from "node:assert/strict";
import fc from "fast-check";
import { pad, truncate, widthOf } from "./width.ts";

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
