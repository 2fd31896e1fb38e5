import type { Binding } from "../../app/keys.ts";
import { ERASE_KEYS, type EraseCommand } from "../../components/text_field.ts";

export type WindowCommand =
  | EraseCommand
  | "take"
  | "earlier"
  | "later"
  | "muchEarlier"
  | "muchLater"
  | "otherEdge"
  | "openEdge"
  | "zoomIn"
  | "zoomOut"
  | "edit"
  | "keepTyped"
  | "dropTyped"
  | "otherField";

/** The times are moved. */
export const WINDOW_KEYS: readonly Binding<WindowCommand>[] = [
  { keys: ["enter"], command: "take", hint: "take it", help: "plan with this time" },
  { keys: ["left", "h"], command: "earlier", hint: "earlier", help: "this end, a part earlier" },
  { keys: ["right", "l"], command: "later", hint: "later", help: "this end, a part later" },
  { keys: ["shift-left", "["], command: "muchEarlier", help: "this end, ten parts earlier" },
  { keys: ["shift-right", "]"], command: "muchLater", help: "this end, ten parts later" },
  {
    keys: ["tab", "up", "down"],
    command: "otherEdge",
    hint: "other end",
    help: "to the other end",
  },
  {
    keys: ["f"],
    command: "otherField",
    hint: "which time",
    help: "by when they were read, or by their own timestamp",
  },
  { keys: ["x"], command: "openEdge", hint: "open", help: "this end open: no limit there" },
  { keys: ["t", "e"], command: "edit", hint: "type", help: "type both: -2h .. now" },
  { keys: ["+", "="], command: "zoomIn", help: "half the time, around this end" },
  { keys: ["-"], command: "zoomOut", help: "twice the time" },
];

const UNDRAWN = new Set<WindowCommand>([
  "earlier",
  "later",
  "muchEarlier",
  "muchLater",
  "zoomIn",
  "zoomOut",
]);

/** Of times of which there is no timeline. */
export const UNDRAWN_KEYS = WINDOW_KEYS.filter(({ command }) => !UNDRAWN.has(command));

/** The times are typed. */
export const TYPED_KEYS: readonly Binding<WindowCommand>[] = [
  { keys: ["enter"], command: "keepTyped", hint: "look at it", help: "show it on the timeline" },
  { keys: ["esc"], command: "dropTyped", hint: "as before", help: "the times as they were" },
  ...ERASE_KEYS,
];
