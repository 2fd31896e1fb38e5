import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { compileName, compileNames, escapeName } from "./name_pattern.ts";

/** Names with the characters that mean something in patterns, in paths and in regular expressions. */
const awkwardName = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(..."*?[]{}!^,\\~-/.()|+$ab\n é😀"),
    minLength: 1,
    maxLength: 12,
  }),
);

Deno.test("compileName() matches exactly the name that was escaped", () => {
  fc.assert(fc.property(awkwardName, awkwardName, (name, other) => {
    const matches = compileName(escapeName(name));
    assert.equal(matches(name), true);
    assert.equal(matches(other), other === name);
    assert.equal(matches(name + "x"), false);
    assert.equal(matches("x" + name), false);
  }));
});

Deno.test("compileName('*') matches every name", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => compileName("*")(name)));
});

Deno.test("compileName() lets '*' stand for any text between escaped parts", () => {
  fc.assert(fc.property(awkwardName, fc.string({ unit: "binary" }), awkwardName, (a, text, b) => {
    assert.equal(compileName(`${escapeName(a)}*${escapeName(b)}`)(a + text + b), true);
  }));
});

const CASES: [pattern: string, name: string, expected: boolean][] = [
  ["orders", "orders", true],
  ["orders", "Orders", false],
  ["orders", "orders.dlq", false],
  ["orders.*", "orders.a/b", true],
  ["orders.*", "ordersXa", false],
  ["*", "..", true],
  ["*", "./x", true],
  ["*", "a\nb", true],
  ["**", "a/b", true],
  ["a?b", "a/b", true],
  ["a?b", "a😀b", true],
  ["a?b", "ab", false],
  ["[a-c]x", "bx", true],
  ["[a-c]x", "dx", false],
  ["[!a-c]x", "dx", true],
  ["[^a-c]x", "ax", false],
  ["[]]", "]", true],
  ["[a-]", "-", true],
  ["[-a]", "-", true],
  ["[\\]]x", "]x", true],
  ["{a,b{1,2}}.q", "b2.q", true],
  ["{a,b{1,2}}.q", "b.q", false],
  ["a,b", "a,b", true],
  ["a}b]", "a}b]", true],
  ["a|b", "a|b", true],
  ["a|b", "a", false],
  ["a+", "aa", false],
  ["(x)", "(x)", true],
  ["!a", "!a", true],
  ["\\~x", "~x", true],
  ["x~", "x~", true],
  ["~^orders\\.", "orders.eu", true],
  ["~^orders\\.", "my.orders.eu", false],
  ["~orders", "my.orders.eu", true],
  ["~.", "😀", true],
];

for (const [pattern, name, expected] of CASES) {
  Deno.test(`compileName(${JSON.stringify(pattern)}) on ${JSON.stringify(name)}: ${expected}`, () => {
    assert.equal(compileName(pattern)(name), expected);
  });
}

Deno.test("compileName() refuses what it cannot compile and quotes the pattern", () => {
  for (const pattern of ["", "[", "a[b", "{a", "{a}", "a\\", "[z-a]", "~", "~(", "~[", "a{b,c"]) {
    assert.throws(() => compileName(pattern), (error) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, "config");
      assert.ok(error.message.includes(JSON.stringify(pattern)), error.message);
      return true;
    }, pattern);
  }
});

Deno.test("compileName() either compiles any text or throws an AppError", () => {
  fc.assert(fc.property(awkwardName, awkwardName, (pattern, name) => {
    try {
      compileName(pattern)(name);
    } catch (error) {
      assert.ok(error instanceof AppError);
    }
  }));
});

Deno.test("compileNames() takes all names when nothing is included, and exclude wins", () => {
  assert.equal(compileNames({})("x"), true);
  const matches = compileNames({ include: ["a*", "b"], exclude: ["*.tmp"] });
  assert.deepEqual(["a1", "b", "c", "a.tmp"].map(matches), [true, true, false, false]);
});
