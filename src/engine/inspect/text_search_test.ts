import assert from "node:assert/strict";
import fc from "fast-check";
import { TextSearch } from "./text_search.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a text is found in pieces as it is in the whole, in either case", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "B", "é", "🦊"), maxLength: 30 });
  const wanted = fc.string({
    unit: fc.constantFrom("A", "b", "é", "🦊"),
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(fc.property(letters, wanted, fc.array(fc.nat(40)), (text, needle, cuts) => {
    const whole = bytes(text);
    const search = new TextSearch(needle);
    let found = false;
    let from = 0;
    search.begin();
    for (const to of [...cuts.toSorted((a, b) => a - b), whole.length]) {
      found = search.push(whole.subarray(from, to));
      from = Math.max(from, Math.min(to, whole.length));
    }
    assert.equal(found, text.toLowerCase().includes(needle.toLowerCase()));
    assert.equal(search.isIn(whole), found);
  }));
});

Deno.test("what was in other bytes is not in these", () => {
  const search = new TextSearch("needle");
  search.begin();
  assert.ok(search.push(bytes("a needle")));
  search.begin();
  assert.ok(!search.push(bytes("hay")));
  search.begin();
  assert.ok(!search.push(bytes("nee")));
  search.begin();
  assert.ok(!search.push(bytes("dle")));
});
