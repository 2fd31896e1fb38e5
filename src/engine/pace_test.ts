import assert from "node:assert/strict";
import { Pace } from "./pace.ts";

const { signal } = new AbortController();

/** Whether it has come to its end by the time that all that is due has been done. */
async function isDone(work: Promise<unknown>): Promise<boolean> {
  let done = false;
  void work.then(() => done = true, () => {});
  await new Promise((resolve) => setTimeout(resolve, 10));
  return done;
}

Deno.test("what is begun while paused waits until it goes on", async () => {
  const pace = new Pace();
  await pace.ready(signal);
  pace.pause();
  const waiting = pace.ready(signal);
  assert.equal(await isDone(waiting), false);
  pace.goOn();
  await waiting;
  assert.equal(pace.isPaused, false);
});

Deno.test("a pause ends with the run", async () => {
  const pace = new Pace();
  const abort = new AbortController();
  pace.pause();
  const waiting = pace.ready(abort.signal);
  abort.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
  await assert.rejects(pace.ready(abort.signal), /stopped/);
});

Deno.test("each step is half as fast, down to a sixteenth, and at least one at once", () => {
  const pace = new Pace();
  pace.faster();
  assert.deepEqual([pace.share, pace.atOnce(4)], [1, 4]);
  pace.slower();
  assert.deepEqual([pace.share, pace.atOnce(4), pace.atOnce(1)], [1 / 2, 2, 1]);
  for (let step = 0; step < 9; step++) pace.slower();
  assert.equal(pace.share, 1 / 16);
  pace.faster();
  assert.equal(pace.share, 1 / 8);
});

Deno.test("rests are in proportion to the work, and end when it goes faster", async () => {
  const pace = new Pace();
  pace.worked(1e6);
  await pace.ready(signal); // full speed has none
  pace.slower();
  pace.worked(30);
  const startedAt = performance.now();
  await pace.ready(signal);
  assert.ok(performance.now() - startedAt >= 25);
  pace.worked(1e6);
  const long = pace.ready(signal);
  assert.equal(await isDone(long), false);
  pace.faster();
  await long;
});
