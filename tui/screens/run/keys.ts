import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type RunCommand = MoveCommand | "stop" | "goOn" | "close" | "next";

export const RUNNING_KEYS: readonly Binding<RunCommand>[] = [
  { keys: ["s"], command: "stop", hint: "stop safely", help: "stop; what is done is kept" },
  ...MOVE_KEYS,
];

export const STOPPING_KEYS: readonly Binding<RunCommand>[] = [...MOVE_KEYS];

export const FAILED_KEYS: readonly Binding<RunCommand>[] = [
  {
    keys: ["c"],
    command: "goOn",
    hint: "go on with it",
    help: "run it again: it goes on where it stopped",
    writes: true,
  },
  { keys: ["enter"], command: "close", hint: "close", help: "back to the screen before" },
  ...MOVE_KEYS,
];

/** The way on after a restore. */
export const VERIFY_KEY: Binding<"next"> = {
  keys: ["v"],
  command: "next",
  hint: "verify",
  help: "read the queues again, compare them with the backup, and give all back",
};

export const DONE_KEYS: readonly Binding<RunCommand>[] = [
  { keys: ["enter"], command: "close", hint: "close", help: "back to the screen before" },
  ...MOVE_KEYS,
];
