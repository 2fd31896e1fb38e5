import assert from "node:assert/strict";
import { CircuitBreaker } from "./circuit_breaker.ts";
import { ObjectFailure } from "./object_driver.ts";

const PAUSES = { firstPauseMs: 20, longestPauseMs: 40 };
const away = (retryAfterMs?: number) =>
  new ObjectFailure("transient", "the store is away", { retryAfterMs });
const turn = (ms = 10_000, signal = new AbortController().signal) => ({
  signal,
  until: performance.now() + ms,
});

/** A breaker that has seen enough failures. */
async function opened(failure = away()): Promise<CircuitBreaker> {
  const breaker = new CircuitBreaker(PAUSES);
  for (let round = 0; round < 5; round++) {
    await assert.rejects(breaker.run(() => Promise.reject(failure), turn()), failure);
  }
  return breaker;
}

Deno.test("CircuitBreaker lets all pass while the store answers now and then", async () => {
  const breaker = new CircuitBreaker(PAUSES);
  for (let round = 0; round < 12; round++) {
    const isAway = round % 5 !== 4;
    const work = () => isAway ? Promise.reject(away()) : Promise.resolve(round);
    await breaker.run(work, turn()).catch(() => {});
  }
  let atOnce = 0;
  await Promise.all(Array.from({ length: 6 }, () => breaker.run(() => meet(), turn())));
  assert.equal(atOnce, 6);

  async function meet(): Promise<void> {
    atOnce++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

Deno.test("CircuitBreaker: of many one tries at a time, and all go on when it succeeds", async () => {
  const breaker = await opened();
  let [underWay, most, tries] = [0, 0, 0];
  let isBack = false;
  const request = async () => {
    most = Math.max(most, ++underWay);
    if (!isBack) tries++;
    await new Promise((resolve) => setTimeout(resolve, 5));
    underWay--;
    if (!isBack) throw away();
  };
  const persistent = async () => {
    for (;;) {
      try {
        return await breaker.run(request, turn());
      } catch { /* once more */ }
    }
  };
  const all = Array.from({ length: 8 }, persistent);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(most, 1);
  assert.ok(tries >= 2 && tries <= 20, `${tries} tries in 0.3 s`);
  isBack = true;
  await Promise.all(all);
  assert.ok(most > 1, "the others still wait for each other");
});

Deno.test("CircuitBreaker: an answer is an answer, also one that refuses", async () => {
  const breaker = await opened();
  const denied = new ObjectFailure("denied", "no");
  await assert.rejects(breaker.run(() => Promise.reject(denied), turn()), denied);
  // Else the second would wait for the first.
  await Promise.race([
    breaker.run(() => Promise.resolve(), turn()),
    breaker.run(() => new Promise(() => {}), turn()),
  ]);
});

Deno.test("CircuitBreaker: how long the store wants to be left alone holds for all", async () => {
  const breaker = await opened(away(200));
  const start = performance.now();
  await breaker.run(() => Promise.resolve(), turn());
  assert.ok(performance.now() - start > 150);
});

Deno.test("CircuitBreaker: who waits too long fails as the last did, or ends with its signal", async () => {
  const breaker = await opened();
  const trying = Promise.withResolvers<void>();
  const first = breaker.run(() => trying.promise, turn());
  await assert.rejects(breaker.run(() => Promise.resolve(), turn(30)), /the store is away/);
  const abort = new AbortController();
  const second = breaker.run(() => Promise.resolve(), turn(10_000, abort.signal));
  abort.abort(new Error("enough"));
  await assert.rejects(second, /enough/);
  trying.resolve();
  await first;
  await breaker.run(() => Promise.resolve(), turn());
});
