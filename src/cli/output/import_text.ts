import type { ImportReport, ReportedObject } from "../../definitions/import.ts";
import { escapeText } from "./escape.ts";
import { formatCount } from "./format.ts";
import { paint, signsOf, type Style } from "./style.ts";
import { renderTable } from "./table.ts";

/** Named of each kind, unless all are wanted. */
const NAMED_OF_KIND = 10;

/** What an import did or would do, the result in the last line. `all` shortens no list. */
export function importLines(
  report: ImportReport,
  { style, all }: { style: Style; all: boolean },
): string[] {
  const { dryRun } = report;
  const columns = ["created", "updated", "unchanged", "different", "missing"] as const;
  const table = renderTable(
    [
      { title: "KIND" },
      ...columns.map((title) => ({ title: title.toUpperCase(), align: "right" as const })),
    ],
    report.kinds.map((kind) => [
      kind.kind.replaceAll("_", " "),
      ...columns.map((column) => formatCount(kind[column])),
    ]),
  );
  return [
    ...table,
    // Once it is done, what is new is less of a question than what was changed.
    ...dryRun || all
      ? shortened(dryRun ? "Would be created:" : "Created:", { objects: report.created, all })
      : [],
    ...shortened(dryRun ? "Would be updated:" : "Updated:", { objects: report.updated, all }),
    ...objectLines("Different on the broker, and left as it is:", report.different),
    ...objectLines("Not on the broker:", report.missing),
    "",
    resultLine(report, style),
  ];
}

function shortened(
  title: string,
  { objects, all }: { objects: readonly ReportedObject[]; all: boolean },
): string[] {
  if (objects.length === 0) return [];
  const byKind = Map.groupBy(objects, ({ kind }) => kind);
  const lines = [...byKind].flatMap(([kind, ofKind]) => {
    const shown = all ? ofKind : ofKind.slice(0, NAMED_OF_KIND);
    const more = ofKind.length - shown.length;
    const rest = `  and ${formatCount(more)} more ${kind.replaceAll("_", " ")}; -v names all`;
    return [...shown.map(objectLine), ...more === 0 ? [] : [rest]];
  });
  return ["", title, ...lines];
}

function objectLines(title: string, objects: readonly ReportedObject[]): string[] {
  return objects.length === 0 ? [] : ["", title, ...objects.map(objectLine)];
}

function objectLine({ kind, vhost, name }: ReportedObject): string {
  const where = vhost === undefined ? "" : ` (${escapeText(vhost)})`;
  return `  ${kind.replaceAll("_", " ").replace(/ies$/, "y").replace(/s$/, "")} ` +
    `${escapeText(name)}${where}`;
}

function resultLine({ dryRun, complete }: ImportReport, style: Style): string {
  const signs = signsOf(style);
  const sign = complete
    ? paint(style, "good", signs.ok)
    : paint(style, "attention", signs.attention);
  if (dryRun) {
    return complete
      ? `${sign} All of it would be there. Nothing was done.`
      : `${sign} NOT all of it would be as the file says. Nothing was done.`;
  }
  return complete
    ? `${sign} The broker has all that the file holds.`
    : `${sign} The broker does NOT have all that the file holds.`;
}
