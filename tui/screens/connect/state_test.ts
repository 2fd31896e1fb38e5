import assert from "node:assert/strict";
import type { Finding } from "../../../src/engine/doctor/findings.ts";
import { FIELDS, NOT_FILLED, reduceConnect, reopened } from "./state.ts";

const finding = (area: Finding["area"], check: string, status: Finding["status"]): Finding => ({
  area,
  check,
  status,
  message: check,
});

Deno.test("a form is seen again on the field that failed first, else on the first", () => {
  const left = { ...NOT_FILLED, focus: FIELDS.length - 1 };
  const focused = (...findings: Finding[]) => FIELDS[reopened({ ...left, findings }).focus]!.name;
  assert.equal(focused(), "host");
  assert.equal(focused(finding("storage", "write", "failed")), "storage");
  assert.equal(
    focused(finding("storage", "write", "failed"), finding("source", "management", "failed")),
    "management",
  );
  assert.equal(focused(finding("storage", "write", "warning")), "host");
  const edited = reduceConnect({ ...left, findings: [finding("storage", "write", "failed")] }, {
    type: "type",
    text: "x",
  });
  assert.equal(FIELDS[reopened(edited).focus]!.name, "host");
});
