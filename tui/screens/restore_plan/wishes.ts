import type { Override } from "../../../src/config/overrides.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import { nameOf, type Setting, splitList } from "../../../src/console/setting.ts";
import type { TuiCall } from "../../../src/console/tui_call.ts";
import { timesOf } from "../window/window_text.ts";
import type { RestoreWishes } from "./state.ts";

/** Wishes as configuration, and as flags of commands for the same. */
export interface WishedSettings {
  readonly overrides: readonly Override[];
  /** Of `restore`. */
  readonly flags: readonly string[];
  /** Of these, those that `verify` goes by as well. */
  readonly verifyFlags: readonly string[];
}

/** What wishes come to, but for the target. */
export function wishedSettings(
  { window, options }: Pick<RestoreWishes, "window" | "options">,
  { own, shared }: TuiCall["restoreSettings"],
): WishedSettings {
  const [start, end] = timesOf(window);
  const values: Record<string, string | true> = {
    ...options,
    ...start === "" ? {} : { "time-window-start": start },
    ...end === "" ? {} : { "time-window-end": end },
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
