import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type MessageCommand = MoveCommand | "nextForm" | "next" | "previous";

export const MESSAGE_KEYS: readonly Binding<MessageCommand>[] = [
  {
    keys: ["b", "tab"],
    command: "nextForm",
    hint: "text, JSON, hex",
    help: "the body as what it is, as text, as JSON, as hex",
  },
  { keys: ["n", "right"], command: "next", hint: "next", help: "the next message of the list" },
  { keys: ["p", "left"], command: "previous", hint: "previous", help: "the message before" },
  ...MOVE_KEYS,
];
