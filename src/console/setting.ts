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

/** The long name of a setting's flag without dashes and without `no-`: `max-concurrent-queues`. */
export function nameOf({ flags }: Pick<Setting, "flags">): string {
  return /--(?:no-)?([a-z0-9-]+)/.exec(flags)![1]!;
}

/** Splits at commas that are not inside braces or brackets and have no backslash before them. */
export function splitList(text: string): string[] {
  const items = text.match(/(?:\\.|\{[^}]*\}|\[[^\]]*\]|[^,])+/gs) ?? [];
  return items.map((item) => item.trim()).filter((item) => item !== "");
}
