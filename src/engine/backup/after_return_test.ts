import assert from "node:assert/strict";
import type { CaptureReport, QueueEntry } from "../../archive/manifest.ts";
import type { EngineEvent } from "../events.ts";
import type { PlannedQueue } from "../survey/survey.ts";
import { tellDifference } from "./after_return.ts";

interface Case {
  after: Partial<Pick<CaptureReport, "depth_after" | "first_after">>;
  consumers?: number;
  expires?: boolean;
}

/** What is told of a queue of 3 messages. */
function told({ after, consumers = 0, expires = false }: Case): string[] {
  const capture = { depth_before: 3, depth_after: 3, ...after };
  const entry = { vhost: "/", name: "orders", capture } as QueueEntry;
  const planned = { consumers, plan: { expires } } as PlannedQueue;
  const events: EngineEvent[] = [];
  tellDifference((event) => void events.push(event), { entry, planned });
  return events.map((event) => event.type === "warning" ? event.message : event.type);
}

Deno.test("tellDifference: a queue that is as it was needs no word", () => {
  assert.deepEqual(told({ after: {} }), []);
  assert.deepEqual(told({ after: { first_after: "same" } }), []);
  assert.deepEqual(told({ after: { depth_after: 5 } }), []);
  assert.deepEqual(told({ after: { depth_after: null } }), []);
});

Deno.test("tellDifference: less than before, where nobody consumes and nothing expires", () => {
  assert.match(told({ after: { depth_after: 2 } })[0]!, /holds 2 messages after .* held 3 before/);
  assert.deepEqual(told({ after: { depth_after: 2 }, consumers: 1 }), []);
  assert.deepEqual(told({ after: { depth_after: 2 }, expires: true }), []);
});

Deno.test("tellDifference: another first message", () => {
  const [text, ...more] = told({ after: { first_after: "different" } });
  assert.match(text!, /first message of queue "orders" is another/);
  assert.deepEqual(more, []);
});
