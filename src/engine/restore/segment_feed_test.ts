import assert from "node:assert/strict";
import fc from "fast-check";
import { behind } from "./segment_feed.ts";

const counted = (...counts: number[]) => counts.map((record_count) => ({ record_count }));

Deno.test("behind: a short segment behind the one that is gone on with is not passed over", () => {
  const segments = counted(129_163, 129_056, 41_781);
  assert.deepEqual(behind(segments, 80_000), { segments, skip: 80_000 });
  assert.deepEqual(behind(segments, 129_163), { segments: segments.slice(1), skip: 0 });
  assert.deepEqual(behind(segments, 200_000), { segments: segments.slice(1), skip: 70_837 });
  assert.deepEqual(behind(segments, 300_000), { segments: [], skip: 0 });
});

Deno.test("behind: whatever the segments, exactly the records from there on are left", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 8 });
  fc.assert(fc.property(sizes, fc.nat(80), (counts, start) => {
    const all = counts.flatMap((size, segment) =>
      Array.from({ length: size }, (_, at) => [segment, at])
    );
    const done = Math.min(start, all.length);
    const segments = counts.map((record_count, segment) => ({ record_count, segment }));
    const { segments: left, skip } = behind(segments, done);
    const records = left.flatMap(({ record_count, segment }) =>
      Array.from({ length: record_count }, (_, at) => [segment, at])
    );
    assert.deepEqual(records.slice(skip), all.slice(done));
  }));
});
