import assert from "node:assert/strict";
import type { ImportReport } from "../../definitions/import.ts";
import { importLines } from "./import_text.ts";

const STYLE = { color: false, unicode: false };

Deno.test("importLines() names what is different or missing, and says whether all is there", () => {
  const lines = importLines({
    dryRun: false,
    complete: false,
    kinds: [
      {
        kind: "queues",
        total: 4,
        created: 1,
        updated: 0,
        unchanged: 0,
        different: 1,
        failed: 1,
        missing: 1,
      },
    ],
    created: [{ kind: "queues", name: "new" }],
    updated: [{ kind: "users", name: "me", fields: [{ field: "tags", from: "[]", to: '["x"]' }] }],
    different: [{
      kind: "queues",
      vhost: "/",
      name: "a\u0007",
      fields: [{ field: "arguments.x-max-length", to: "5" }],
    }],
    failed: [{ kind: "queues", vhost: "/", name: "bad", reason: "no such\u0007type" }],
    changedMeaning: [{ kind: "users", name: "old", reason: "MD5" }],
    missing: [{ kind: "topic_permissions", name: "u on x" }, { kind: "policies", name: "p" }],
  }, { style: STYLE, all: false });
  assert.deepEqual(lines, [
    "KIND    CREATED  UPDATED  UNCHANGED  DIFFERENT  FAILED  MISSING",
    "queues        1        0          0          1       1        1",
    "",
    "Updated:",
    "  user me",
    '      tags: [] -> ["x"]',
    "",
    "Different on the broker, and left as it is:",
    "  queue a\\u{7} (/)",
    "      arguments.x-max-length: nothing -> 5",
    "",
    "Refused by the broker:",
    "  queue bad (/)",
    "      no such\\u{7}type",
    "",
    "Does not mean the same:",
    "  user old",
    "      MD5",
    "",
    "Not on the broker:",
    "  topic permission u on x",
    "  policy p",
    "",
    "! The broker does NOT have all that the file holds.",
  ]);
});

Deno.test("importLines() of a dry run names what would come, ten of a kind unless all are wanted", () => {
  const queues = Array.from({ length: 12 }, (_, index) => ({
    kind: "queues" as const,
    vhost: "shop",
    name: `q${index}`,
  }));
  const report: ImportReport = {
    dryRun: true,
    complete: true,
    kinds: [],
    created: [...queues, { kind: "policies", vhost: "shop", name: "p" }],
    updated: [{ kind: "users", name: "guest", fields: [] }],
    different: [],
    failed: [],
    changedMeaning: [],
    missing: [],
  };
  const lines = importLines(report, { style: STYLE, all: false });
  assert.deepEqual(lines.slice(-9), [
    "  queue q8 (shop)",
    "  queue q9 (shop)",
    "  and 2 more queues; -v names all",
    "  policy p (shop)",
    "",
    "Would be updated:",
    "  user guest",
    "",
    "ok All of it would be there. Nothing was done.",
  ]);
  const all = importLines(report, { style: STYLE, all: true });
  assert.equal(all.filter((line) => line.startsWith("  queue ")).length, 12);
  assert.ok(!all.some((line) => line.includes("more")));
  const blocked = { problem: "of 3.13", wayOut: "go on" };
  assert.deepEqual(importLines({ ...report, blocked }, { style: STYLE, all: false }).slice(-4), [
    "Refused: of 3.13.",
    "Hint: go on",
    "",
    "! Nothing would be imported. Nothing was done.",
  ]);
});
