import assert from "node:assert/strict";
import fc from "fast-check";
import { topicMatches, topicWords } from "./topic.ts";

const matches = (pattern: string, key: string) =>
  topicMatches(topicWords(pattern), topicWords(key));

Deno.test("topic: known keys", () => {
  const cases: [pattern: string, matching: string[], others: string[]][] = [
    ["", [""], ["a", "."]],
    ["#", ["", "a", "a.b", ".", ".."], []],
    ["*", ["a"], ["", "a.b", "."]],
    ["a.*", ["a.b", "a."], ["a", "b.a", "a.b.c"]],
    ["a.#", ["a", "a.b", "a.b.c"], ["", "b", "ab"]],
    ["#.a", ["a", "b.a", "a.b.a"], ["a.b"]],
    ["a.#.b", ["a.b", "a.x.b", "a.x.y.b", "a.b.b"], ["a", "b", "a.b.c"]],
    ["*.#.*", ["a.b", "a.b.c", "."], ["", "a"]],
    ["#.#", ["", "a", "a.b"], []],
    ["a..b", ["a..b"], ["a.b", "a.x.b"]],
  ];
  for (const [pattern, matching, others] of cases) {
    for (const key of matching) assert.ok(matches(pattern, key), `${pattern} takes ${key}`);
    for (const key of others) assert.ok(!matches(pattern, key), `${pattern} leaves ${key}`);
  }
});

Deno.test("topic: agrees with a regular expression", () => {
  const word = fc.constantFrom("a", "b", "");
  const patterns = fc.array(fc.oneof(word, fc.constantFrom("*", "#")), { maxLength: 6 });
  fc.assert(fc.property(patterns, fc.array(word, { maxLength: 7 }), (pattern, words) => {
    // Each word with a dot behind it: "#" is any number of those.
    const parts = pattern.map((part) =>
      part === "#" ? "(\\w*\\.)*" : part === "*" ? "\\w*\\." : `${part}\\.`
    );
    const expected = new RegExp(`^${parts.join("")}$`).test(words.map((one) => `${one}.`).join(""));
    assert.equal(topicMatches(pattern, words), expected);
  }));
});
