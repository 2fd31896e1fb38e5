import type { Binding } from "../../app/keys.ts";
import { FILTER_KEYS, FILTERED_KEYS, type PickerCommand } from "../../components/picker_keys.ts";
import type { LogState } from "./state.ts";

/** Nothing is marked or sorted here: it is in the order in which it happened. */
const USED: readonly PickerCommand[] = [
  "editFilter",
  "dropFilter",
  "up",
  "down",
  "pageUp",
  "pageDown",
  "first",
  "last",
];

const LOG_KEYS = FILTERED_KEYS.filter(({ command }) => USED.includes(command));

/** The bindings in force. */
export function logKeys({ isFiltering, filter }: LogState): readonly Binding<PickerCommand>[] {
  if (isFiltering) return FILTER_KEYS;
  return filter === "" ? LOG_KEYS.filter(({ command }) => command !== "dropFilter") : LOG_KEYS;
}
