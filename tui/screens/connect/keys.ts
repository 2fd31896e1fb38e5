import type { Binding } from "../../app/keys.ts";

export type ConnectCommand = "next" | "previous" | "take" | "cancel" | "erase" | "clear";

export const CONNECT_KEYS: readonly Binding<ConnectCommand>[] = [
  {
    keys: ["enter"],
    command: "take",
    hint: "next, then connect",
    help: "next; connect at the last",
  },
  { keys: ["tab", "down"], command: "next", hint: "next", help: "to the next field" },
  { keys: ["shift-tab", "up"], command: "previous", help: "to the field before" },
  { keys: ["esc"], command: "cancel", hint: "cancel", help: "back, and connect to nothing else" },
  { keys: ["backspace", "delete"], command: "erase", help: "erase a character" },
  { keys: ["ctrl-u"], command: "clear", help: "empty this field" },
];
