import assert from "node:assert/strict";
import fc from "fast-check";
import type { SegmentEntry } from "../../archive/manifest.ts";
import { densityOf, spanOf } from "./density.ts";

const segment = (first: number, last: number, count: number) =>
  ({ first_timestamp: first, last_timestamp: last, record_count: count }) as SegmentEntry;

Deno.test("messages are spread over the time of their segment", () => {
  const segments = [segment(0, 999, 100), segment(1_000, 1_999, 10), segment(3_999, 3_999, 5)];
  assert.deepEqual(spanOf(segments), { from: 0, to: 3_999 });
  assert.deepEqual(densityOf(segments, { from: 0, to: 3_999, parts: 4 }), [100, 10, 0, 5]);
  assert.deepEqual(densityOf(segments, { from: 500, to: 1_499, parts: 2 }), [50, 5]);
});

Deno.test("what was read in one moment has a time all the same", () => {
  const segments = [segment(5_000, 5_000, 7)];
  const span = spanOf(segments)!;
  assert.deepEqual(span, { from: 5_000, to: 5_999 });
  assert.deepEqual(densityOf(segments, { ...span, parts: 3 }), [7, 0, 0]);
  assert.equal(spanOf([]), undefined);
});

Deno.test("no message is lost or counted twice, however the span is cut", () => {
  const time = fc.integer({ min: 0, max: 100_000 });
  const some = fc.array(fc.tuple(time, time, fc.integer({ min: 1, max: 1_000 })), { minLength: 1 });
  fc.assert(fc.property(some, fc.integer({ min: 1, max: 200 }), (all, parts) => {
    const segments = all.map(([first, last, count]) => segment(first, last, count));
    const density = densityOf(segments, { ...spanOf(segments)!, parts });
    assert.equal(density.length, parts);
    const sum = density.reduce((total, value) => total + value, 0);
    const expected = all.reduce((total, [, , count]) => total + count, 0);
    assert.ok(Math.abs(sum - expected) < 1e-6 * expected + 1e-6, `${sum} of ${expected}`);
  }));
});
