import { type Binding, MOVE_KEYS, type MoveCommand } from "../../app/keys.ts";

export type ReportCommand = MoveCommand | "again" | "next";

export const REPORT_KEYS: readonly Binding<ReportCommand>[] = [
  { keys: ["r"], command: "again", hint: "look again", help: "ask for all of it again" },
  ...MOVE_KEYS,
];
