import assert from "node:assert/strict";
import { renderFields, renderTable } from "./table.ts";

Deno.test("renderTable() aligns columns by width", () => {
  const columns = [{ title: "QUEUE" }, { title: "MESSAGES", align: "right" as const }, {
    title: "X",
  }];
  assert.deepEqual(renderTable(columns, [["日本語q", "7", ""], ["a", "1,000", "y"]]), [
    "QUEUE    MESSAGES  X",
    "日本語q         7",
    "a           1,000  y",
  ]);
});

Deno.test("renderFields() leaves out what has no value", () => {
  assert.deepEqual(renderFields([["A", "1"], ["Longer", "2"], ["None", undefined]]), [
    "A       1",
    "Longer  2",
  ]);
});
