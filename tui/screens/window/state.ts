import type { QueueEntry } from "../../../src/archive/manifest.ts";
import { parseTimePoint, resolveTimePoint } from "../../../src/config/time_point.ts";
import { shareOf, type TimeWindow } from "../../../src/engine/restore/selection.ts";
import { spanOf, type TimeSpan } from "../../../src/engine/stored/density.ts";
import { messageOf } from "../../../src/errors.ts";
import type { Failure } from "../../app/failure.ts";
import { type EraseCommand, erased } from "../../components/text_field.ts";
import { isoText, timesOf, windowText } from "./window_text.ts";

/** One end of a window: as it is written, and what that comes to. */
export interface Edge {
  readonly text: string;
  /** Epoch milliseconds; it belongs to the window. */
  readonly at: number;
}

export type EdgeName = "start" | "end";

export type TimeField = TimeWindow["field"];

/** A window of time that is chosen on the messages of a backup. */
export interface WindowState {
  /** Epoch milliseconds: what times from now are seen from. */
  readonly now: number;
  /** The queues that are restored, with all that streams stand on; absent: not read yet. */
  readonly entries?: readonly QueueEntry[];
  /** The time of a message that counts; absent: not read yet. */
  readonly field?: TimeField;
  /** What is seen of time. */
  readonly view?: TimeSpan;
  /** Absent: open on that side. */
  readonly start?: Edge | undefined;
  readonly end?: Edge | undefined;
  /** Which of them keys move. */
  readonly edge: EdgeName;
  /** Both as text, while they are typed. */
  readonly typed?: string | undefined;
  /** What is wrong with what is typed. */
  readonly problem?: string | undefined;
  readonly failure?: Failure;
}

/** A window as it was written before. */
export function windowState(text: string, now: number): WindowState {
  return withText({ now, edge: "start" }, text);
}

export type WindowAction =
  | { type: "read"; entries: readonly QueueEntry[]; field: TimeField }
  | { type: "failed"; failure: Failure }
  /** `parts`: of how many the timeline that is seen consists. */
  | { type: "move"; by: number; parts: number }
  | { type: "zoomIn" | "zoomOut" | "otherEdge" | "openEdge" | "otherField" }
  | { type: "edit" | "keepTyped" | "dropTyped" | EraseCommand }
  | { type: "type"; text: string };

/** The window after something has come, or was pressed. */
export function reduceWindow(state: WindowState, action: WindowAction): WindowState {
  switch (action.type) {
    case "read": {
      const view = spanOf(action.entries.flatMap(({ segments }) => segments));
      const { entries, field } = action;
      return { ...state, entries, field, ...view === undefined ? {} : { view } };
    }
    case "failed":
      return { ...state, failure: action.failure };
    case "move":
      return movedEdge(state, action);
    case "otherEdge":
      return { ...state, edge: state.edge === "start" ? "end" : "start" };
    case "openEdge":
      return { ...state, [state.edge]: undefined };
    case "otherField":
      return { ...state, field: state.field === "timestamp" ? "backed_up_at" : "timestamp" };
    case "zoomIn":
    case "zoomOut":
      return zoomed(state, action.type === "zoomIn" ? 0.5 : 2);
    default:
      return reduceTyped(state, action);
  }
}

function reduceTyped(
  state: WindowState,
  action: Extract<
    WindowAction,
    { type: "type" | "edit" | "keepTyped" | "dropTyped" | EraseCommand }
  >,
): WindowState {
  const typed = state.typed ?? "";
  switch (action.type) {
    case "edit":
      return { ...state, typed: windowOf(state) };
    case "dropTyped":
      return { ...state, typed: undefined, problem: undefined };
    case "keepTyped":
      return withText({ ...state, typed: undefined }, typed);
    case "type":
      return { ...state, typed: typed + action.text, problem: undefined };
    default:
      return { ...state, typed: erased(typed, action.type), problem: undefined };
  }
}

/** The window as it is written: `2025-03-04T05:06:07Z .. -2h`; empty: any time. */
export function windowOf({ start, end }: Pick<WindowState, "start" | "end">): string {
  return windowText(start?.text ?? "", end?.text ?? "");
}

/** The same in absolute times: later on it means the same. */
export function fixedWindowOf({ start, end }: Pick<WindowState, "start" | "end">): string {
  const fixed = (edge: Edge | undefined) => edge === undefined ? "" : isoText(edge.at);
  return windowText(fixed(start), fixed(end));
}

/**
 * How many messages are in the window, as far as the manifest tells, and how many there are. Of their
 * own timestamps it tells nothing.
 */
export function figuresOf({ entries = [], start, end, field = "backed_up_at" }: WindowState) {
  const timeWindow = start === undefined && end === undefined ? undefined : {
    start: start?.at ?? -Infinity,
    end: end?.at ?? Infinity,
    field,
  };
  const filter = { headers: [], routing_keys: [], exchanges: [] };
  const selection = { timeWindow, offsets: new Map(), filter, limit: Infinity };
  const shares = entries.map((entry) => shareOf(entry, selection));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    atLeast: sum(shares.map(({ atLeast }) => atLeast)),
    atMost: sum(shares.map(({ atMost }) => atMost)),
    total: sum(entries.map(({ message_count }) => message_count)),
  };
}

/** What is wrong with the window as a whole. */
export function problemOf({ start, end, problem }: WindowState): string | undefined {
  if (problem !== undefined) return problem;
  if (start === undefined || end === undefined || start.at <= end.at) return undefined;
  return "it ends before it starts";
}

/** The window that a text means; what cannot be read leaves it as it was, and stays typed. */
function withText(state: WindowState, text: string): WindowState {
  try {
    const { now } = state;
    const [start, end] = timesOf(text);
    return { ...state, problem: undefined, start: edgeOf(start, now), end: edgeOf(end, now) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ...state, typed: text, problem: messageOf(error) };
  }
}

function edgeOf(text: string, now: number): Edge | undefined {
  if (text === "") return undefined;
  return { text, at: resolveTimePoint(parseTimePoint(text), now) };
}

function movedEdge(
  state: WindowState,
  { by, parts }: { by: number; parts: number },
): WindowState {
  const { view, edge } = state;
  if (view === undefined) return state;
  const step = (view.to + 1 - view.from) / parts;
  const before = state[edge]?.at ?? (edge === "start" ? view.from : view.to);
  // Whole seconds are enough where a part is longer.
  const unit = step >= 2_000 ? 1_000 : 1;
  const at = Math.round((before + by * step) / unit) * unit;
  const moved: Edge = { at, text: isoText(at) };
  return { ...state, [edge]: moved, view: holding(view, at) };
}

/** The same length of time, so that a moment is in it. */
function holding(view: TimeSpan, at: number): TimeSpan {
  const by = Math.min(0, at - view.from) + Math.max(0, at - view.to);
  return { from: view.from + by, to: view.to + by };
}

/** Parts shorter than a millisecond would be none. */
const LEAST_VIEW_MS = 500;

/** More or less of time around the end that is moved, but not more than the backup has. */
function zoomed(state: WindowState, factor: number): WindowState {
  const { view, entries = [], edge } = state;
  const all = spanOf(entries.flatMap(({ segments }) => segments));
  if (view === undefined || all === undefined) return state;
  const length = Math.max(LEAST_VIEW_MS, (view.to - view.from) * factor);
  if (length >= all.to - all.from) return { ...state, view: all };
  const at = state[edge]?.at ?? (edge === "start" ? view.from : view.to);
  const from = Math.round(Math.min(Math.max(all.from, at - length / 2), all.to - length));
  return { ...state, view: { from, to: Math.round(from + length) } };
}
