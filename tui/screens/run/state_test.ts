import assert from "node:assert/strict";
import type { QueueDoneEvent, StatusEvent } from "../../../src/engine/events.ts";
import { runSample } from "../../testing/samples.ts";
import { NOT_BEGUN, reduceRun, rowsOf, type RunState } from "./state.ts";

const name = (row: ReturnType<typeof rowsOf>[number]) =>
  "active" in row
    ? `${row.active.queue} ${row.active.phase}`
    : `${row.ended.queue} ${row.ended.outcome}`;

Deno.test("queues that are worked on stand before those that have ended, the last one first", () => {
  assert.deepEqual(rowsOf(runSample()).map(name), [
    "audit reading",
    "orders packing",
    "emails ok",
    "orders.dead ok",
  ]);
});

Deno.test("a queue that has ended is not worked on, whatever an older status says", () => {
  const state = runSample();
  const done = rowsOf(state).flatMap((row) => "ended" in row ? [row.ended] : [])[0]!;
  const event: QueueDoneEvent = { ...done, queue: "orders" };
  const next = reduceRun(state, { type: "event", event });
  assert.deepEqual(rowsOf(next).map(name).slice(0, 2), ["audit reading", "orders ok"]);
});

Deno.test("a rate is kept for each second, and no more than are seen", () => {
  const status = runSample().status!;
  let state: RunState = NOT_BEGUN;
  for (let tick = 0; tick < 4 * 200; tick++) {
    const event: StatusEvent = { ...status, secondsElapsed: tick / 4, rateMessages: tick };
    state = reduceRun(state, { type: "event", event });
  }
  assert.equal(state.rates.length, 120);
  assert.deepEqual(state.rates.slice(-2), [792, 796]);
});
