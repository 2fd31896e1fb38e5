import { parseTimePoint, resolveTimePoint } from "../../../src/config/time_point.ts";
import type { Override } from "../../../src/config/overrides.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import { nameOf, type Setting, splitList } from "../../../src/console/setting.ts";
import type { TuiCall } from "../../../src/console/tui_call.ts";
import { isoText, timesOf } from "../window/window_text.ts";
import type { RestoreWishes } from "./state.ts";

/** Wishes as configuration, and as flags of commands for the same. */
export interface WishedSettings {
  readonly overrides: readonly Override[];
  /** Of `restore`. */
  readonly flags: readonly string[];
  /** Of these, those that `verify` goes by as well. */
  readonly verifyFlags: readonly string[];
}

/** What wishes come to, but for the target. Times from now become those that they are at `now`. */
export function wishedSettings(
  { window, options }: Pick<RestoreWishes, "window" | "options">,
  { settings: { own, shared }, now }: { settings: TuiCall["restoreSettings"]; now: Date },
): WishedSettings {
  // A command that is kept means the same time later on.
  const [start, end] = timesOf(window).map((time) => time === "" ? "" : absolute(time, now));
  const values: Record<string, string | true> = {
    ...options,
    ...start === "" ? {} : { "time-window-start": start! },
    ...end === "" ? {} : { "time-window-end": end! },
  };
  const wished = (groups: typeof own) =>
    groups.flatMap(({ settings }) => settings).flatMap((setting) => {
      const value = values[nameOf(setting)];
      return value === undefined ? [] : [{ setting, value }];
    });
  const flagsOf = (groups: typeof own) => wished(groups).flatMap(wishedFlags);
  return {
    overrides: wished([...own, ...shared]).map(({ setting, value }) => ({
      path: setting.path.split("."),
      value: configValue(setting, value),
      origin: `--${nameOf(setting)}`,
    })),
    flags: [...flagsOf(own), ...flagsOf(shared)],
    verifyFlags: flagsOf(shared),
  };
}

function absolute(time: string, now: Date): string {
  return isoText(resolveTimePoint(parseTimePoint(time), now.getTime()));
}

function configValue({ flags, list }: Setting, value: string | true): unknown {
  if (value === true) return !flags.includes("--no-");
  return list ? splitList(value) : value;
}

function wishedFlags({ setting, value }: { setting: Setting; value: string | true }): string[] {
  const name = nameOf(setting);
  if (value === true) return [setting.flags.includes("--no-") ? `--no-${name}` : `--${name}`];
  // In one word, as a value may begin with a dash.
  const values = setting.list ? splitList(value) : [value];
  return values.map((one) => `--${name}=${shellWord(one)}`);
}
