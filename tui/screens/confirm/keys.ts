import type { Binding } from "../../app/keys.ts";

export type ConfirmCommand = "press" | "cancel" | "otherButton" | "erase";

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
    help: "press the button that has the focus",
  },
  {
    keys: ["esc"],
    command: "cancel",
    hint: "cancel",
    help: "back to the plan; nothing is written",
  },
  { keys: ["backspace", "delete"], command: "erase", help: "erase a character" },
];
