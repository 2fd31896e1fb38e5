import type { Binding } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type OptionsCommand = "change" | "unset" | "done";
export type ValueCommand = "keep" | "drop" | EraseCommand;

const CHANGE_KEY: Binding<OptionsCommand> = {
  keys: ["enter", "space"],
  command: "change",
  hint: "change",
  help: "set it, or type its value",
};
const UNSET_KEY: Binding<OptionsCommand> = {
  keys: ["x"],
  command: "unset",
  hint: "as configured",
  help: "as the configuration says",
};

/** Beside those of the list. */
export const OPTIONS_KEYS: readonly Binding<OptionsCommand>[] = [
  CHANGE_KEY,
  { keys: ["esc"], command: "done", hint: "plan with these", help: "back to the plan, with these" },
  UNSET_KEY,
];

/** While a filter is in force, which esc takes away first. */
export const FILTERED_OPTIONS_KEYS: readonly Binding<OptionsCommand>[] = [CHANGE_KEY, UNSET_KEY];

/** While a value is typed. */
export const VALUE_KEYS: readonly Binding<ValueCommand>[] = [
  { keys: ["enter"], command: "keep", hint: "take it", help: "take it; nothing: as configured" },
  { keys: ["esc"], command: "drop", hint: "as before", help: "the value as it was" },
  ...ERASE_KEYS,
];
