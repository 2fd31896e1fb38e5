import assert from "node:assert/strict";
import type { QueueDoneEvent, StatusEvent } from "../../../src/engine/events.ts";
import { runSample } from "../../testing/samples.ts";
import { paceText, totalFigures } from "./backup_figures.ts";
import { NOT_BEGUN, reduceRun, rowsOf, type RunState } from "./state.ts";

const name = (row: ReturnType<typeof rowsOf>[number]) =>
  "active" in row
    ? `${row.active.queue} ${row.active.phase}`
    : `${row.ended.queue} ${row.ended.outcome}`;

Deno.test("queues that are worked on stand before those that have ended, the last one first", () => {
  assert.deepEqual(rowsOf(runSample()).map(name), [
    "audit reading",
    "invoices reading",
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
  assert.deepEqual(rowsOf(next).map(name).slice(0, 3), [
    "audit reading",
    "invoices reading",
    "orders ok",
  ]);
});

Deno.test("the last step before the queues is over when they are worked on, a later one is told", () => {
  const status = runSample().status!;
  const step = (state: RunState, message: string) =>
    reduceRun(state, { type: "event", event: { type: "step", message } });
  const idle = { type: "event", event: { ...status, active: [] } } as const;
  const looking = reduceRun(step(NOT_BEGUN, "Looking at the target"), idle);
  assert.equal(looking.step, "Looking at the target");
  const busy = reduceRun(looking, { type: "event", event: status });
  assert.equal(busy.step, undefined);
  const again = step(busy, "Connected again");
  assert.equal(reduceRun(again, { type: "event", event: status }).step, "Connected again");
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

Deno.test("held, returned, packed and uploaded add up over queues that run and that have ended", () => {
  assert.deepEqual(totalFigures(rowsOf(runSample())), {
    held: 1_200,
    returned: 20_824,
    packed: 150_824,
    stored: 128_824,
  });
});

Deno.test("a pause has begun when nothing is held any more", () => {
  const paused = reduceRun(runSample(), { type: "pace", pace: { isPaused: true, share: 1 / 2 } });
  assert.equal(paceText(paused), "Pausing: 1 queue is read to its end and given back first");
  const active = paused.status!.active.filter(({ queue }) => queue !== "invoices");
  const event: StatusEvent = { ...paused.status!, active };
  const quiet = reduceRun(paused, { type: "event", event });
  assert.equal(paceText(quiet), "Paused: nothing is held");
  const slow = reduceRun(quiet, { type: "pace", pace: { isPaused: false, share: 1 / 2 } });
  assert.equal(paceText(slow), "At 1/2 of full speed");
});
