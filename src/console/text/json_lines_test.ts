import assert from "node:assert/strict";
import fc from "fast-check";
import { brokenJson } from "./json_lines.ts";

Deno.test("keys keep their order and come as often as they are there", () => {
  assert.equal(
    brokenJson('{"10":1,"2":2,"b":{"a":1,"a":2}, "e":{} ,"l":[ ],"x":[1.0,"\\u00e9 {,:"]}'),
    `{
  "10": 1,
  "2": 2,
  "b": {
    "a": 1,
    "a": 2
  },
  "e": {},
  "l": [],
  "x": [
    1.0,
    "\\u00e9 {,:"
  ]
}`,
  );
});

Deno.test("what is no JSON is refused", () => {
  for (const text of ['{"a":1', "{a:1}", '{"a":1}}', ""]) {
    assert.throws(() => brokenJson(text), SyntaxError);
  }
});

Deno.test("property: only line breaks and spaces are added, where JSON.stringify has them", () => {
  fc.assert(fc.property(fc.json(), (text) => {
    const value = JSON.parse(text);
    const written = JSON.stringify(value);
    assert.equal(brokenJson(written), JSON.stringify(value, null, 2));
  }));
});

Deno.test("a body that is nested deeper than anything useful does not fill the memory", () => {
  const depth = 5_000;
  const shown = brokenJson("[".repeat(depth) + "]".repeat(depth));
  assert.ok(shown.length < depth * 500);
  assert.equal(shown.replaceAll(/\s/g, ""), "[".repeat(depth) + "]".repeat(depth));
});
