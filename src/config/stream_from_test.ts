import assert from "node:assert/strict";
import { parseStreamFrom } from "./stream_from.ts";

const NOW = Date.parse("2026-01-02T03:04:05Z");

Deno.test("parseStreamFrom: the first, the next, an offset, a time", () => {
  assert.equal(parseStreamFrom("first"), "first");
  assert.equal(parseStreamFrom(" next "), "next");
  assert.deepEqual(parseStreamFrom(0), { offset: 0n });
  assert.deepEqual(parseStreamFrom("1700000000000"), { offset: 1_700_000_000_000n });
  const at = { timestamp: BigInt(Date.parse("2025-03-04T05:06:07Z")) };
  assert.deepEqual(parseStreamFrom("2025-03-04T05:06:07Z"), at);
  assert.deepEqual(parseStreamFrom("-2h", NOW), { timestamp: BigInt(NOW - 7_200_000) });
});

Deno.test("parseStreamFrom: what is none of these", () => {
  for (const text of ["", "last", "-5", "1.5", "two hours ago"]) {
    assert.throws(() => parseStreamFrom(text), /^RangeError: expected "first", "next", an offset/);
  }
  assert.throws(() => parseStreamFrom("9007199254740992"), /no offset is that great/);
  assert.throws(() => parseStreamFrom("2025-03-04T05:06:07"), /the zone is missing/);
});
