import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type RestorePlanCommand =
  | MoveCommand
  | "start"
  | "refresh"
  | "window"
  | "target"
  | "options"
  | "nextIfNotEmpty"
  | "definitions";

const WISH_KEYS: readonly Binding<RestorePlanCommand>[] = [
  { keys: ["w"], command: "window", hint: "time", help: "only messages of a time" },
  { keys: ["t"], command: "target", hint: "target", help: "restore into another broker" },
  {
    keys: ["o"],
    command: "options",
    hint: "options",
    help: "mapping, filters, limits: all that the command has",
  },
  {
    keys: ["i"],
    command: "nextIfNotEmpty",
    hint: "not empty",
    help: "queues that hold messages: fail, skip or append",
  },
  {
    keys: ["d"],
    command: "definitions",
    hint: "definitions",
    help: "restore them first, or as configured",
  },
  { keys: ["r"], command: "refresh", help: "ask the target again" },
  ...MOVE_KEYS,
];

/** The plan is there and has something to do. */
export const RESTORE_PLAN_KEYS: readonly Binding<RestorePlanCommand>[] = [
  { keys: ["enter"], command: "start", hint: "restore", help: "on to the question", writes: true },
  ...WISH_KEYS,
];

/** There is nothing to start. */
export const NO_RESTORE_KEYS = WISH_KEYS;
