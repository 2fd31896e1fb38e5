import type { Override } from "../config/overrides.ts";
import type { Environment } from "../config/interpolate.ts";
import { nameOf, type Setting, type SettingGroup, splitList } from "../console/setting.ts";

const PREFIX = "RABBITMQ_BACKUP_";

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
