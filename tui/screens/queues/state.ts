import type { DiscoveredQueue } from "../../../src/engine/survey/discover.ts";
import type { PlannedBackupQueue } from "../../../src/engine/plan_types.ts";
import { queueKey } from "../../../src/engine/queue_key.ts";
import type { MoveCommand } from "../../app/keys.ts";
import { AT_TOP, type ListCursor, moved } from "../../components/list_cursor.ts";
import { compileFilter } from "../../components/filter.ts";
import type { Failure } from "../../app/failure.ts";

/** What reading a queue would do, as a plan said it. */
export type Hazard = Pick<PlannedBackupQueue, "verdict" | "reason" | "hint">;

/** One line of the list. */
export interface QueueRow {
  readonly key: string;
  /** By vhost and name, from 0. */
  readonly place: number;
  readonly queue: DiscoveredQueue;
  readonly hazard?: Hazard | undefined;
}

export const SORTS = ["name", "type", "messages", "rate", "consumers", "hazard"] as const;
export type Sort = (typeof SORTS)[number];

/** The queues of a broker, and which of them are marked. */
export interface QueuesState {
  /** Where they are, once known. */
  readonly cluster?: string;
  /** All queues, by vhost and name. */
  readonly rows: readonly QueueRow[];
  /** Those that are seen, in the order in which they are. */
  readonly shown: readonly QueueRow[];
  readonly hazards: ReadonlyMap<string, Hazard>;
  readonly planning: boolean;
  readonly failure?: Failure | undefined;
  readonly filter: string;
  readonly isFiltering: boolean;
  readonly sort: Sort;
  readonly descending: boolean;
  readonly marked: ReadonlySet<string>;
  /** Where a range begins. */
  readonly anchor?: string | undefined;
  readonly cursor: ListCursor;
}

export const NO_QUEUES: QueuesState = {
  rows: [],
  shown: [],
  hazards: new Map(),
  planning: false,
  filter: "",
  isFiltering: false,
  sort: "name",
  descending: false,
  marked: new Set(),
  cursor: AT_TOP,
};

export type QueuesAction =
  | { type: "listed"; cluster: string; queues: readonly DiscoveredQueue[] }
  | { type: "planning" }
  | { type: "planned"; queues: readonly PlannedBackupQueue[] }
  | { type: "failed"; failure: Failure }
  | { type: "move"; command: MoveCommand; page: number }
  | { type: "mark" | "markRange" | "markType" | "markAll" | "clearMarks"; page: number }
  | { type: "editFilter" | "keepFilter" | "dropFilter" | "eraseFilter" }
  | { type: "typeFilter"; text: string }
  | { type: "sort" | "reverse" };

/** The queues after something has come, or was pressed. */
export function reduceQueues(state: QueuesState, action: QueuesAction): QueuesState {
  switch (action.type) {
    case "listed":
      return listed(state, action);
    case "planning":
      return { ...state, planning: true };
    case "planned":
      return planned(state, action.queues);
    case "failed":
      return { ...state, failure: action.failure, planning: false };
    case "move": {
      const size = { count: state.shown.length, page: action.page };
      return { ...state, cursor: moved(state.cursor, action.command, size) };
    }
    case "mark":
      return markOne(state, action.page);
    case "markRange":
      return markRange(state);
    case "markType":
      return toggled(state, ofSameType(state));
    case "markAll":
      return toggled(state, state.shown);
    case "clearMarks":
      return { ...state, marked: new Set(), anchor: undefined };
    case "sort": {
      const sort = SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length]!;
      // Of numbers the highest are looked for.
      return arranged({ ...state, sort, descending: !["name", "type"].includes(sort) });
    }
    case "reverse":
      return arranged({ ...state, descending: !state.descending });
    default:
      return arranged(editedFilter(state, action));
  }
}

/** The queue that the cursor is on. */
export function currentRow({ shown, cursor }: QueuesState): QueueRow | undefined {
  return shown[cursor.index];
}

/** The rows that are marked, also those that the filter hides; all where none is. */
export function chosenRows({ rows, marked }: QueuesState): readonly QueueRow[] {
  return marked.size === 0 ? rows : rows.filter(({ key }) => marked.has(key));
}

