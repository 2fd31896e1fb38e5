import assert from "node:assert/strict";
import type { RestorePlan } from "../../engine/plan_types.ts";
import { AppError } from "../../errors.ts";
import { backupPlanLines, restorePlanLines } from "./plan_text.ts";

const STYLE = { color: false, unicode: false };

Deno.test("backupPlanLines() shows each queue, and a reason once for all that have it", () => {
  const cost = { verdict: "cost" as const, reason: "one of 20 attempts", queueType: "quorum" };
  const lines = backupPlanLines({
    backupId: "nightly",
    location: "/b",
    source: { cluster: "rabbit@a\u001b", version: "4.0.5" },
    storage: { state: "free" },
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
    "Storage        can be read, and has no backup of this id; whether it can be written to was " +
    "not tried (doctor does)",
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

Deno.test("backupPlanLines() says that the storage would end the backup, and the way out", () => {
  const problem = new AppError("storage_missing", "Cannot list s3://b: no such bucket", {
    hint: "make it",
  });
  const lines = backupPlanLines({
    backupId: "nightly",
    location: "s3://b",
    source: { cluster: "rabbit@a", version: "4.0.5" },
    storage: { state: "problem", problem },
    queues: [],
  }, STYLE);
  assert.ok(lines.includes("Storage        A BACKUP WOULD FAIL, see below"));
  assert.deepEqual(lines.slice(-4, -1), [
    "Cannot list s3://b: no such bucket",
    "Hint: make it",
    "",
  ]);
});

/** Of five messages each; those that go all have size. */
const queue = {
  vhost: "/",
  queueType: "classic",
  messages: 5,
  atLeast: 5,
  atMost: 5,
  segments: 1,
  bytesStored: 2048,
  bytes: 4096,
};
const PLAN: RestorePlan = {
  backupId: "nightly",
  location: "/b",
  target: { address: "mq:5672" },
  createdVhosts: [],
  queues: [],
  estimate: { seconds: 1, assumedMessages: 10_000, assumedBytes: 20_000_000 },
};
const textOf = (plan: Partial<RestorePlan>, isQuestion = false) =>
  restorePlanLines({ ...PLAN, ...plan }, { style: STYLE, isQuestion });

Deno.test("restorePlanLines() shows what would happen to each queue", () => {
  const lines = textOf({
    queues: [
      { ...queue, queue: "new", action: "create" },
      { ...queue, queue: "there", action: "use" },
      { ...queue, queue: "used", action: "use", held: 1_200 },
      { ...queue, queue: "full", action: "skip", reason: "it holds 7 messages" },
    ],
  });
  assert.deepEqual(lines, [
    "Would restore  nightly",
    "From           /b",
    "Into           mq:5672",
    "To read        6.0 KiB; 1.0 s, if the target takes 10,000 messages or 19.1 MiB a second",
    "",
    "VHOST  QUEUE  TYPE     MESSAGES  WHAT",
    "/      new    classic         5  create and fill",
    "/      there  classic         5  fill",
    "/      used   classic         5  add to 1,200 there",
    "/      full   classic         5  SKIP",
    "",
    "full:",
    "  it holds 7 messages",
    "",
    "3 queues with 15 messages would be restored, 1 skipped. Nothing was done.",
  ]);
  const before = textOf({
    queues: [
      { ...queue, queue: "half", action: "use", restoredBefore: 2 },
      { ...queue, queue: "done", action: "use", restoredBefore: 5 },
    ],
  });
  assert.deepEqual(before.slice(6), [
    "/      half   classic         5  go on behind 2",
    "/      done   classic         5  done before",
    "",
    "2 queues with 3 messages would be restored, 0 skipped. An interrupted restore goes on behind " +
    "7 messages. Nothing was done.",
  ]);
  assert.equal(textOf({})[4], "No queue is chosen.");
});

Deno.test("restorePlanLines() shows what is chosen, where it goes, and what changes", () => {
  const moved = { vhost: "new \u001b", queue: "orders" };
  const lines = textOf({
    timeWindow: { start: 0, field: "backed_up_at" },
    createdVhosts: ["new \u001b"],
    queues: [
      { ...queue, queue: "orders", action: "create", destination: moved, atLeast: 0, atMost: 4 },
      { ...queue, queue: "kept", action: "use", notes: ["it lacks a policy"] },
    ],
  }, true);
  assert.deepEqual(lines, [
    "Restore         nightly",
    "From            /b",
    "Into            mq:5672",
    "Messages        read by the backup from 1970-01-01T00:00:00.000Z",
    "Created vhosts  new \\u{1b}",
    "To read         4.0 KiB; 1.0 s, if the target takes 10,000 messages or 19.1 MiB a second",
    "",
    "VHOST  QUEUE   TYPE     MESSAGES  OF THESE  INTO                 WHAT",
    "/      orders  classic         5    0 to 4  orders (new \\u{1b})  create and fill",
    "/      kept    classic         5         5  kept                 fill",
    "",
    "Note for kept:",
    "  it lacks a policy",
    "",
    "2 queues with at most 9 messages will be restored, 0 skipped.",
  ]);
});

Deno.test("restorePlanLines() says why nothing would be restored", () => {
  const hint = "empty it";
  const inTheWay = textOf({
    refused: new AppError("refused", "Cannot restore into queue ...", { hint }),
    queues: [
      { ...queue, queue: "new", action: "create" },
      { ...queue, queue: "full", action: "skip", reason: "it holds 7 messages", hint },
    ],
  });
  assert.deepEqual(inTheWay.slice(5), [
    "/      new    classic         5  not begun",
    "/      full   classic         5  IN THE WAY",
    "",
    "full:",
    "  it holds 7 messages",
    "  Hint: empty it",
    "",
    "Nothing would be restored: 1 queue is in the way. Nothing was done.",
  ]);
  const noVhost = textOf({
    refused: new AppError("broker_missing", "Cannot open vhost", { hint: "create it" }),
    queues: [{ ...queue, queue: "new", action: "create" }],
  });
  assert.deepEqual(noVhost.slice(5), [
    "/      new    classic         5  not begun",
    "",
    "Cannot open vhost",
    "Hint: create it",
    "",
    "Nothing would be restored. Nothing was done.",
  ]);
});
