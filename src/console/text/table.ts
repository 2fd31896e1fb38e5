import { pad, widthOf } from "./width.ts";

/** One column: its title, and on which side its cells are flush. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Rows under titles, two blanks between columns; cells must be safe for the terminal already. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => widthOf(line[index] ?? "")))
  );
  return lines.map((line) =>
    columns.map((column, index) =>
      pad(line[index] ?? "", widths[index]!, column.align === "right" ? "right" : "left")
    ).join("  ").trimEnd()
  );
}

/** `Name   value` lines, the values in one column; entries without a value are left out. */
export function renderFields(fields: readonly (readonly [string, string | undefined])[]): string[] {
  const given = fields.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...given.map(([name]) => widthOf(name)));
  return given.map(([name, value]) => `${pad(name, width)}  ${value}`);
}
