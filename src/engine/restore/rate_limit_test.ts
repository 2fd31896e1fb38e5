import assert from "node:assert/strict";
import { RateLimit } from "./rate_limit.ts";

/** A limit whose clock the test moves, in seconds. */
function limited(rates: { messages?: number; bytes?: number }) {
  const clock = { seconds: 0 };
  return { clock, limit: new RateLimit(rates, () => clock.seconds * 1000) };
}

const { signal } = new AbortController();

Deno.test("rate limit: what was published is due after its time, whoever published it", async () => {
  const { clock, limit } = limited({ messages: 10 });
  assert.equal(limit.owe(5, 1_000_000), 500);
  assert.equal(limit.owe(5, 1_000_000), 1000);
  clock.seconds = 0.4;
  assert.equal(limit.owe(0, 0), 600);
  clock.seconds = 5;
  await limit.wait(signal); // at once
  // Time in which nothing was published is not made up for.
  assert.equal(limit.owe(10, 0), 1000);
});

Deno.test("rate limit: the stricter of the two counts", () => {
  const { limit } = limited({ messages: 10, bytes: 1000 });
  assert.equal(limit.owe(1, 500), 500);
  assert.equal(limit.owe(9, 0), 1000);
});

Deno.test("rate limit: in the long run exactly the rate, portion by portion", () => {
  const { clock, limit } = limited({ messages: 250 });
  let published = 0;
  while (clock.seconds < 100) {
    const { messages } = limit.portion;
    published += messages;
    clock.seconds += limit.owe(messages, messages * 100) / 1000;
  }
  assert.ok(Math.abs(published - 25_000) <= limit.portion.messages, `${published}`);
});

Deno.test("rate limit: a portion is small, and never nothing", () => {
  assert.deepEqual(limited({ messages: 0.5, bytes: 3 }).limit.portion, { messages: 1, bytes: 1 });
  assert.deepEqual(limited({ messages: 500 }).limit.portion, { messages: 50, bytes: Infinity });
  assert.equal(limited({}).limit.isOn, false);
  assert.equal(limited({}).limit.owe(1e9, 1e12), 0);
});

Deno.test("rate limit: a change wakes who waits, and so does the signal", async () => {
  const limit = new RateLimit({ messages: 0.01 });
  limit.owe(100, 0); // hours
  const waiting = limit.wait(signal);
  limit.set({ messages: 1_000_000 });
  await waiting;
  limit.set({ bytes: 1 });
  limit.owe(0, 100_000);
  const abort = new AbortController();
  const stopped = limit.wait(abort.signal);
  abort.abort(new Error("stopped"));
  await assert.rejects(stopped, /stopped/);
  limit.set({});
  await limit.wait(signal);
});
