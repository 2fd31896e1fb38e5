import assert from "node:assert/strict";
import { backupPlanLines, restorePlanLines } from "./plan_text.ts";

const STYLE = { color: false, unicode: false };

Deno.test("backupPlanLines() shows each queue, and a reason once for all that have it", () => {
  const cost = { verdict: "cost" as const, reason: "one of 20 attempts", queueType: "quorum" };
  const lines = backupPlanLines({
    backupId: "nightly",
    location: "/b",
    source: { cluster: "rabbit@a\u001b", version: "4.0.5" },
    queues: [
      { vhost: "/", queue: "safe", queueType: "classic", messages: 1200, verdict: "safe" },
      { vhost: "/", queue: "q1", messages: 1, ...cost },
      { vhost: "shop", queue: "q2", messages: 2, ...cost },
      {
        vhost: "/",
        queue: "tmp",
        queueType: "classic",
        messages: 3,
        verdict: "refused",
        reason: "it would be lost",
        hint: "leave it out",
      },
    ],
  }, STYLE);
  assert.deepEqual(lines, [
    "Would back up  rabbit@a\\u{1b} (RabbitMQ 4.0.5)",
    "As             nightly",
    "To             /b",
    "",
    "VHOST  QUEUE  TYPE     MESSAGES  WHAT",
    "/      safe   classic     1,200  read",
    "/      q1     quorum          1  read, at a cost",
    "shop   q2     quorum          2  read, at a cost",
    "/      tmp    classic         3  REFUSED",
    "",
    "q1, q2 (shop):",
    "  one of 20 attempts",
    "",
    "tmp:",
    "  it would be lost",
    "  Hint: leave it out",
    "",
    "3 queues with 1,203 messages would be read, 1 left out. Nothing was done.",
  ]);
});

Deno.test("restorePlanLines() shows what would happen to each queue", () => {
  const queue = { vhost: "/", queueType: "classic", messages: 5 };
  const lines = restorePlanLines({
    backupId: "nightly",
    location: "/b",
    target: { address: "mq:5672" },
    queues: [
      { ...queue, queue: "new", action: "create" },
      { ...queue, queue: "there", action: "use" },
      { ...queue, queue: "full", action: "skip", reason: "it holds 7 messages" },
    ],
  }, STYLE);
  assert.deepEqual(lines.slice(4), [
    "VHOST  QUEUE  TYPE     MESSAGES  WHAT",
    "/      new    classic         5  create and fill",
    "/      there  classic         5  fill",
    "/      full   classic         5  SKIP",
    "",
    "full:",
    "  it holds 7 messages",
    "",
    "2 queues with 10 messages would be restored, 1 skipped. Nothing was done.",
  ]);
  const before = restorePlanLines({
    backupId: "nightly",
    location: "/b",
    target: { address: "mq:5672" },
    queues: [
      { ...queue, queue: "half", action: "use", restoredBefore: 2 },
      { ...queue, queue: "done", action: "use", restoredBefore: 5 },
    ],
  }, STYLE);
  assert.deepEqual(before.slice(5), [
    "/      half   classic         5  go on behind 2",
    "/      done   classic         5  done before",
    "",
    "2 queues with 3 messages would be restored, 0 skipped. An interrupted restore goes on behind " +
    "7 messages. Nothing was done.",
  ]);
  const hint = "empty it";
  const refused = restorePlanLines({
    backupId: "nightly",
    location: "/b",
    target: { address: "mq:5672" },
    refused: { message: "Cannot restore into queue ...", hint },
    queues: [
      { ...queue, queue: "new", action: "create" },
      { ...queue, queue: "full", action: "skip", reason: "it holds 7 messages", hint },
    ],
  }, STYLE);
  assert.deepEqual(refused.slice(5), [
    "/      new    classic         5  not begun",
    "/      full   classic         5  IN THE WAY",
    "",
    "full:",
    "  it holds 7 messages",
    "  Hint: empty it",
    "",
    "Nothing would be restored: 1 queue is in the way. Nothing was done.",
  ]);
  const none = restorePlanLines(
    { backupId: "x", location: "/", target: { address: "a:1" }, queues: [] },
    STYLE,
  );
  assert.equal(none[4], "No queue is chosen.");
});
