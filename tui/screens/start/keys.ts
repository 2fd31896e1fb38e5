import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type StartCommand = MoveCommand | "begin" | "ask";

export const START_KEYS: readonly Binding<StartCommand>[] = [
  {
    keys: ["enter", "right", "l"],
    command: "begin",
    hint: "begin",
    help: "begin what the cursor is on",
  },
  { keys: ["r"], command: "ask", hint: "connect again", help: "ask broker and storage again" },
  ...MOVE_KEYS,
];
