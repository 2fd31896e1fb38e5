import assert from "node:assert/strict";
import fc from "fast-check";
import { interpolate } from "./interpolate.ts";

const VARIABLES: Record<string, string> = { HOST: "mq", EMPTY: "", TRICKY: "${HOST} $& $1 x: y" };
const env = (name: string) => VARIABLES[name];

const REPLACED: [text: string, expected: string][] = [
  ["plain", "plain"],
  ["${HOST}", "mq"],
  ["amqp://${HOST}:${PORT:-5672}/", "amqp://mq:5672/"],
  ["${EMPTY}", ""],
  ["${EMPTY:-x}", ""],
  ["${NONE:-}", ""],
  ["${NONE:-a:-b}", "a:-b"],
  ["$${HOST}", "${HOST}"],
  ["$$${HOST}", "$${HOST}"],
  ["$HOST $ {HOST} $", "$HOST $ {HOST} $"],
  ["${TRICKY}", "${HOST} $& $1 x: y"],
];

for (const [text, expected] of REPLACED) {
  Deno.test(`interpolate(${JSON.stringify(text)}) gives ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(interpolate(text, env), { text: expected, changed: text !== expected });
  });
}

Deno.test("interpolate() names an unset variable", () => {
  const result = interpolate("a ${HOST} ${MISSING} ${OTHER}", env);
  assert.ok("problem" in result);
  assert.match(result.problem, /MISSING is not set/);
  assert.equal(result.reference, "${MISSING}");
});

Deno.test("interpolate() refuses malformed references", () => {
  for (
    const text of ["${", "${HOST", "${}", "${1A}", "${A-b}", "${A:?b}", "${A:-${B}}", "${ HOST }"]
  ) {
    const result = interpolate(text, env);
    assert.ok("problem" in result, text);
    assert.match(result.problem, /malformed/);
  }
});

Deno.test("interpolate() leaves any text without '${' alone, and inserts any value as it is", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    fc.pre(!text.includes("${"));
    assert.deepEqual(interpolate(text, env), { text, changed: false });
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
    assert.deepEqual(interpolate("<${V}>", () => value), { text: `<${value}>`, changed: true });
  }));
});
