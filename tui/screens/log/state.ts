import type { LogEntry } from "../../app/log_book.ts";
import {
  EMPTY_PICKER,
  type Picker,
  type PickerAction,
  type PickerRow,
  type PickerSpec,
  reducePicker,
} from "../../components/picker.ts";
import { movedTo } from "../../components/list_cursor.ts";

/** One line of the log. */
export interface LogRow extends PickerRow {
  readonly entry: LogEntry;
}

/** What has happened; the cursor stays at the end while it is there. */
export type LogState = Picker<LogRow>;

export const NO_LOG: LogState = EMPTY_PICKER;

export type LogAction =
  | { type: "entries"; entries: readonly LogEntry[] }
  | { type: "pick"; action: PickerAction<LogRow> };

const SPEC: PickerSpec<LogRow> = {
  text: ({ entry: { kind, text } }) => `${kind} ${text}`,
  type: ({ entry }) => entry.kind,
  orders: [{ name: "time", compare: (a, b) => a.entry.number - b.entry.number }],
};

/** The log after something has happened, or a key was pressed. */
export function reduceLog(state: LogState, action: LogAction): LogState {
  if (action.type === "pick") return reducePicker(SPEC, state, action.action);
  const rows = action.entries.map((entry) => ({ key: String(entry.number), entry }));
  const wasAtEnd = state.cursor.index >= state.shown.length - 1;
  const next = reducePicker(SPEC, state, { type: "rows", rows });
  if (!wasAtEnd) return next;
  const size = { count: next.shown.length, page: 1 };
  return { ...next, cursor: movedTo(next.shown.length - 1, next.cursor, size) };
}
