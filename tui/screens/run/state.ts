import type {
  EngineEvent,
  QueueDoneEvent,
  QueueProgress,
  StatusEvent,
  WarningEvent,
} from "../../../src/engine/events.ts";
import { queueKey } from "../../../src/engine/queue_key.ts";
import type { Failure } from "../../app/failure.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";

/** A run of the engine, as its events tell it. */
export interface RunState {
  readonly phase: "running" | "stopping" | "done" | "failed";
  /** What is done, beside the queues; undefined: these are worked on. */
  readonly step: string | undefined;
  /** Whether queues were worked on already. */
  readonly hasBegun: boolean;
  readonly status?: StatusEvent;
  /** Messages a second, one figure for each second. */
  readonly rates: readonly number[];
  /** Queues that have come to their end, the last one first. */
  readonly ended: readonly QueueDoneEvent[];
  readonly warnings: readonly WarningEvent[];
  readonly failure?: Failure;
  /** How fast it may go; `share` of full speed. */
  readonly pace: { readonly isPaused: boolean; readonly share: number };
  /** The result as text, in place of the queues. */
  readonly lines: readonly string[];
  readonly cursor: ListCursor;
}

export const NOT_BEGUN: RunState = {
  phase: "running",
  step: "",
  hasBegun: false,
  rates: [],
  ended: [],
  warnings: [],
  pace: { isPaused: false, share: 1 },
  lines: [],
  cursor: AT_TOP,
};

/** Seconds of which rates are kept: as wide as a sparkline gets. */
const RATES_KEPT = 120;

export type RunAction =
  | { type: "event"; event: EngineEvent }
  | { type: "stopping" }
  | { type: "pace"; pace: RunState["pace"] }
  | { type: "done"; lines: readonly string[] }
  | { type: "failed"; failure: Failure; lines: readonly string[] }
  | { type: "move"; command: MoveCommand; page: number }
  | { type: "scroll"; top: number };

/** The run after the engine has told something, or a key was pressed. */
export function reduceRun(state: RunState, action: RunAction): RunState {
  switch (action.type) {
    case "event":
      return withEvent(state, action.event);
    case "stopping":
      return { ...state, phase: "stopping" };
    case "pace":
      return { ...state, pace: action.pace };
    case "done":
      return { ...state, phase: "done", lines: action.lines, cursor: AT_TOP };
    case "failed":
      return {
        ...state,
        phase: "failed",
        failure: action.failure,
        lines: action.lines,
        cursor: AT_TOP,
      };
    case "scroll":
      return { ...state, cursor: { index: action.top, top: action.top } };
    case "move": {
      const size = { count: rowsOf(state).length, page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
  }
}

/** A queue that is worked on, or one that has ended. */
export type RunRow = { readonly active: QueueProgress } | { readonly ended: QueueDoneEvent };

/** The queues of a run: those that are worked on, then those that have ended, the last one first. */
export function rowsOf({ status, ended }: RunState): RunRow[] {
  // A status is sent now and then, and may have a queue that has ended since.
  const there = new Set(ended.map(rowKey));
  const active = status?.active.filter((queue) => !there.has(rowKey(queue))) ?? [];
  return [...active.map((active) => ({ active })), ...ended.map((ended) => ({ ended }))];
}

function rowKey({ vhost, queue }: { vhost: string; queue: string }): string {
  return queueKey({ vhost, name: queue });
}

function withEvent(state: RunState, event: EngineEvent): RunState {
  switch (event.type) {
    case "status": {
      const next = { ...state, status: event, rates: ratesOf(state, event) };
      // What came before the first queue is over.
      if (state.hasBegun || event.active.length === 0) return next;
      return { ...next, step: undefined, hasBegun: true };
    }
    case "queue_done":
      return { ...state, ended: [event, ...state.ended] };
    case "warning":
      return { ...state, warnings: [...state.warnings, event] };
    case "step":
      return { ...state, step: event.message };
    case "summary":
      return state;
  }
}

function ratesOf({ status, rates }: RunState, next: StatusEvent): readonly number[] {
  const isSameSecond = status !== undefined &&
    Math.floor(status.secondsElapsed) === Math.floor(next.secondsElapsed);
  return isSameSecond ? rates : [...rates, next.rateMessages].slice(-RATES_KEPT);
}
