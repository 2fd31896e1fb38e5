import assert from "node:assert/strict";
import type { FieldValue } from "./field_table.ts";
import { shownBytes, shownTable, shownTime } from "./shown_value.ts";

const name = new TextEncoder().encode("n");
const shown = (field: FieldValue) => shownTable([[name, field]])[0]!.value;

Deno.test("numbers that JSON would change are text", () => {
  assert.equal(shown({ tag: "l", value: 2n ** 53n - 1n }), 9_007_199_254_740_991);
  assert.equal(shown({ tag: "l", value: 2n ** 53n }), "9007199254740992");
  assert.equal(shown({ tag: "l", value: -(2n ** 63n) }), "-9223372036854775808");
  assert.equal(shown({ tag: "D", scale: 3, value: 5 }), "0.005");
  assert.equal(shown({ tag: "D", scale: 0, value: 5 }), "5");
  assert.equal(shown({ tag: "d", bits: Uint8Array.of(0x7f, 0xf8, 0, 0, 0, 0, 0, 0) }), "NaN");
});

Deno.test("times that no date can hold are numbers", () => {
  assert.equal(shown({ tag: "T", value: 0n }), "1970-01-01T00:00:00.000Z");
  assert.equal(shown({ tag: "T", value: 2n ** 64n - 1n }), "18446744073709551615000");
  assert.equal(shownTime(8_640_000_000_000_000n), "+275760-09-13T00:00:00.000Z");
});

Deno.test("bytes that are no text are base64, all others keep each character", () => {
  assert.deepEqual(shownBytes(Uint8Array.of(0xc3)), { base64: "ww==" });
  assert.equal(shownBytes(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
});
