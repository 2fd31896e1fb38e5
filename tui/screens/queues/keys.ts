import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type QueuesCommand =
  | MoveCommand
  | "mark"
  | "markRange"
  | "markType"
  | "markAll"
  | "clearMarks"
  | "editFilter"
  | "dropFilter"
  | "sort"
  | "reverse"
  | "refresh"
  | "plan";

/** While the list has the keys. */
export const QUEUES_KEYS: readonly Binding<QueuesCommand>[] = [
  {
    keys: ["enter"],
    command: "plan",
    hint: "plan",
    help: "the plan of a backup of what is marked",
  },
  { keys: ["space"], command: "mark", hint: "mark", help: "mark this queue, or not" },
  { keys: ["/"], command: "editFilter", hint: "filter", help: "show only some: see below" },
  { keys: ["s"], command: "sort", hint: "sort", help: "sort by the next column" },
  { keys: ["S"], command: "reverse", help: "turn the order around" },
  {
    keys: ["t"],
    command: "markType",
    hint: "mark type",
    help: "mark all of this type that are shown",
  },
  { keys: ["a"], command: "markAll", hint: "mark all", help: "mark all that are shown" },
  { keys: ["v"], command: "markRange", help: "mark from the last one marked to here" },
  { keys: ["u"], command: "clearMarks", help: "no marks; then all queues are meant" },
  { keys: ["r"], command: "refresh", help: "look at the hazards again" },
  ...MOVE_KEYS,
];

/** The same while a filter is in force: `esc` takes it away first. */
export const FILTERED_KEYS: readonly Binding<QueuesCommand>[] = [
  ...QUEUES_KEYS,
  { keys: ["esc"], command: "dropFilter", hint: "no filter", help: "show all queues again" },
];

export type FilterCommand = "keepFilter" | "dropFilter" | "eraseFilter" | "up" | "down";

/** While the filter is typed. */
export const FILTER_KEYS: readonly Binding<FilterCommand>[] = [
  { keys: ["enter"], command: "keepFilter", hint: "keep", help: "back to the list, filtered" },
  { keys: ["esc"], command: "dropFilter", hint: "no filter", help: "back to the list, all of it" },
  { keys: ["backspace", "delete"], command: "eraseFilter", help: "erase a character" },
  { keys: ["up"], command: "up", help: "one up" },
  { keys: ["down"], command: "down", help: "one down" },
];