function editedFilter(
  state: QueuesState,
  action: Extract<QueuesAction, { type: `${string}Filter` }>,
): QueuesState {
  switch (action.type) {
    case "editFilter":
      return { ...state, isFiltering: true };
    case "keepFilter":
      return { ...state, isFiltering: false };
    case "dropFilter":
      return { ...state, isFiltering: false, filter: "" };
    case "eraseFilter":
      return { ...state, filter: [...state.filter].slice(0, -1).join("") };
    case "typeFilter":
      return { ...state, filter: state.filter + action.text };
  }
}

function listed(
  state: QueuesState,
  { cluster, queues }: Extract<QueuesAction, { type: "listed" }>,
): QueuesState {
  const rows = queues.map((queue, place) => {
    const key = queueKey(queue);
    return { key, place, queue, hazard: state.hazards.get(key) };
  });
  const there = new Set(rows.map(({ key }) => key));
  const marked = new Set([...state.marked].filter((key) => there.has(key)));
  return arranged({ ...state, cluster, rows, marked, failure: undefined });
}

function planned(state: QueuesState, queues: readonly PlannedBackupQueue[]): QueuesState {
  const hazards = new Map(
    queues.map((one) => [queueKey({ vhost: one.vhost, name: one.queue }), one] as const),
  );
  const rows = state.rows.map((row) => ({ ...row, hazard: hazards.get(row.key) }));
  return arranged({ ...state, hazards, rows, planning: false });
}

/** Filters and sorts anew; the cursor stays on its queue. */
function arranged(state: QueuesState): QueuesState {
  const matches = compileFilter(state.filter);
  const compare = ORDERS[state.sort];
  const sign = state.descending ? -1 : 1;
  const shown = state.rows
    .filter(({ queue }) => matches(`${queue.vhost} ${queue.name} ${queue.type}`))
    .toSorted((a, b) => sign * compare(a, b));
  const key = currentRow(state)?.key;
  const index = shown.findIndex((row) => row.key === key);
  const cursor = index < 0 ? AT_TOP : { index, top: state.cursor.top };
  return { ...state, shown, cursor };
}

const VERDICTS: readonly PlannedBackupQueue["verdict"][] = ["excluded", "safe", "cost", "refused"];

const ORDERS: Readonly<Record<Sort, (a: QueueRow, b: QueueRow) => number>> = {
  name: (a, b) => a.place - b.place,
  type: (a, b) => a.queue.type.localeCompare(b.queue.type),
  messages: (a, b) => (a.queue.messagesReady ?? 0) - (b.queue.messagesReady ?? 0),
  rate: (a, b) => (a.queue.publishRate ?? 0) - (b.queue.publishRate ?? 0),
  consumers: (a, b) => (a.queue.consumers ?? 0) - (b.queue.consumers ?? 0),
  hazard: (a, b) => rankOf(a) - rankOf(b),
};

function rankOf({ hazard }: QueueRow): number {
  return hazard === undefined ? -1 : VERDICTS.indexOf(hazard.verdict);
}

function markOne(state: QueuesState, page: number): QueuesState {
  const row = currentRow(state);
  if (row === undefined) return state;
  const size = { count: state.shown.length, page };
  return { ...toggled(state, [row]), anchor: row.key, cursor: moved(state.cursor, "down", size) };
}

/** From the queue that was marked last to the one under the cursor. */
function markRange(state: QueuesState): QueuesState {
  const from = state.shown.findIndex(({ key }) => key === state.anchor);
  if (from < 0) return state;
  const to = state.cursor.index;
  const range = state.shown.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ...state, marked: new Set([...state.marked, ...range.map(({ key }) => key)]) };
}

function ofSameType(state: QueuesState): readonly QueueRow[] {
  const type = currentRow(state)?.queue.type;
  return state.shown.filter(({ queue }) => queue.type === type);
}

/** Marks all of them, or none when all are marked. */
function toggled(state: QueuesState, rows: readonly QueueRow[]): QueuesState {
  const marked = new Set(state.marked);
  const areAll = rows.every(({ key }) => marked.has(key));
  for (const { key } of rows) {
    if (areAll) marked.delete(key);
    else marked.add(key);
  }
  return { ...state, marked };
}
