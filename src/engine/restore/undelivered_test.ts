import assert from "node:assert/strict";
import { manifestKey } from "../../archive/layout.ts";
import { archiveId } from "./undelivered.ts";

Deno.test("archiveId: of an archive's archive, the backup that all is of and the new time", () => {
  const first = archiveId("nightly", new Date("2026-11-21T03:00:00.123Z"));
  assert.equal(first, "nightly.undelivered-20261121T030000123Z");
  const second = archiveId(first, new Date("2026-11-21T04:00:00.456Z"));
  assert.equal(second, "nightly.undelivered-20261121T040000456Z");
});

Deno.test("archiveId: an id as long as ids may be", () => {
  const long = "x".repeat(128);
  let id = long;
  for (let time = 0; time < 5; time++) {
    id = archiveId(id, new Date(time));
    assert.equal(id.length, 128);
    assert.ok(manifestKey(id).startsWith(id));
  }
});
