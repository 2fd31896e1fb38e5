import type { ValidationReport } from "../../engine/stored/validate.ts";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";
import { plural } from "./format.ts";
import { paint, signsOf, type Style } from "./style.ts";

/** Shown at most; JSON has them all. */
const MAX_PROBLEMS = 100;

/** What a validation found, the verdict in the last line. */
export function validationLines(report: ValidationReport, style: Style): string[] {
  const signs = signsOf(style);
  const { problems } = report;
  const lines = problems.slice(0, MAX_PROBLEMS).map(({ vhost, queue, key, problem }) => {
    const about = [
      ...queue === "" ? [] : [queueLabel(vhost, queue)],
      ...key === "" ? [] : [escapeText(key)],
    ];
    const where = about.length === 0 ? "manifest" : about.join(", ");
    return `  ${paint(style, "bad", signs.failed)} ${where}: ${escapeLines(problem)}`;
  });
  if (problems.length > MAX_PROBLEMS) {
    lines.push(`  and ${problems.length - MAX_PROBLEMS} more; --json shows all`);
  }
  // The manifest may have said already why there are none.
  const told = report.notes.some((note) => note.startsWith("definitions are not in this backup"));
  const notes = report.notes
    .filter((note) => !told || note !== "the backup has no definitions")
    .map((note) => `  - ${escapeLines(note)}`);
  const warning = report.warning === undefined
    ? []
    : [`${paint(style, "attention", signs.attention)} ${escapeLines(report.warning)}`];
  return [...lines, ...notes, ...warning, verdictLine(report, style)];
}

function verdictLine(report: ValidationReport, style: Style): string {
  const signs = signsOf(style);
  const id = escapeText(report.backupId);
  const segments = plural(report.segmentsChecked, "segment");
  const checked = report.deep
    ? `${segments} and ${plural(report.recordsChecked, "record")} were read`
    : `${segments} looked at; --deep reads every record`;
  if (report.valid) {
    const whole = report.warning === undefined
      ? `Backup ${id} is whole`
      : `What is in backup ${id} is whole`;
    return `${paint(style, "good", signs.ok)} ${whole}: ${checked}.`;
  }
  const found = plural(report.problems.length, "problem");
  return `${paint(style, "bad", signs.failed)} Backup ${id} is DAMAGED: ${found}; ${checked}.`;
}
