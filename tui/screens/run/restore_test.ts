import assert from "node:assert/strict";
import type { QueueDoneEvent } from "../../../src/engine/events.ts";
import { restoredQueues } from "./restore.ts";

const ended = (queue: string, outcome: QueueDoneEvent["outcome"], vhost = "/"): QueueDoneEvent => ({
  type: "queue_done",
  operation: "restore",
  vhost,
  queue,
  queueType: "classic",
  outcome,
  messages: 1,
  bytes: 1,
  seconds: 1,
});

Deno.test("queues that a restore has skipped are not compared afterwards", () => {
  const queues = [
    { vhost: "/", name: "orders" },
    { vhost: "/", name: "dead" },
    { vhost: "shop", name: "orders" },
  ];
  const choice = restoredQueues({ queues }, [
    ended("dead", "skipped"),
    ended("orders", "skipped", "shop"),
    ended("orders", "ok"),
  ]);
  assert.deepEqual(choice.flags, ["--vhost", "/", "--include", "orders"]);
  const all = restoredQueues(
    { queues: queues.slice(0, 2) },
    [ended("dead", "resumed"), ended("orders", "failed")],
  );
  assert.deepEqual([all.flags, all.overrides], [[], []]);
});
