import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type StartCommand = MoveCommand | "begin" | "ask" | "connect" | "save";

export const START_KEYS: readonly Binding<StartCommand>[] = [
  {
    keys: ["enter", "right", "l"],
    command: "begin",
    hint: "begin",
    help: "begin what the cursor is on",
  },
  {
    keys: ["c"],
    command: "connect",
    hint: "connect",
    help: "say where the broker and the storage are",
  },
  { keys: ["r"], command: "ask", hint: "ask again", help: "ask broker and storage again" },
  ...MOVE_KEYS,
];

/** When it was said on the way where broker and storage are. */
export const CONNECTED_KEYS: readonly Binding<StartCommand>[] = [
  {
    keys: ["ctrl-s"],
    command: "save",
    hint: "save",
    help: "save it as a configuration file, without the password",
  },
  ...START_KEYS,
];
