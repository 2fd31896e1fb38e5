import type { ChangedObject, ImportReport, ReportedObject } from "../../definitions/import.ts";
import { escapeText } from "./escape.ts";
import { formatCount } from "./format.ts";
import { paint, signsOf, type Style } from "./style.ts";
import { renderTable } from "./table.ts";

/** Named of each kind, unless all are wanted. */
const NAMED_OF_KIND = 10;

/** An object of a list, and what is said of it. */
export type ListedObject = ReportedObject & Partial<Pick<ChangedObject, "fields">> & {
  readonly reason?: string;
};

/**
 * What an import did or would do, the result in the last line. `all` shortens no list; `isQuestion`:
 * whether to do it is asked behind it.
 */
export function importLines(
  report: ImportReport,
  { style, all, isQuestion = false }: { style: Style; all: boolean; isQuestion?: boolean },
): string[] {
  const { dryRun } = report;
  const lists: readonly (readonly [string, readonly ListedObject[], boolean])[] = [
    // Once it is done, what is new is less of a question than what was changed.
    [dryRun ? "Would be created:" : "Created:", dryRun || all ? report.created : [], all],
    [dryRun ? "Would be updated:" : "Updated:", report.updated, all],
    ["Different on the broker, and left as it is:", report.different, true],
    [dryRun ? "Would be refused by the broker:" : "Refused by the broker:", report.failed, true],
    [dryRun ? "Would not mean the same:" : "Does not mean the same:", report.changedMeaning, all],
    ["Not on the broker:", report.missing, true],
  ];
  return [
    ...countTable(report),
    ...lists.flatMap(([title, objects, whole]) => objectLines(title, { objects, all: whole })),
    "",
    ...blockedLines(report),
    resultLine(report, { style, isQuestion }),
  ];
}

/** Where what the broker had is kept. */
export function keptLine(kept: string, { isRetry = false }: { isRetry?: boolean }): string {
  const where = `kept in ${escapeText(kept)}; definitions-rollback brings it back.`;
  return isRetry
    ? "An earlier try of this import did not come to its end; what the broker had before it is " +
      where
    : `What the broker had is ${where}`;
}

function countTable({ kinds }: ImportReport): string[] {
  const columns = ["created", "updated", "unchanged", "different", "failed", "missing"] as const;
  return renderTable(
    [
      { title: "KIND" },
      ...columns.map((title) => ({ title: title.toUpperCase(), align: "right" as const })),
    ],
    kinds.map((kind) => [
      kind.kind.replaceAll("_", " "),
      ...columns.map((column) => formatCount(kind[column])),
    ]),
  );
}

/** Objects under a title, a line each with what is said of them below; none: no title. */
export function objectLines(
  title: string,
  { objects, all, sign = " " }: {
    objects: readonly ListedObject[];
    all: boolean;
    /** Stands before each. */
    sign?: string;
  },
): string[] {
  if (objects.length === 0) return [];
  const byKind = Map.groupBy(objects, ({ kind }) => kind);
  const lines = [...byKind].flatMap(([kind, ofKind]) => {
    // A file may make administrators: no user is hidden behind a number.
    const shown = all || kind === "users" ? ofKind : ofKind.slice(0, NAMED_OF_KIND);
    const more = ofKind.length - shown.length;
    const rest = `  and ${formatCount(more)} more ${kind.replaceAll("_", " ")}; -v names all`;
    return [...shown.flatMap((object) => linesOf(object, sign)), ...more === 0 ? [] : [rest]];
  });
  return ["", title, ...lines];
}

function linesOf(object: ListedObject, sign: string): string[] {
  const { kind, vhost, name, fields = [], reason } = object;
  const where = vhost === undefined ? "" : ` (${escapeText(vhost)})`;
  const singular = kind.replaceAll("_", " ").replace(/ies$/, "y").replace(/s$/, "");
  return [
    `${sign} ${singular} ${escapeText(name)}${where}`,
    ...fields.map(({ field, from = "nothing", to = "nothing" }) =>
      `      ${escapeText(field)}: ${escapeText(from)} -> ${escapeText(to)}`
    ),
    ...reason === undefined ? [] : [`      ${escapeText(reason)}`],
  ];
}

function blockedLines({ blocked }: ImportReport): string[] {
  if (blocked === undefined) return [];
  return [`Refused: ${escapeText(blocked.problem)}.`, `Hint: ${escapeText(blocked.wayOut)}`, ""];
}

function resultLine(
  { dryRun, complete, blocked }: ImportReport,
  { style, isQuestion }: { style: Style; isQuestion: boolean },
): string {
  const signs = signsOf(style);
  const sign = complete && blocked === undefined
    ? paint(style, "good", signs.ok)
    : paint(style, "attention", signs.attention);
  if (blocked !== undefined) return `${sign} Nothing would be imported. Nothing was done.`;
  if (dryRun) {
    const result = complete
      ? `${sign} All of it would be there.`
      : `${sign} NOT all of it would be as the file says.`;
    return isQuestion ? result : `${result} Nothing was done.`;
  }
  return complete
    ? `${sign} The broker has all that the file holds.`
    : `${sign} The broker does NOT have all that the file holds.`;
}

/** The same for `--json`. */
export function importDocument(report: ImportReport) {
  const { dryRun, changedMeaning, mismatch, blocked, ...lists } = report;
  return {
    dry_run: dryRun,
    ...lists,
    changed_meaning: changedMeaning,
    version_mismatch: mismatch,
    refused: blocked && { message: blocked.problem, hint: blocked.wayOut },
  };
}
