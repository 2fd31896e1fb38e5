import { Box } from "ink";
import { pad, truncate } from "../../src/console/text/width.ts";
import type { Area } from "../app/screen.ts";
import { Line, type Span, span } from "./line.tsx";
import { type ListCursor, visible } from "./list_cursor.ts";
import { GAP, placeColumns, type PlacedColumn, type TableColumn } from "./table_layout.ts";

/** Lines of a table that are no rows: its titles. */
export const TABLE_HEAD = 1;

/** Columns before the first: the sign of the cursor, and a blank. */
const MARGIN = 2;

/** Columns that cells and the gaps between them have. */
export function tableRoom({ columns }: Area): number {
  return columns - MARGIN;
}

/**
 * What stands in front of a row: the cursor, and on the first and the last row that are seen a sign
 * where there are more.
 */
function marginOf(
  { isCursor, isMoreAbove, isMoreBelow }: Record<
    "isCursor" | "isMoreAbove" | "isMoreBelow",
    boolean
  >,
  { glyphs }: Area["theme"],
): string {
  const more = isMoreBelow ? glyphs.down : isMoreAbove ? glyphs.up : " ";
  return `${isCursor ? glyphs.cursor : " "}${more}`;
}

/** A list with titles, of which only the lines that are seen are drawn. */
export function Table<Row>(
  { rows, columns, cursor, area }: {
    rows: readonly Row[];
    columns: readonly TableColumn<Row>[];
    /** Absent: nothing is chosen in it, and it is seen from the top. */
    cursor?: ListCursor;
    /** All of the table's room. */
    area: Area;
  },
) {
  const { theme } = area;
  const placed = placeColumns(columns, tableRoom(area));
  const size = { count: rows.length, page: Math.max(1, area.rows - TABLE_HEAD) };
  const { from, to } = visible(cursor ?? { index: 0, top: 0 }, size);
  const line = { theme, columns: area.columns };
  return (
    <Box flexDirection="column" height={area.rows} flexShrink={0}>
      <Box aria-hidden>
        <Line {...line} spans={[span("  "), ...titles(placed, area)]} />
      </Box>
      {rows.slice(from, to).map((row, offset) => {
        const isCursor = cursor !== undefined && from + offset === cursor.index;
        const sign = marginOf({
          isCursor,
          isMoreAbove: offset === 0 && from > 0,
          isMoreBelow: from + offset === to - 1 && to < rows.length,
        }, theme);
        const cells = placed.flatMap((column, index) =>
          cellSpans(column.cell(row), { column, index, ellipsis: theme.glyphs.ellipsis })
        );
        return (
          <Box key={from + offset} aria-role="listitem" aria-state={{ selected: isCursor }}>
            <Line
              {...line}
              isCursor={isCursor}
              spans={[span(sign), ...cells]}
              spoken={spokenRow(row, columns)}
            />
          </Box>
        );
      })}
    </Box>
  );
}

/** Each cell behind its title, also those that there is no room for. */
function spokenRow<Row>(row: Row, columns: readonly TableColumn<Row>[]): string {
  const words = columns.map((column) => {
    const text = column.spoken?.(row) ?? column.cell(row).text;
    return text === "" ? "" : `${column.title.toLowerCase()} ${text}`.trim();
  });
  return words.filter((word) => word !== "").join(", ");
}

function titles<Row>(columns: readonly PlacedColumn<Row>[], { theme }: Area): Span[] {
  const { up, down, ellipsis } = theme.glyphs;
  return columns.flatMap((column, index) => {
    const sign = column.sorted === undefined ? "" : column.sorted === "ascending" ? up : down;
    const title = span(`${column.title}${sign}`, sign === "" ? "dim" : "strong");
    return cellSpans(title, { column, index, ellipsis });
  });
}

function cellSpans<Row>(
  { text, tone }: Span,
  { column, index, ellipsis }: { column: PlacedColumn<Row>; index: number; ellipsis: string },
): Span[] {
  const cut = truncate(text, column.columns, ellipsis);
  const padded = pad(cut, column.columns, column.align === "right" ? "right" : "left");
  const cell = { text: padded, tone };
  return index === 0 ? [cell] : [span(" ".repeat(GAP)), cell];
}
