import type { Binding } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type TargetCommand = EraseCommand | "next" | "previous" | "advance" | "test" | "cancel";

const FORM_KEYS: readonly Binding<TargetCommand>[] = [
  { keys: ["tab", "down"], command: "next", hint: "next", help: "to the next field" },
  { keys: ["shift-tab", "up"], command: "previous", help: "to the field before" },
  { keys: ["ctrl-t"], command: "test", hint: "try", help: "try what is typed" },
  { keys: ["esc"], command: "cancel", hint: "cancel", help: "back; the target stays what it was" },
  ...ERASE_KEYS,
];

export const TARGET_KEYS: readonly Binding<TargetCommand>[] = [
  {
    keys: ["enter"],
    command: "advance",
    hint: "next, then try",
    help: "next; at the last field, try it",
  },
  ...FORM_KEYS,
];

/** It has answered. */
export const TRIED_TARGET_KEYS: readonly Binding<TargetCommand>[] = [
  { keys: ["enter"], command: "advance", hint: "take it", help: "plan with this broker" },
  ...FORM_KEYS,
];
