import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatSeconds,
  formatTime,
  plural,
} from "./format.ts";

Deno.test("formatCount() groups by thousands", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  fc.assert(fc.property(fc.nat(), (n) => Number(formatCount(n).replaceAll(",", "")) === n));
});

Deno.test("plural() agrees with its number", () => {
  assert.deepEqual([0, 1, 1500].map((n) => plural(n, "queue")), [
    "0 queues",
    "1 queue",
    "1,500 queues",
  ]);
});

Deno.test("formatBytes() keeps three digits at most", () => {
  const shown = [0, 1023, 1024, 1536, 102_350, 2 ** 20 - 1, 2 ** 27, 5e15].map(formatBytes);
  assert.deepEqual(shown, [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 KiB",
    "100 KiB",
    "1.0 MiB",
    "128 MiB",
    "4.4 PiB",
  ]);
  fc.assert(fc.property(fc.nat(), (n) => formatBytes(n).length <= 9));
});

Deno.test("formatSeconds() shows what matters at each size", () => {
  assert.deepEqual([0, 0.31, 9.96, 59.6, 245, 3600, 7390, 90_000].map(formatSeconds), [
    "0.0 s",
    "0.3 s",
    "10 s",
    "1 min 00 s",
    "4 min 05 s",
    "1 h 00 min",
    "2 h 03 min",
    "1 d 01 h",
  ]);
});

Deno.test("formatAge(), formatRate(), formatPercent() and formatTime()", () => {
  assert.deepEqual([5, 300, 7200, 200_000].map(formatAge), ["now", "5 min", "2 h", "2 d"]);
  assert.deepEqual([0, 0.42, 1700.4].map(formatRate), ["0/s", "0.4/s", "1,700/s"]);
  assert.deepEqual([0, 0.999, 1, 2, -1].map(formatPercent), [
    "0 %",
    "99 %",
    "100 %",
    "100 %",
    "0 %",
  ]);
  assert.equal(formatTime(Date.UTC(2025, 2, 4, 5, 6, 7)), "2025-03-04 05:06:07 UTC");
});
