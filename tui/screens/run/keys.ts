import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type RunCommand =
  | MoveCommand
  | "stop"
  | "goOn"
  | "close"
  | "next"
  | "pause"
  | "resume"
  | "slower"
  | "faster";

const STOP_KEY: Binding<RunCommand> = {
  keys: ["s"],
  command: "stop",
  hint: "stop safely",
  help: "stop; nothing is lost",
};

export const RUNNING_KEYS: readonly Binding<RunCommand>[] = [STOP_KEY, ...MOVE_KEYS];

const SPEED_KEYS: readonly Binding<RunCommand>[] = [
  { keys: ["-"], command: "slower", hint: "slower", help: "half as fast, where nothing is held" },
  { keys: ["+", "="], command: "faster", hint: "faster", help: "twice as fast, up to full speed" },
];

/** Of a run whose speed can be changed. */
export const PACED_KEYS: readonly Binding<RunCommand>[] = [
  {
    keys: ["p"],
    command: "pause",
    hint: "pause",
    help: "begin nothing more; what is being read goes back first",
  },
  STOP_KEY,
  ...SPEED_KEYS,
  ...MOVE_KEYS,
];

/** The same while it is paused. */
export const PAUSED_KEYS: readonly Binding<RunCommand>[] = [
  { keys: ["p"], command: "resume", hint: "go on", help: "end the pause" },
  STOP_KEY,
  ...SPEED_KEYS,
  ...MOVE_KEYS,
];

export const STOPPING_KEYS: readonly Binding<RunCommand>[] = [...MOVE_KEYS];

export const FAILED_KEYS: readonly Binding<RunCommand>[] = [
  {
    keys: ["c"],
    command: "goOn",
    hint: "go on with it",
    help: "run it again; what was kept is not done twice",
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
