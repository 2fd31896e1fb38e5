import assert from "node:assert/strict";
import fc from "fast-check";
import { parseTimePoint, resolveTimePoint } from "./time_point.ts";

const NOW = Date.parse("2025-03-04T05:06:07.089Z");
const at = (written: string | number, now = NOW) => resolveTimePoint(parseTimePoint(written), now);
const iso = (written: string | number) => new Date(at(written)).toISOString();

Deno.test("points in time, as people write them", () => {
  assert.equal(at(1705312800000), 1705312800000);
  assert.equal(at(" 1705312800000 "), 1705312800000);
  assert.equal(at(0), 0);
  assert.equal(iso("2025-03-04T05:06:07Z"), "2025-03-04T05:06:07.000Z");
  assert.equal(iso("2025-03-04t05:06:07.5z"), "2025-03-04T05:06:07.500Z");
  assert.equal(iso("2025-03-04 05:06+01:00"), "2025-03-04T04:06:00.000Z");
  assert.equal(iso("2025-03-04T05:06:07-05:30"), "2025-03-04T10:36:07.000Z");
  // As the program prints them.
  assert.equal(iso("2025-03-04 05:06:07 UTC"), "2025-03-04T05:06:07.000Z");
  assert.equal(iso("2025-03-04 05:06:07.089 utc"), "2025-03-04T05:06:07.089Z");
  assert.equal(iso("2025-03-04 05:06:07 +01:00"), "2025-03-04T04:06:07.000Z");
  assert.equal(at("now"), NOW);
  assert.equal(at("-90s"), NOW - 90_000);
  assert.equal(at("-30m"), NOW - 1_800_000);
  assert.equal(at("-1d12h"), NOW - 36 * 3_600_000);
  assert.equal(at("-2w"), NOW - 14 * 86_400_000);
  assert.equal(iso("today 09:30Z"), "2025-03-04T09:30:00.000Z");
  assert.equal(iso("Yesterday 14:00 UTC"), "2025-03-03T14:00:00.000Z");
  assert.equal(iso("yesterday 23:59:58 +06:00"), "2025-03-03T17:59:58.000Z");
  // East of it the day has begun already.
  assert.equal(iso("today 00:30+19:00"), "2025-03-04T05:30:00.000Z");
});

Deno.test("days without a zone are those of this machine", () => {
  const local = (...parts: [number, number, number, number?, number?]) =>
    new Date(...parts).getTime();
  const now = local(2025, 0, 1, 12, 0);
  assert.equal(at("today 09:30", now), local(2025, 0, 1, 9, 30));
  assert.equal(at("today", now), local(2025, 0, 1));
  assert.equal(at("yesterday 14:00", now), local(2024, 11, 31, 14, 0));
});

Deno.test("what is no point in time, and why", () => {
  const wrong: [string | number, RegExp][] = [
    ["2025-03-04T05:06:07", /^the zone is missing; write 2025-03-04T05:06:07Z/],
    ["2025-03-04 05:06:07 CET", /^expected/],
    ["2025-03-04", /^the time and the zone are missing/],
    [1705312800, /looks like seconds; epoch times are in milliseconds/],
    ["99999999999999999", /later than any date/],
    ["2025-02-30T00:00:00Z", /no such date or time/],
    ["2025-13-01T00:00:00Z", /no such date or time/],
    ["2025-03-04T24:30:00Z", /no such date or time/],
    ["2025-03-04T05:06:07+24:00", /no such/],
    ["today 24:00", /no such time of day/],
    ["yesterday 9:60", /no such time of day/],
    ["2h", /^expected epoch milliseconds, RFC 3339/],
    ["-2y", /^expected/],
    ["-", /^expected/],
    ["", /^expected/],
    ["tomorrow", /^expected/],
    [-5, /^expected/],
    [1.5, /^expected/],
    ["-9999999999w", /longer ago than any date/],
  ];
  for (const [written, message] of wrong) {
    assert.throws(() => at(written), { name: "RangeError", message }, String(written));
  }
});

Deno.test("property: a time written in any zone is that time", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 4_102_444_800_000 }),
    fc.integer({ min: -14 * 60, max: 14 * 60 }),
    (epochMs, offset) => {
      const local = new Date(epochMs + offset * 60_000).toISOString().slice(0, -1);
      const two = (value: number) => String(value).padStart(2, "0");
      const zone = `${offset < 0 ? "-" : "+"}${two(Math.trunc(Math.abs(offset) / 60))}:` +
        two(Math.abs(offset) % 60);
      assert.equal(at(local + zone), epochMs);
      assert.equal(at(`-${offset + 900}m`, epochMs), epochMs - (offset + 900) * 60_000);
    },
  ));
});

Deno.test("property: nothing but a RangeError comes of any text", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      assert.ok(Number.isFinite(at(text)));
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }));
});
