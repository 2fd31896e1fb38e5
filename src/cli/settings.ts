import type { Override } from "../config/overrides.ts";
import type { Environment } from "../config/interpolate.ts";

/** A configuration value that is also a flag and an environment variable. */
export interface Setting {
  /** As commander writes flags: `--compression <codec>`, `--no-x` for a switch that is on. */
  readonly flags: string;
  /** Where the value goes, dots between keys. */
  readonly path: string;
  readonly help: string;
  /** May be given several times; a variable separates by commas. */
  readonly list?: true;
  /** Only a variable, since flags show in the list of processes. */
  readonly hidden?: true;
}

/** Settings under one heading of the help. */
export interface SettingGroup {
  readonly heading: string;
  readonly settings: readonly Setting[];
}

const PREFIX = "RABBITMQ_BACKUP_";

/** The long name of a setting's flag without dashes and without `no-`: `max-concurrent-queues`. */
export function nameOf({ flags }: Setting): string {
  return /--(?:no-)?([a-z0-9-]+)/.exec(flags)![1]!;
}

/** `RABBITMQ_BACKUP_MAX_CONCURRENT_QUEUES` for `--max-concurrent-queues`. */
export function variableOf(name: string): string {
  return PREFIX + name.toUpperCase().replaceAll("-", "_");
}

/** The key under which commander keeps a flag's value: `maxConcurrentQueues`. */
export function keyOf(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Values of variables and, after them since they win, of flags that were given. */
export function collectOverrides(
  groups: readonly SettingGroup[],
  given: { env: Environment; flags: Readonly<Record<string, unknown>> },
): Override[] {
  const settings = groups.flatMap((group) => group.settings);
  const variables = settings.flatMap((setting) => {
    const origin = variableOf(nameOf(setting));
    const text = given.env(origin);
    if (text === undefined || text === "") return [];
    return [override(setting, setting.list ? splitList(text) : text, origin)];
  });
  const flags = settings.flatMap((setting) => {
    const value = given.flags[keyOf(nameOf(setting))];
    return value === undefined ? [] : [override(setting, value, `--${nameOf(setting)}`)];
  });
  return [...variables, ...flags];
}

function override({ path }: Setting, value: unknown, origin: string): Override {
  return { path: path.split("."), value, origin };
}

/** Splits at commas that are not inside braces or brackets and have no backslash before them. */
function splitList(text: string): string[] {
  const items = text.match(/(?:\\.|\{[^}]*\}|\[[^\]]*\]|[^,])+/gs) ?? [];
  return items.map((item) => item.trim()).filter((item) => item !== "");
}
