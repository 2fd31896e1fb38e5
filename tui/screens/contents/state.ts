import type { Manifest, QueueEntry } from "../../../src/archive/manifest.ts";
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

/** One queue of a backup. */
export interface EntryRow extends PickerRow {
  readonly place: number;
  readonly entry: QueueEntry;
}

/** What is in a backup, and which of its queues are marked. */
export interface ContentsState {
  readonly manifest?: Manifest;
  readonly picker: Picker<EntryRow>;
  readonly failure?: Failure;
}

export const NOT_READ: ContentsState = { picker: EMPTY_PICKER };

export type ContentsAction =
  | { type: "read"; manifest: Manifest }
  | { type: "failed"; failure: Failure }
  | { type: "pick"; action: PickerAction<EntryRow> };

/** Indexes of the orders, for the columns that show them. */
export const ORDER = { name: 0, type: 1, messages: 2, size: 3 } as const;

const SPEC: PickerSpec<EntryRow> = {
  text: ({ entry }) => `${entry.vhost} ${entry.name} ${entry.queue_type}`,
  type: ({ entry }) => entry.queue_type,
  orders: [
    { name: "name", compare: (a, b) => a.place - b.place },
    { name: "type", compare: (a, b) => a.entry.queue_type.localeCompare(b.entry.queue_type) },
    {
      name: "messages",
      compare: (a, b) => a.entry.message_count - b.entry.message_count,
      highestFirst: true,
    },
    {
      name: "size",
      compare: (a, b) => a.entry.body_bytes - b.entry.body_bytes,
      highestFirst: true,
    },
  ],
};

/** The backup after it was read, or a key was pressed. */
export function reduceContents(state: ContentsState, action: ContentsAction): ContentsState {
  switch (action.type) {
    case "read": {
      const rows = action.manifest.queues.map((entry, place) => ({
        key: queueKey(entry),
        place,
        entry,
      }));
      const picker = reducePicker(SPEC, state.picker, { type: "rows", rows });
      return { manifest: action.manifest, picker };
    }
    case "failed":
      return { ...state, failure: action.failure };
    case "pick":
      return { ...state, picker: reducePicker(SPEC, state.picker, action.action) };
  }
}
