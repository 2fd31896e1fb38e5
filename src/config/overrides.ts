import { type ConfigPath, pathText } from "./problem.ts";

/** A value from a flag or a variable, which takes the place of what the file says. */
export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The flag, or the name of the variable, for messages. */
  readonly origin: string;
}

/** Keys of which only one may be given; a nearer source silences the farther one's. */
const ALTERNATIVES: Readonly<Record<string, string>> = {
  amqp_url: "amqp_url_file",
  amqp_url_file: "amqp_url",
  management_password: "management_password_file",
  management_password_file: "management_password",
};

/** A copy of the file's values in which each override, in order, has taken its place. */
export function applyOverrides(base: unknown, overrides: readonly Override[]): unknown {
  const root = isMapping(base) ? structuredClone(base) : {};
  for (const { path, value } of overrides) {
    const parent = descend(root, path.slice(0, -1));
    const key = path.at(-1)!;
    if (parent === undefined) continue;
    parent[key] = value;
    const other = ALTERNATIVES[key];
    if (other !== undefined && path.length > 1) delete parent[other];
  }
  return root;
}

/** Where a value came from: the last override at or above it, or at its alternative. */
export function originOf(path: ConfigPath, overrides: readonly Override[]): string | undefined {
  const text = pathText(path);
  return overrides.findLast((override) => {
    const above = pathText(override.path);
    return text === above || text.startsWith(`${above}.`) || text.startsWith(`${above}[`);
  })?.origin;
}

/** The mapping at a path, made where there is none; `undefined` where something else stands. */
function descend(root: Record<string, unknown>, path: readonly string[]) {
  let mapping = root;
  for (const key of path) {
    const next = mapping[key] ?? (mapping[key] = {});
    if (!isMapping(next)) return undefined;
    mapping = next;
  }
  return mapping;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
