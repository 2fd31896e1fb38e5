import { escapeText } from "../../src/console/text/escape.ts";
import { formatCount, plural } from "../../src/console/text/format.ts";
import type { Theme } from "../theme/theme.ts";
import { type Span, span } from "./line.tsx";
import type { Picker, PickerRow } from "./picker.ts";
import type { TableColumn } from "./table_layout.ts";
import { caretOf } from "./text_field.ts";

/** How many there are, how many are marked, and the filter. */
export function pickerStatus(
  { rows, shown, marked, filter, isFiltering }: Picker<PickerRow>,
  { noun, theme, canMark = true }: { noun: string; theme: Theme; canMark?: boolean },
): Span[] {
  const counted = shown.length === rows.length
    ? plural(rows.length, noun)
    : `${formatCount(shown.length)} of ${plural(rows.length, noun)}`;
  const isNone = marked.size === 0;
  const isEmpty = shown.length === 0 && rows.length > 0;
  const meant = filter === ""
    ? "all are meant"
    : `the ${formatCount(shown.length)} shown ${shown.length === 1 ? "is" : "are"} meant`;
  const marks = isNone ? `none marked: ${meant}` : `${formatCount(marked.size)} marked`;
  return [
    span(` ${counted}`),
    ...isEmpty ? [span(": nothing matches", "attention")] : [],
    ...canMark && !(isEmpty && isNone) ? [span(`, ${marks}`, isNone ? "dim" : "accent")] : [],
    ...filter === "" && !isFiltering ? [] : [span(`   /${escapeText(filter)}`, "strong")],
    ...isFiltering ? [span(caretOf(theme), "accent")] : [],
  ];
}

/** The column of marks. */
export function markColumn<Row extends PickerRow>(
  { marked }: Picker<Row>,
  { glyphs }: Theme,
): TableColumn<Row> {
  return {
    title: " ",
    width: 1,
    cell: ({ key }) =>
      marked.has(key) ? span(glyphs.marked, "accent") : span(glyphs.unmarked, "dim"),
    spoken: ({ key }) => marked.has(key) ? "marked" : "",
  };
}

/** What says that rows are in the order of a column. */
export function sortedBy<Row extends PickerRow>(
  { order, descending }: Picker<Row>,
  index: number,
): Pick<TableColumn<Row>, "sorted"> {
  return order === index ? { sorted: descending ? "descending" : "ascending" } : {};
}
