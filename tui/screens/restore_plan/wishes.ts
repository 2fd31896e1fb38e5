import type { Override } from "../../../src/config/overrides.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import type { RestoreWishes } from "./state.ts";

/** Wishes as configuration, and as flags of commands for the same. */
export interface WishedSettings {
  readonly overrides: readonly Override[];
  /** Of `restore`. */
  readonly flags: readonly string[];
  /** Of these, which messages: of `verify` as well. */
  readonly messageFlags: readonly string[];
}

/** What wishes come to. */
export function wishedSettings(
  { ifNotEmpty, definitions, window }: RestoreWishes,
): WishedSettings {
  const [start = "", end = ""] = window.split("..").map((time) => time.trim());
  const settings: [key: string, value: unknown, flags: string[]][] = [
    ...ifNotEmpty === undefined
      ? []
      : [setting("if_not_empty", ifNotEmpty, ["--if-not-empty", ifNotEmpty])],
    ...definitions === undefined
      ? []
      : [setting("restore_definitions", definitions, definitions ? ["--restore-definitions"] : [])],
    ...start === ""
      ? []
      : [setting("time_window_start", start, [`--time-window-start=${shellWord(start)}`])],
    ...end === "" ? [] : [setting("time_window_end", end, [`--time-window-end=${shellWord(end)}`])],
  ];
  return {
    overrides: settings.map(([key, value]) => ({
      path: ["restore", key],
      value,
      origin: "what was chosen here",
    })),
    flags: settings.flatMap(([, , flags]) => flags),
    messageFlags: settings.filter(([key]) => key.startsWith("time_window"))
      .flatMap(([, , flags]) => flags),
  };
}

function setting(key: string, value: unknown, flags: string[]): [string, unknown, string[]] {
  return [key, value, flags];
}
