import assert from "node:assert/strict";
import type { VerifiedQueue } from "../../engine/verify/queue.ts";
import { verifyLines } from "./verify_text.ts";

const STYLE = { color: false, unicode: false };
const queue = { vhost: "/", sources: [], expected: 5, actual: 5 };

function lines(queues: VerifiedQueue[], all = false): string[] {
  const report = { backupId: "nightly", location: "/b", target: { address: "mq:5672" }, queues };
  return verifyLines(report, { style: STYLE, all });
}

Deno.test("verifyLines() names what differs, and the verdict", () => {
  assert.deepEqual(
    lines([
      { ...queue, queue: "a", result: "same" },
      { ...queue, queue: "b", result: "missing", actual: 3, firstDifference: 2 },
      { ...queue, queue: "c\u001b", result: "order", firstDifference: 0 },
      { ...queue, queue: "d", result: "unread", reason: "it is exclusive", hint: "wait" },
    ]),
    [
      "  x b: 2 missing (3 of 5 messages); the first difference is at message 3",
      "  x c\\u{1b}: the same 5 messages in another order; the first difference is at message 1",
      "  - d: not compared: it is exclusive",
      "    Hint: wait",
      "x mq:5672 and backup nightly DIFFER: 2 queues of 4, 1 not compared.",
    ],
  );
  assert.deepEqual(lines([{ ...queue, queue: "a", result: "same" }], true), [
    "  ok a: the same 5 messages",
    "ok mq:5672 and backup nightly hold the same: 1 queue compared.",
  ]);
});
