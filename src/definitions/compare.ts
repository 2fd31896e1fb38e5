import {
  canonicalJson,
  type DefinedObject,
  identityOf,
  type Kind,
  tableOf,
  tagsOf,
} from "./document.ts";

/** Fields that say what an object is; others (statistics) do not count. */
const COMPARED: Readonly<Record<Kind, readonly string[]>> = {
  users: ["password_hash", "hashing_algorithm", "tags", "limits"],
  vhosts: ["description", "tags", "default_queue_type"],
  permissions: ["configure", "write", "read"],
  topic_permissions: ["write", "read"],
  parameters: ["value"],
  global_parameters: ["value"],
  policies: ["pattern", "definition", "priority", "apply-to"],
  queues: ["durable", "auto_delete", "arguments"],
  exchanges: ["type", "durable", "auto_delete", "internal", "arguments"],
  bindings: [],
};

/** What is meant where a version leaves a field out, as 4.3 does with `internal`. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  internal: false,
  auto_delete: false,
  priority: 0,
  "apply-to": "all",
  description: "",
  default_queue_type: "classic",
  limits: {},
};

/** Fields whose values are tables that are compared key by key. */
const TABLES: readonly string[] = ["arguments", "definition", "value", "limits"];

/** A field in which two objects differ. */
export interface FieldDifference {
  /** Name of the field; behind a dot a key of the table in it. */
  readonly field: string;
  /** Values as JSON; absent where there is none. A secret is `***`. */
  readonly from?: string;
  readonly to?: string;
}

/** The objects of one kind by what tells them apart. */
export function byIdentity(
  kind: Kind,
  objects: readonly DefinedObject[],
  vhost: string | undefined,
): Map<string, DefinedObject> {
  return new Map(objects.map((object) => [identityOf(kind, object, vhost), object]));
}

/** Whether the broker's object is as wanted. What `wanted` does not say may be anything. */
export function isAsWanted(kind: Kind, wanted: DefinedObject, actual: DefinedObject): boolean {
  return fieldsToChange(kind, wanted, actual).length === 0;
}

/** The fields in which the broker's object is otherwise than `wanted` says. */
export function fieldsToChange(
  kind: Kind,
  wanted: DefinedObject,
  actual: DefinedObject,
): readonly string[] {
  return COMPARED[kind].filter((field) => {
    const value = valueOf(kind, wanted, field);
    if (value === undefined) return false;
    const now = valueOf(kind, actual, field);
    return comparable(field, value, now) !== comparable(field, now, value);
  });
}

/** What is different, field by field, without secrets. Fields that one of them lacks count. */
export function differencesOf(
  kind: Kind,
  from: DefinedObject,
  to: DefinedObject,
): FieldDifference[] {
  return COMPARED[kind].flatMap((field) => {
    const before = valueOf(kind, from, field);
    const after = valueOf(kind, to, field);
    if (comparable(field, before, after) === comparable(field, after, before)) return [];
    if (!TABLES.includes(field)) return [difference(field, before, after)];
    if (field !== "arguments") return tableDifferences(field, before, after);
    return tableDifferences(
      field,
      withoutAddedType(before, after),
      withoutAddedType(after, before),
    );
  });
}

/** Some versions tell what belongs to a vhost below `metadata` only. */
function valueOf(kind: Kind, object: DefinedObject, field: string): unknown {
  if (kind !== "vhosts") return object[field];
  const { metadata } = object;
  const value = object[field] ?? tableOf(metadata)[field];
  // As 4.x calls a default that nobody chose.
  return value === "undefined" ? undefined : value;
}

function tableDifferences(field: string, from: unknown, to: unknown): FieldDifference[] {
  const [before, after] = [tableOf(from), tableOf(to)];
  const plain = [from, to].some((value) => value !== undefined && tableOf(value) !== value);
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  if (plain || keys.length === 0) return [difference(field, from, to)];
  return keys
    .filter((key) => canonicalJson(before[key]) !== canonicalJson(after[key]))
    .map((key) => difference(`${field}.${key}`, before[key], after[key]));
}

const SECRET = /password|passwd|secret|token|credential/i;
/** What stands before the host of a URI; rather too much of it than too little. */
const CREDENTIALS = /([a-z][a-z0-9+.-]*:\/\/)[^"]*@/gi;
const SECRET_PARAMETER = /([?&][^=&"]*(?:password|passwd|secret|token)[^=&"]*=)[^&"]*/gi;

function difference(field: string, from: unknown, to: unknown): FieldDifference {
  return {
    field,
    ...from === undefined ? {} : { from: shown(field, from) },
    ...to === undefined ? {} : { to: shown(field, to) },
  };
}

/** JSON without hashes, and without what stands before the host of a URI. */
function shown(field: string, value: unknown): string {
  if (SECRET.test(field)) return "***";
  const masked = JSON.stringify(
    value,
    (key, each) => SECRET.test(key) ? "***" : each,
  );
  return masked.replace(CREDENTIALS, "$1***@").replace(SECRET_PARAMETER, "$1***");
}

function comparable(field: string, raw: unknown, other: unknown): string {
  const value = raw ?? DEFAULTS[field];
  if (field === "tags") {
    return tagsOf(value).sort().join(",");
  }
  if (field === "arguments") return canonicalJson(withoutAddedType(value, other));
  return canonicalJson(TABLES.includes(field) && isEmptyList(value) ? {} : value);
}

/** Some versions write an empty table as an empty list. */
function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** From 4.0 on every queue gets the argument `x-queue-type`; one that does not say it is classic. */
function withoutAddedType(value: unknown, other: unknown): unknown {
  const table = tableOf(value);
  if (table["x-queue-type"] !== "classic" || "x-queue-type" in tableOf(other)) return table;
  const { "x-queue-type": _, ...rest } = table;
  return rest;
}
