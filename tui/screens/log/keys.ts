import type { Binding } from "../../app/keys.ts";
import { type PickerCommand, pickerKeys } from "../../components/picker_keys.ts";
import type { LogState } from "./state.ts";

/** The bindings in force. Nothing is marked or sorted: it is in the order in which it happened. */
export function logKeys(state: LogState): readonly Binding<PickerCommand>[] {
  return pickerKeys(state, [], { canMark: false, canSort: false });
}
