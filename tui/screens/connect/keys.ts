import type { Binding } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type ConnectCommand =
  | "next"
  | "previous"
  | "take"
  | "use"
  | "test"
  | "save"
  | "cancel"
  | EraseCommand;

const EDIT_KEYS: readonly Binding<ConnectCommand>[] = [
  { keys: ["esc"], command: "cancel", hint: "cancel", help: "back, and connect to nothing else" },
  { keys: ["tab", "down"], command: "next", hint: "next", help: "to the next field" },
  { keys: ["shift-tab", "up"], command: "previous", help: "to the field before" },
  { keys: ["ctrl-t"], command: "test", hint: "try", help: "try what is typed" },
  ...ERASE_KEYS,
];

export const CONNECT_KEYS: readonly Binding<ConnectCommand>[] = [
  {
    keys: ["enter"],
    command: "take",
    hint: "next, then try",
    help: "next; at the last, try all of it",
  },
  ...EDIT_KEYS,
];

/** When it was tried, or is being tried. */
export const TRIED_KEYS: readonly Binding<ConnectCommand>[] = [
  { keys: ["enter"], command: "use", hint: "use it", help: "go on with what is typed" },
  {
    keys: ["ctrl-s"],
    command: "save",
    hint: "save as a file",
    help: "save it as a configuration file, without the password",
  },
  ...EDIT_KEYS,
];
