import type { Binding } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type ConnectCommand = "next" | "previous" | "take" | "cancel" | EraseCommand;

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
  ...ERASE_KEYS,
];
