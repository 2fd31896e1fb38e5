import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type RestorePlanCommand =
  | MoveCommand
  | "start"
  | "refresh"
  | "nextIfNotEmpty"
  | "definitions"
  | "editWindow"
  | "keepWindow"
  | "dropWindow"
  | "eraseWindow";

const WISH_KEYS: readonly Binding<RestorePlanCommand>[] = [
  { keys: ["w"], command: "editWindow", hint: "time", help: "only messages of a time: from .. to" },
  {
    keys: ["i"],
    command: "nextIfNotEmpty",
    hint: "not empty",
    help: "queues that hold messages: fail, skip or append",
  },
  { keys: ["d"], command: "definitions", hint: "definitions", help: "restore them first, or not" },
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

/** While the time is typed. */
export const WINDOW_KEYS: readonly Binding<RestorePlanCommand>[] = [
  { keys: ["enter"], command: "keepWindow", hint: "take this time", help: "plan with it" },
  { keys: ["esc"], command: "dropWindow", hint: "as before", help: "the time that it was before" },
  { keys: ["backspace", "delete"], command: "eraseWindow", help: "erase a character" },
];
