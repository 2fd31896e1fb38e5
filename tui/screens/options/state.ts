import { nameOf, type Setting, type SettingGroup } from "../../../src/console/setting.ts";
import type { Failure } from "../../app/failure.ts";
import {
  currentRow,
  EMPTY_PICKER,
  type Picker,
  type PickerAction,
  type PickerRow,
  type PickerSpec,
  reducePicker,
} from "../../components/picker.ts";
import { type EraseCommand, erased } from "../../components/text_field.ts";
import type { OptionValues } from "../restore_plan/state.ts";

/** One setting. Its key is the name of its flag. */
export interface OptionRow extends PickerRow {
  readonly place: number;
  readonly setting: Setting;
  /** What it is about, as the help of the command has it. */
  readonly group: string;
}

/** Settings of a restore, and the values that were chosen. */
export interface OptionsState {
  readonly picker: Picker<OptionRow>;
  readonly values: OptionValues;
  /** The value of the one under the cursor, while it is typed. */
  readonly typed?: string | undefined;
  /** Why a configuration with these values cannot be used. */
  readonly failure?: Failure | undefined;
}

/** Settings that have a place of their own in the UI, or none. */
const ELSEWHERE = new Set(["time-window-start", "time-window-end", "definitions-dry-run"]);

const SPEC: PickerSpec<OptionRow> = {
  text: ({ key, setting, group }) => `${key} ${setting.help} ${group}`,
  type: ({ group }) => group,
  orders: [
    { name: "place", compare: (a, b) => a.place - b.place },
    { name: "name", compare: (a, b) => a.key.localeCompare(b.key) },
  ],
};

/** The settings of these groups, with what was chosen before. */
export function optionsState(
  groups: readonly SettingGroup[],
  values: OptionValues,
): OptionsState {
  const rows = groups.flatMap(({ heading, settings }) =>
    settings.map((setting) => ({ setting, group: heading.replace(/( \(.*)?:$/, "") }))
  ).map(({ setting, group }, place) => ({ key: nameOf(setting), place, setting, group }))
    .filter(({ key, setting }) => !setting.hidden && !ELSEWHERE.has(key));
  return { picker: reducePicker(SPEC, EMPTY_PICKER, { type: "rows", rows }), values };
}

/** Whether a setting has no value of its own. */
export function isSwitch({ flags }: Setting): boolean {
  return !flags.includes("<");
}

export type OptionsAction =
  | { type: "change" | "unset" | "keep" | "drop" }
  | { type: "erase"; command: EraseCommand }
  | { type: "type"; text: string }
  | { type: "checked"; failure: Failure | undefined }
  | { type: "pick"; action: PickerAction<OptionRow> };

/** The options after a key, or after they were checked. */
export function reduceOptions(state: OptionsState, action: OptionsAction): OptionsState {
  const row = currentRow(state.picker);
  switch (action.type) {
    case "change":
      return row === undefined ? state : changed(state, row);
    case "unset":
      return row === undefined ? state : withValue(state, row.key, undefined);
    case "keep":
      return row === undefined
        ? state
        : withValue(state, row.key, state.typed?.trim() || undefined);
    case "drop":
      return { ...state, typed: undefined };
    case "erase":
      return { ...state, typed: erased(state.typed ?? "", action.command) };
    case "type":
      return { ...state, typed: (state.typed ?? "") + action.text };
    case "checked":
      return { ...state, failure: action.failure };
    case "pick":
      return { ...state, picker: reducePicker(SPEC, state.picker, action.action) };
  }
}

/** A switch is turned; any other value is typed. */
function changed(state: OptionsState, { key, setting }: OptionRow): OptionsState {
  const value = state.values[key];
  if (isSwitch(setting)) return withValue(state, key, value === undefined ? true : undefined);
  return { ...state, typed: value === undefined ? "" : String(value) };
}

function withValue(
  state: OptionsState,
  key: string,
  value: string | true | undefined,
): OptionsState {
  const { [key]: _before, ...others } = state.values;
  const values = value === undefined ? others : { ...others, [key]: value };
  return { ...state, values, typed: undefined };
}
