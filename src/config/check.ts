import type { z } from "zod";
import { didYouMean, nearest } from "./nearest.ts";
import { type ConfigPath, pathText } from "./problem.ts";
import { type ConfigFile, ConfigFileSchema, configJsonSchema } from "./schema.ts";
import { BACKENDS } from "./schema/storage.ts";

type Issue = z.core.$ZodIssue;
type Found = { path: ConfigPath; text: string };

/** The checked file, or all that is wrong with it. */
export type Checked =
  | { readonly file: ConfigFile }
  | { readonly found: readonly Found[] };

/**
 * Holds values against the schema. Texts at `loose` paths (from variables and flags) may stand for
 * the number or switch that the schema wants there.
 */
export function checkConfig(value: unknown, loose: (path: ConfigPath) => boolean): Checked {
  for (;;) {
    const result = ConfigFileSchema.safeParse(value);
    if (result.success) return { file: result.data };
    const issues = result.error.issues.flatMap((issue) => innermost(issue, value));
    // Each round turns texts into something else, so the rounds end.
    const converted = issues.filter((issue) => loose(issue.path as ConfigPath))
      .filter((issue) => convert(issue, value));
    if (converted.length === 0) return { found: issues.flatMap((issue) => describe(issue, value)) };
  }
}

/** What is wrong inside the alternative of a union that was meant. */
function innermost(issue: Issue, root: unknown): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.find((errors) => !errors.some(isTypeMismatchAtTop));
  if (meant === undefined) return [issue];
  return meant.flatMap((inner) =>
    innermost({ ...inner, path: [...issue.path, ...inner.path] } as Issue, root)
  );
}

function isTypeMismatchAtTop(issue: Issue): boolean {
  return issue.code === "invalid_type" && issue.path.length === 0;
}

function convert(issue: Issue, root: unknown): boolean {
  if (issue.code !== "invalid_type") return false;
  const parent = valueAt(root, issue.path.slice(0, -1)) as Record<PropertyKey, unknown>;
  const key = issue.path.at(-1)!;
  const text = parent?.[key];
  if (typeof text !== "string") return false;
  const isNumber = issue.expected === "number" || issue.expected === "int";
  if (isNumber && /^[+-]?\d+(\.\d+)?$/.test(text.trim())) parent[key] = Number(text);
  else if (issue.expected === "boolean" && /^(true|false)$/i.test(text.trim())) {
    parent[key] = text.trim().toLowerCase() === "true";
  } else return false;
  return true;
}

/** An issue in our own words, with the way out; values are never repeated. */
function describe(issue: Issue, root: unknown): Found[] {
  const path = issue.path as ConfigPath;
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key));
  const value = valueAt(root, path);
  return [{ path, text: `${pathText(path)}: ${explain(issue, value)}` }];
}

function explain(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.expected, value);
    case "invalid_value":
      return wrongChoice(issue.values, value);
    case "too_small":
      return issue.origin === "string" ? "must not be empty" : `must be at least ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    case "invalid_union":
      return wrongAlternative(issue, value);
    default:
      return issue.message;
  }
}

const NOUNS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "keys with values",
  array: "a list",
};

function wrongType(expected: string, value: unknown): string {
  if (value === undefined) return "is missing";
  const found = `expected ${NOUNS[expected] ?? expected}, found ${kindOf(value)}`;
  const quotable = expected === "string" && ["number", "boolean"].includes(typeof value);
  return quotable ? `${found}; put it in quotes` : found;
}

function wrongChoice(values: readonly unknown[], value: unknown): string {
  const known = values.map(String);
  const slip = typeof value === "string" ? didYouMean(value, known) : "";
  return `expected ${known.length > 1 ? "one of " : ""}${known.join(", ")}${slip}`;
}

function wrongAlternative(issue: Extract<Issue, { code: "invalid_union" }>, value: unknown) {
  if (issue.path.at(-1) !== "backend") {
    return issue.message === "Invalid input" ? "expected text or keys with values" : issue.message;
  }
  if (value === undefined) return 'is missing; use "filesystem"';
  return wrongChoice(BACKENDS, value);
}

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "keys with values";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : "text";
}

/** Keys of the earlier tool that this version does not have, and what there is instead. */
const FORMER_KEYS: Readonly<Record<string, string>> = {
  "restore.publisher_confirms": "confirms are always used; remove this key",
  "restore.produce_batch_size": 'there are no batches; "window" says how many may be unconfirmed',
  "restore.dry_run": "use the flag --dry-run",
  "restore.checkpoint_state": "use offset_storage.db_path",
};

function unknownKey(parent: ConfigPath, key: string): Found {
  const path = [...parent, key];
  // What does not look like a key may be a misplaced value, and is not repeated.
  const shown = /^[\w-]{1,40}$/.test(key)
    ? pathText(path)
    : `a key of ${pathText(parent) || "the file"}`;
  const instead = FORMER_KEYS[pathText(path)];
  if (instead !== undefined) return { path, text: `${shown}: ${instead}` };
  const known = knownKeys(configJsonSchema(), parent);
  const near = nearest(key, known);
  if (near !== undefined) return { path, text: `${shown} is unknown; did you mean "${near}"?` };
  const elsewhere = pathsOf(key, configJsonSchema());
  const advice = elsewhere.length > 0
    ? `; it belongs under ${elsewhere.join(" or ")}`
    : `; known here: ${[...known].join(", ")}`;
  return { path, text: `${shown} is unknown${advice}` };
}

type JsonSchema = {
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
};

function alternatives(schema: JsonSchema): JsonSchema[] {
  const nested = [...schema.anyOf ?? [], ...schema.oneOf ?? []];
  return nested.length === 0 ? [schema] : nested.flatMap(alternatives);
}

function knownKeys(schema: JsonSchema, path: ConfigPath): Set<string> {
  let level = alternatives(schema);
  for (const part of path) {
    level = level.flatMap((one) => typeof part === "number" ? one.items : one.properties?.[part])
      .filter((one) => one !== undefined).flatMap(alternatives);
  }
  return new Set(level.flatMap((one) => Object.keys(one.properties ?? {})));
}

/** Paths of the mappings that have this key. */
function pathsOf(key: string, schema: JsonSchema, at: ConfigPath = []): string[] {
  return alternatives(schema).flatMap((one) =>
    Object.entries(one.properties ?? {}).flatMap(([name, below]) => [
      ...(name === key && at.length > 0 ? [`"${pathText(at)}"`] : []),
      ...pathsOf(key, below, [...at, name]),
    ])
  );
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}
