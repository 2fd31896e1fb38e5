import type { DiscoveredQueue } from "../../../src/engine/survey/discover.ts";
import type { PlannedBackupQueue } from "../../../src/engine/plan_types.ts";
import { queueKey } from "../../../src/engine/queue_key.ts";
import type { Failure } from "../../app/failure.ts";
import {
  EMPTY_PICKER,
  type Picker,
  type PickerAction,
  type PickerRow,
  type PickerSpec,
  reducePicker,
} from "../../components/picker.ts";

/** What reading a queue would do, as a plan said it. */
export type Hazard = Pick<PlannedBackupQueue, "verdict" | "reason" | "hint">;

/** One line of the list. */
export interface QueueRow extends PickerRow {
  /** By vhost and name, from 0. */
  readonly place: number;
  readonly queue: DiscoveredQueue;
  readonly hazard?: Hazard | undefined;
}

/** The queues of a broker, and which of them are marked. */
export interface QueuesState {
  /** Where they are, once known. */
  readonly cluster?: string;
  readonly picker: Picker<QueueRow>;
  readonly hazards: ReadonlyMap<string, Hazard>;
  readonly planning: boolean;
  readonly failure?: Failure | undefined;
}

export const NO_QUEUES: QueuesState = { picker: EMPTY_PICKER, hazards: new Map(), planning: false };

export type QueuesAction =
  | { type: "listed"; cluster: string; queues: readonly DiscoveredQueue[] }
  | { type: "planning" | "notPlanned" }
  | { type: "planned"; queues: readonly PlannedBackupQueue[] }
  | { type: "failed"; failure: Failure }
  | { type: "pick"; action: PickerAction<QueueRow> };

const VERDICTS: readonly PlannedBackupQueue["verdict"][] = ["excluded", "safe", "cost", "refused"];

/** Indexes of the orders, for the columns that show them. */
export const ORDER = {
  vhost: 0,
  type: 1,
  ready: 2,
  unacked: 3,
  rate: 4,
  consumers: 5,
  hazard: 6,
  name: 7,
} as const;

const SPEC: PickerSpec<QueueRow> = {
  text: ({ queue }) => `${queue.vhost} ${queue.name} ${queue.type}`,
  type: ({ queue }) => queue.type,
  orders: [
    { name: "vhost", compare: (a, b) => a.place - b.place },
    { name: "type", compare: (a, b) => a.queue.type.localeCompare(b.queue.type) },
    highest("ready", ({ queue }) => queue.messagesReady ?? 0),
    highest("unacked", ({ queue }) => queue.messagesUnacknowledged ?? 0),
    highest("rate", ({ queue }) => queue.publishRate ?? 0),
    highest("consumers", ({ queue }) => queue.consumers ?? 0),
    highest("hazard", ({ hazard }) => hazard === undefined ? -1 : VERDICTS.indexOf(hazard.verdict)),
    { name: "name", compare: (a, b) => byText(a.queue.name, b.queue.name) || a.place - b.place },
  ],
};

/** The queues after something has come, or was pressed. */
export function reduceQueues(state: QueuesState, action: QueuesAction): QueuesState {
  switch (action.type) {
    case "listed": {
      const rows = action.queues.map((queue, place) => {
        const key = queueKey(queue);
        return { key, place, queue, hazard: state.hazards.get(key) };
      });
      return { ...withRows(state, rows), cluster: action.cluster, failure: undefined };
    }
    case "planning":
      return { ...state, planning: true };
    case "notPlanned":
      return { ...state, planning: false };
    case "planned": {
      const hazards = new Map(
        action.queues.map((one) => [queueKey({ vhost: one.vhost, name: one.queue }), one] as const),
      );
      const rows = state.picker.rows.map((row) => ({ ...row, hazard: hazards.get(row.key) }));
      return { ...withRows(state, rows), hazards, planning: false };
    }
    case "failed":
      return { ...state, failure: action.failure, planning: false };
    case "pick":
      return { ...state, picker: reducePicker(SPEC, state.picker, action.action) };
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function withRows(state: QueuesState, rows: readonly QueueRow[]): QueuesState {
  return { ...state, picker: reducePicker(SPEC, state.picker, { type: "rows", rows }) };
}

function highest(name: string, figure: (row: QueueRow) => number) {
  const compare = (a: QueueRow, b: QueueRow) => figure(a) - figure(b);
  return { name, compare, highestFirst: true } as const;
}
