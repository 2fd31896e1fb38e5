import assert from "node:assert/strict";
import type { DoctorReport } from "../../engine/doctor/doctor.ts";
import { doctorLines, policyLines } from "./doctor_text.ts";

const PLAIN = { color: false, unicode: false };
const REPORT: DoctorReport = {
  side: "backup",
  location: "/b",
  findings: [
    { area: "storage", check: "list", status: "ok", message: "Listed /b" },
    { area: "source", check: "tag", status: "warning", message: "one", hint: "two" },
    { area: "source", check: "amqp", status: "failed", message: "bad\u001b[1m", hint: "mend it" },
  ],
};

Deno.test("doctorLines() groups what was found, with the way out and a verdict", () => {
  assert.deepEqual(doctorLines(REPORT, PLAIN), [
    "Storage",
    "  ok Listed /b",
    "",
    "Source broker",
    "  ! one",
    "    Hint: two",
    "  x bad\\u{1b}[1m",
    "    Hint: mend it",
    "",
    "x A backup with this configuration would FAIL: 1 problem, 1 warning.",
  ]);
  assert.deepEqual(doctorLines(REPORT, PLAIN, { onlyFailed: true }), [
    "Source broker",
    "  x bad\\u{1b}[1m",
    "    Hint: mend it",
    "",
    "x A backup with this configuration would FAIL: 1 problem, 1 warning.",
  ]);
  const [ok, warning] = REPORT.findings;
  const verdict = (findings: DoctorReport["findings"]) =>
    doctorLines({ ...REPORT, findings }, PLAIN).at(-1);
  assert.equal(verdict([ok!]), "ok A backup with this configuration can run.");
  assert.equal(verdict([warning!]), "! A backup with this configuration can run, 1 warning.");
});

Deno.test("policyLines() can be copied", () => {
  const policies = [
    { title: "A", language: "sh", text: "one\ntwo" },
    { title: "B", language: "json", text: "{}" },
  ] as const;
  assert.deepEqual(policyLines(policies, PLAIN), ["# A", "one", "two", "", "# B", "{}"]);
});
