import type { Span } from "./line.tsx";

/** A column of a table on the screen. */
export interface TableColumn<Row> {
  readonly title: string;
  /** Columns that it takes; the one with `fill` takes what the others leave. */
  readonly width: number | "fill";
  readonly align?: "left" | "right";
  /** Left out where room is short, the lowest first; absent: never. */
  readonly rank?: number;
  readonly cell: (row: Row) => Span;
  /** What a screen reader says for a cell that is a sign; absent: its text. */
  readonly spoken?: (row: Row) => string;
  /** Whether the rows are in its order. */
  readonly sorted?: "ascending" | "descending";
}

/** A column with its width. */
export interface PlacedColumn<Row> extends TableColumn<Row> {
  readonly columns: number;
}

/** Blanks between columns. */
export const GAP = 2;
/** What the column that fills should have before others are left out for it. */
const FILL_WISH = 24;
const FILL_LEAST = 8;

/** Which columns there is room for, and how wide each is. */
export function placeColumns<Row>(
  columns: readonly TableColumn<Row>[],
  room: number,
): PlacedColumn<Row>[] {
  let kept = [...columns];
  while (leftFor(kept, room) < FILL_WISH) {
    const ranks = kept.flatMap(({ rank }) => rank === undefined ? [] : [rank]);
    if (ranks.length === 0) break;
    const lowest = Math.min(...ranks);
    kept = kept.filter(({ rank }) => rank !== lowest);
  }
  const fill = Math.max(FILL_LEAST, leftFor(kept, room));
  return kept.map((column) => ({
    ...column,
    columns: column.width === "fill" ? fill : column.width,
  }));
}

function leftFor<Row>(columns: readonly TableColumn<Row>[], room: number): number {
  const fixed = columns.reduce((sum, { width }) => sum + (width === "fill" ? 0 : width), 0);
  return room - fixed - GAP * (columns.length - 1);
}
