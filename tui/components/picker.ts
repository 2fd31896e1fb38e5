import type { MoveCommand } from "../app/keys.ts";
import { compileFilter } from "./filter.ts";
import { AT_TOP, type ListCursor, moved } from "./list_cursor.ts";
import { type EraseCommand, erased } from "./text_field.ts";

/** A line that can be marked. */
export interface PickerRow {
  /** The same for the same thing in a later listing. */
  readonly key: string;
}

/** How rows of one kind are filtered and sorted. */
export interface PickerSpec<Row extends PickerRow> {
  /** What the filter looks at. */
  text(row: Row): string;
  /** What "all of this type" goes by. */
  type(row: Row): string;
  /** By what they can be sorted, the first one at the beginning. */
  readonly orders: readonly PickerOrder<Row>[];
}

export interface PickerOrder<Row> {
  readonly name: string;
  compare(a: Row, b: Row): number;
  /** The highest are looked for, and come first. */
  readonly highestFirst?: true;
}

/** A list from which some are picked. */
export interface Picker<Row extends PickerRow> {
  readonly rows: readonly Row[];
  /** Those that are seen, in the order in which they are. */
  readonly shown: readonly Row[];
  readonly filter: string;
  readonly isFiltering: boolean;
  /** Index of the order in force. */
  readonly order: number;
  readonly descending: boolean;
  readonly marked: ReadonlySet<string>;
  /** Where a range begins. */
  readonly anchor?: string | undefined;
  readonly cursor: ListCursor;
}

export const EMPTY_PICKER: Picker<never> = {
  rows: [],
  shown: [],
  filter: "",
  isFiltering: false,
  order: 0,
  descending: false,
  marked: new Set(),
  cursor: AT_TOP,
};

export type PickerAction<Row extends PickerRow> =
  | { type: "rows"; rows: readonly Row[] }
  | { type: "move"; command: MoveCommand; page: number }
  | { type: "mark" | "markRange" | "markType" | "markAll" | "clearMarks"; page: number }
  | FilterAction
  | { type: "sort" | "reverse" };

type FilterAction =
  | { type: "editFilter" | "keepFilter" | "dropFilter" | EraseCommand }
  | { type: "typeFilter"; text: string };

/** The list after other rows have come, or a key was pressed. */
export function reducePicker<Row extends PickerRow>(
  spec: PickerSpec<Row>,
  picker: Picker<Row>,
  action: PickerAction<Row>,
): Picker<Row> {
  switch (action.type) {
    case "rows":
      return arranged(spec, withRows(picker, action.rows));
    case "move": {
      const size = { count: picker.shown.length, page: action.page };
      return { ...picker, cursor: moved(picker.cursor, action.command, size) };
    }
    case "mark":
      return markOne(picker, action.page);
    case "markRange":
      return markRange(picker);
    case "markType":
      return toggled(picker, ofSameType(spec, picker));
    case "markAll":
      return toggled(picker, picker.shown);
    case "clearMarks":
      return { ...picker, marked: new Set(), anchor: undefined };
    case "sort": {
      const order = (picker.order + 1) % spec.orders.length;
      const descending = spec.orders[order]!.highestFirst === true;
      return arranged(spec, { ...picker, order, descending });
    }
    case "reverse":
      return arranged(spec, { ...picker, descending: !picker.descending });
    default:
      return arranged(spec, editedFilter(picker, action));
  }
}

/** The row that the cursor is on. */
export function currentRow<Row extends PickerRow>({ shown, cursor }: Picker<Row>): Row | undefined {
  return shown[cursor.index];
}

/**
 * The rows that are marked, also those that the filter hides. Where none is: all of them, or with a
 * filter those that it shows.
 */
export function chosenRows<Row extends PickerRow>(
  { rows, shown, marked, filter }: Picker<Row>,
): readonly Row[] {
  if (marked.size > 0) return rows.filter(({ key }) => marked.has(key));
  return filter === "" ? rows : shown;
}

function withRows<Row extends PickerRow>(picker: Picker<Row>, rows: readonly Row[]): Picker<Row> {
  const there = new Set(rows.map(({ key }) => key));
  return { ...picker, rows, marked: new Set([...picker.marked].filter((key) => there.has(key))) };
}

function editedFilter<Row extends PickerRow>(
  picker: Picker<Row>,
  action: FilterAction,
): Picker<Row> {
  switch (action.type) {
    case "editFilter":
      return { ...picker, isFiltering: true };
    case "keepFilter":
      return { ...picker, isFiltering: false };
    case "dropFilter":
      return { ...picker, isFiltering: false, filter: "" };
    case "typeFilter":
      return { ...picker, filter: picker.filter + action.text };
    default:
      return { ...picker, filter: erased(picker.filter, action.type) };
  }
}

/** Filters and sorts anew; the cursor stays on its row. */
function arranged<Row extends PickerRow>(spec: PickerSpec<Row>, picker: Picker<Row>): Picker<Row> {
  const matches = compileFilter(picker.filter);
  const { compare } = spec.orders[picker.order]!;
  const sign = picker.descending ? -1 : 1;
  const shown = picker.rows.filter((row) => matches(spec.text(row)))
    .toSorted((a, b) => sign * compare(a, b));
  const key = currentRow(picker)?.key;
  const index = shown.findIndex((row) => row.key === key);
  return { ...picker, shown, cursor: index < 0 ? AT_TOP : { index, top: picker.cursor.top } };
}

function markOne<Row extends PickerRow>(picker: Picker<Row>, page: number): Picker<Row> {
  const row = currentRow(picker);
  if (row === undefined) return picker;
  const size = { count: picker.shown.length, page };
  return { ...toggled(picker, [row]), anchor: row.key, cursor: moved(picker.cursor, "down", size) };
}

/** From the row that was marked last to the one under the cursor. */
function markRange<Row extends PickerRow>(picker: Picker<Row>): Picker<Row> {
  const from = picker.shown.findIndex(({ key }) => key === picker.anchor);
  if (from < 0) return picker;
  const to = picker.cursor.index;
  const range = picker.shown.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ...picker, marked: new Set([...picker.marked, ...range.map(({ key }) => key)]) };
}

function ofSameType<Row extends PickerRow>(
  spec: PickerSpec<Row>,
  picker: Picker<Row>,
): readonly Row[] {
  const current = currentRow(picker);
  if (current === undefined) return [];
  return picker.shown.filter((row) => spec.type(row) === spec.type(current));
}

/** Marks all of them, or none when all are marked. */
function toggled<Row extends PickerRow>(picker: Picker<Row>, rows: readonly Row[]): Picker<Row> {
  const marked = new Set(picker.marked);
  const areAll = rows.every(({ key }) => marked.has(key));
  for (const { key } of rows) {
    if (areAll) marked.delete(key);
    else marked.add(key);
  }
  return { ...picker, marked };
}
