import assert from "node:assert/strict";
import fc from "fast-check";
import { compileMapping, type NameMapping } from "./name_mapping.ts";
import { escapeName } from "./name_pattern.ts";

const mapped = (mapping: NameMapping, name: string) => compileMapping(mapping).map(name);

Deno.test("names, globs and regular expressions become other names", () => {
  assert.equal(mapped({}, "orders"), "orders");
  assert.equal(mapped({ orders: "old" }, "orders"), "old");
  assert.equal(mapped({ orders: "old" }, "orders.new"), "orders.new");
  assert.equal(mapped({ "~^orders\\.(.*)$": "restored.$1" }, "orders.eu.1"), "restored.eu.1");
  assert.equal(mapped({ "*.in.*": "$2-$1" }, "eu.in.a"), "a-eu");
  assert.equal(mapped({ "{a,b}[0-9]*": "x$1" }, "b7.c"), "x.c");
  assert.equal(mapped({ "~b": "whole" }, "abc"), "whole");
  assert.equal(mapped({ "~(a)|(b)": "[$1$2]" }, "b"), "[b]");
  assert.equal(mapped({ "*": "$$$1" }, "a"), "$a");
  assert.equal(mapped({ "~(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)": "$11$1" }, "abcdefghijkl"), "ka");
});

Deno.test("a plain name comes before patterns, and of those the first counts", () => {
  const mapping = { "*": "rest.$1", "~^a": "never", ab: "exact", a: "one" };
  assert.equal(mapped(mapping, "ab"), "exact");
  assert.equal(mapped(mapping, "abc"), "rest.abc");
  const mapper = compileMapping(mapping);
  mapper.map("ab");
  mapper.map("x");
  assert.deepEqual(mapper.unused(), ["~^a", "a"]);
});

Deno.test("what cannot be compiled is an error of the configuration", () => {
  const wrong: [NameMapping, RegExp][] = [
    [{ a: "$1" }, /Cannot map "a": there is no \$1, the pattern has no group/],
    [{ "~(a)": "$2" }, /there is no \$2, the pattern has one group/],
    [{ "*x*": "$3" }, /there is no \$3, the pattern has 2 groups/],
    [{ "*": "$0" }, /there is no \$0/],
    [{ "*": "a$" }, /a single \$ stands for nothing/],
    [{ "~(": "a" }, /not a regular expression/],
    [{ "": "a" }, /it is empty/],
    [{ "[a": "a" }, /a '\[' is not closed/],
  ];
  for (const [mapping, message] of wrong) {
    assert.throws(() => compileMapping(mapping), { code: "config", message });
  }
});

Deno.test("property: a glob's captures give the name back, and nothing else is changed", () => {
  const word = fc.string({ unit: "binary", maxLength: 12 });
  fc.assert(fc.property(word, word, word, (front, middle, back) => {
    const glob = `${escapeName(front)}*${escapeName(back)}`;
    fc.pre(front + back !== "");
    const text = `${front.replaceAll("$", "$$$$")}$1${back.replaceAll("$", "$$$$")}`;
    const name = front + middle + back;
    assert.equal(mapped({ [glob]: text }, name), name);
    const other = `${front}\u{10ffff}x`;
    fc.pre(!other.endsWith(back));
    assert.equal(mapped({ [glob]: "changed" }, other), other);
  }));
});
