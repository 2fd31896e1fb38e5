import assert from "node:assert/strict";
import { importLines } from "./import_text.ts";

const STYLE = { color: false, unicode: false };

Deno.test("importLines() names what is different or missing, and says whether all is there", () => {
  const lines = importLines({
    dryRun: false,
    complete: false,
    kinds: [
      { kind: "queues", total: 3, created: 1, updated: 0, unchanged: 0, different: 1, missing: 1 },
    ],
    different: [{ kind: "queues", vhost: "/", name: "a\u0007" }],
    missing: [{ kind: "topic_permissions", name: "u on x" }, { kind: "policies", name: "p" }],
  }, STYLE);
  assert.deepEqual(lines, [
    "KIND    CREATED  UPDATED  UNCHANGED  DIFFERENT  MISSING",
    "queues        1        0          0          1        1",
    "",
    "Different on the broker, and left as it is:",
    "  queue a\\u{7} (/)",
    "",
    "Not on the broker:",
    "  topic permission u on x",
    "  policy p",
    "",
    "! The broker does NOT have all that the file holds.",
  ]);
});

Deno.test("importLines() of a dry run says that nothing was done", () => {
  const report = { dryRun: true, complete: true, kinds: [], different: [], missing: [] };
  assert.match(
    importLines(report, STYLE).at(-1)!,
    /^ok All of it would be there\. Nothing was done/,
  );
});
