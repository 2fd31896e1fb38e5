import assert from "node:assert/strict";
import { validationLines } from "./validation_text.ts";

const STYLE = { color: false, unicode: false };
const REPORT = {
  backupId: "b",
  deep: false,
  valid: true,
  segmentsChecked: 0,
  recordsChecked: 0,
  problems: [],
};
const NONE = "the backup has no definitions";

Deno.test("validationLines() says once that there are no definitions, with the reason if known", () => {
  const notesOf = (notes: string[]) => validationLines({ ...REPORT, notes }, STYLE).slice(0, -1);
  assert.deepEqual(notesOf([NONE]), [`  - ${NONE}`]);
  const reason = "definitions are not in this backup: the user may not read them";
  assert.deepEqual(notesOf([reason, NONE]), [`  - ${reason}`]);
});
