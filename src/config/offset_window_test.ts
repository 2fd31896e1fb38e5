import assert from "node:assert/strict";
import { parseOffsetWindow } from "./offset_window.ts";

Deno.test("both ends of an offset window may be left out, but not both", () => {
  assert.deepEqual(parseOffsetWindow("100..200"), { first: 100, last: 200 });
  assert.deepEqual(parseOffsetWindow(" 7 .. 7 "), { first: 7, last: 7 });
  assert.deepEqual(parseOffsetWindow("100.."), { first: 100, last: Infinity });
  assert.deepEqual(parseOffsetWindow("..200"), { first: 0, last: 200 });
  for (const none of ["", "..", "100", "100-200", "-1..2", "1...2", "a..b"]) {
    assert.throws(() => parseOffsetWindow(none), /expected offsets/, none);
  }
  assert.throws(() => parseOffsetWindow("9..8"), /it ends \(8\) before it begins \(9\)/);
  assert.throws(() => parseOffsetWindow("9007199254740993.."), /no offset is that great/);
});
