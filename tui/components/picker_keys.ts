import { type Binding, MOVE_KEYS, type MoveCommand } from "../app/keys.ts";
import type { Area } from "../app/screen.ts";
import { ERASE_KEYS, type EraseCommand } from "./text_field.ts";
import type { Picker, PickerAction, PickerRow } from "./picker.ts";

type MarkCommand = "mark" | "markRange" | "markType" | "markAll" | "clearMarks";
type EditCommand = "editFilter" | "keepFilter" | "dropFilter" | "sort" | "reverse" | EraseCommand;

export type PickerCommand = MoveCommand | MarkCommand | EditCommand;

const FILTER_KEY: Binding<PickerCommand> = {
  keys: ["/"],
  command: "editFilter",
  hint: "filter",
  help: "word, !without, -f fuzzy",
};

const SORT_KEYS: readonly Binding<PickerCommand>[] = [
  { keys: ["s"], command: "sort", hint: "sort", help: "sort by the next column" },
  { keys: ["S"], command: "reverse", help: "turn the order around" },
];

const MARK_KEYS: readonly Binding<PickerCommand>[] = [
  { keys: ["a"], command: "markAll", hint: "mark all", help: "mark all that are shown" },
  { keys: ["t"], command: "markType", help: "mark all of this type that are shown" },
  { keys: ["v"], command: "markRange", help: "mark from the last one marked to here" },
  { keys: ["u"], command: "clearMarks", help: "no marks; then all that are shown are meant" },
];

const MARK_KEY: Binding<PickerCommand> = {
  keys: ["space"],
  command: "mark",
  hint: "mark",
  help: "mark this one, or not",
};

/** While a filter is in force, `esc` takes it away first. */
const UNFILTER_KEY: Binding<PickerCommand> = {
  keys: ["esc"],
  command: "dropFilter",
  hint: "no filter",
  help: "show all again",
};

/** While the filter is typed. */
export const FILTER_KEYS: readonly Binding<PickerCommand>[] = [
  { keys: ["enter"], command: "keepFilter", hint: "keep", help: "back to the list, filtered" },
  { keys: ["esc"], command: "dropFilter", hint: "no filter", help: "back to the list, all of it" },
  ...ERASE_KEYS,
  { keys: ["up"], command: "up", help: "one up" },
  { keys: ["down"], command: "down", help: "one down" },
];

/** The bindings of a list, behind those of its screen. */
export function pickerKeys<Command extends string>(
  { isFiltering, filter }: Picker<PickerRow>,
  own: readonly Binding<Command>[],
  { canMark = true, canSort = true }: { canMark?: boolean; canSort?: boolean } = {},
): readonly Binding<Command | PickerCommand>[] {
  if (isFiltering) return FILTER_KEYS;
  return [
    ...own,
    ...canMark ? [MARK_KEY] : [],
    FILTER_KEY,
    ...canSort ? SORT_KEYS : [],
    ...canMark ? MARK_KEYS : [],
    ...MOVE_KEYS,
    ...filter === "" ? [] : [UNFILTER_KEY],
  ];
}

const MOVES = new Set<string>(MOVE_KEYS.map(({ command }) => command));
const MARKS = new Set<string>(["mark", "markRange", "markType", "markAll", "clearMarks"]);

/** What a command of the list is as an action; `page`: lines of it that are seen. */
export function pickerAction(command: PickerCommand, page: number): PickerAction<never> {
  if (MOVES.has(command)) return { type: "move", command: command as MoveCommand, page };
  if (MARKS.has(command)) return { type: command as MarkCommand, page };
  return { type: command as EditCommand };
}

/** The field that the filter is typed into, while it is. */
export function pickerTyping(
  { isFiltering }: Picker<PickerRow>,
  dispatch: (action: PickerAction<never>) => void,
): { text(text: string): void } | undefined {
  if (!isFiltering) return undefined;
  return { text: (text) => dispatch({ type: "typeFilter", text }) };
}

/** Lines of rows that there is room for beside so many others. */
export function pageOf({ rows }: Area, others: number): number {
  return Math.max(1, rows - others);
}
