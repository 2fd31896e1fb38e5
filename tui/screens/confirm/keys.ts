import type { Binding } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type ConfirmCommand = "press" | "cancel" | "otherButton" | EraseCommand;

export const CONFIRM_KEYS: readonly Binding<ConfirmCommand>[] = [
  {
    keys: ["tab", "shift-tab", "left", "right"],
    command: "otherButton",
    hint: "other button",
    help: "to the other button",
  },
  {
    keys: ["enter"],
    command: "press",
    hint: "press it",
    help: "behind the name to its button, else press the button with the focus",
  },
  {
    keys: ["esc"],
    command: "cancel",
    hint: "cancel",
    help: "back to the plan; nothing is written",
  },
  ...ERASE_KEYS,
];
