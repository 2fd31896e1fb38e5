import assert from "node:assert/strict";
import { add, countSummary } from "./test_result.ts";

Deno.test("the last summary counts, with or without colours, steps and ignored tests", () => {
  const output = [
    "ok | 99 passed | 0 failed (1ms)", // printed by a test
    "\x1b[0m\x1b[31mFAILED\x1b[0m | 12 passed (3 steps) | 2 failed (1 step) | 1 ignored (70ms)",
    "",
  ].join("\n");
  assert.deepEqual(countSummary(output, 1), { passed: 12, failed: 2 });
  assert.deepEqual(countSummary("ok | 3 passed | 0 failed (2s)", 0), { passed: 3, failed: 0 });
});

Deno.test("a test process that breaks is a failure", () => {
  assert.deepEqual(countSummary("error: Type checking failed.", 1), { passed: 0, failed: 1 });
  assert.deepEqual(countSummary("", 0), { passed: 0, failed: 1 });
  assert.deepEqual(countSummary("ok | 3 passed | 0 failed", 1), { passed: 3, failed: 1 });
});

Deno.test("counts add up", () => {
  assert.deepEqual(add({ passed: 1, failed: 2 }, { passed: 3, failed: 4 }), {
    passed: 4,
    failed: 6,
  });
});
