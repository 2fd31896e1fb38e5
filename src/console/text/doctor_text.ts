import type { DoctorReport } from "../../engine/doctor/doctor.ts";
import type { Area, Finding, FindingStatus } from "../../engine/doctor/findings.ts";
import type { AccessPolicy } from "../../storage/access_policy.ts";
import { escapeLines } from "./escape.ts";
import { plural } from "./format.ts";
import { paint, signsOf, type Style, type Tone } from "./style.ts";

const TITLES: Readonly<Record<Area, string>> = {
  storage: "Storage",
  source: "Source broker",
  target: "Target broker",
  machine: "This machine",
};

const TONES: Readonly<Record<FindingStatus, Tone>> = {
  ok: "good",
  warning: "attention",
  failed: "bad",
};

/**
 * What was found, under the names of what was looked at; the verdict in the last line. `onlyFailed`
 * leaves out what is as it should be, or works.
 */
export function doctorLines(
  { findings, side }: DoctorReport,
  style: Style,
  { onlyFailed = false } = {},
): string[] {
  const shown = onlyFailed ? findings.filter(({ status }) => status === "failed") : findings;
  const groups = Map.groupBy(shown, ({ area }) => area);
  return [
    ...[...groups].flatMap(([area, ofArea]) => [
      paint(style, "strong", TITLES[area]),
      ...ofArea.flatMap((finding) => findingLines(finding, style)),
      "",
    ]),
    verdictLine(findings, { side, style }),
  ];
}

/** Each policy under a title, as it is to be copied. */
export function policyLines(policies: readonly AccessPolicy[], style: Style): string[] {
  return policies.flatMap(({ title, text }, index) => [
    ...index === 0 ? [] : [""],
    paint(style, "strong", `# ${title}`),
    ...escapeLines(text).split("\n"),
  ]);
}

function findingLines({ status, message, hint }: Finding, style: Style): string[] {
  const signs = signsOf(style);
  const sign = status === "ok" ? signs.ok : status === "warning" ? signs.attention : signs.failed;
  const line = `  ${paint(style, TONES[status], sign)} ${escapeLines(message)}`;
  return hint === undefined ? [line] : [line, `    Hint: ${escapeLines(hint)}`];
}

function verdictLine(
  findings: readonly Finding[],
  { side, style }: { side: string; style: Style },
): string {
  const signs = signsOf(style);
  const count = (wanted: FindingStatus) =>
    findings.filter(({ status }) => status === wanted).length;
  const warnings = count("warning");
  const failed = count("failed");
  const beside = warnings === 0 ? "" : `, ${plural(warnings, "warning")}`;
  if (failed > 0) {
    const sign = paint(style, "bad", signs.failed);
    return `${sign} A ${side} with this configuration would FAIL: ${
      plural(failed, "problem")
    }${beside}.`;
  }
  const sign = warnings > 0
    ? paint(style, "attention", signs.attention)
    : paint(style, "good", signs.ok);
  return `${sign} A ${side} with this configuration can run${beside}.`;
}
