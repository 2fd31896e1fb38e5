import type { ImportReport, ReportedObject } from "../../definitions/import.ts";
import { escapeText } from "./escape.ts";
import { formatCount } from "./format.ts";
import { paint, signsOf, type Style } from "./style.ts";
import { renderTable } from "./table.ts";

/** What an import did or would do, the result in the last line. */
export function importLines(report: ImportReport, style: Style): string[] {
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
    ...objectLines("Different on the broker, and left as it is:", report.different),
    ...objectLines("Not on the broker:", report.missing),
    "",
    resultLine(report, style),
  ];
}

function objectLines(title: string, objects: readonly ReportedObject[]): string[] {
  if (objects.length === 0) return [];
  return [
    "",
    title,
    ...objects.map(({ kind, vhost, name }) => {
      const where = vhost === undefined ? "" : ` (${escapeText(vhost)})`;
      return `  ${kind.replaceAll("_", " ").replace(/ies$/, "y").replace(/s$/, "")} ` +
        `${escapeText(name)}${where}`;
    }),
  ];
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
