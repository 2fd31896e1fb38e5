import { canonicalJson, type DefinedObject, identityOf, type Kind, tableOf } from "./document.ts";

/** Fields that say what an object is; others (statistics, descriptions) do not count. */
const COMPARED: Readonly<Record<Kind, readonly string[]>> = {
  users: ["password_hash", "hashing_algorithm", "tags"],
  vhosts: [],
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
};

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
  return COMPARED[kind].every((field) => {
    if (wanted[field] === undefined) return true;
    return comparable(field, wanted, actual) === comparable(field, actual, wanted);
  });
}

function comparable(field: string, object: DefinedObject, other: DefinedObject): string {
  const value = object[field] ?? DEFAULTS[field];
  if (field === "tags") {
    // A list, before 3.9 a text with commas.
    const tags = Array.isArray(value) ? value.map(String) : String(value ?? "").split(",");
    return tags.filter((tag) => tag !== "").sort().join(",");
  }
  if (field === "arguments") return canonicalJson(withoutAddedType(value, other[field]));
  return canonicalJson(value);
}

/** From 4.0 on every queue gets the argument `x-queue-type`; one that does not say it is classic. */
function withoutAddedType(value: unknown, other: unknown): unknown {
  const table = tableOf(value);
  if (table["x-queue-type"] !== "classic" || "x-queue-type" in tableOf(other)) return table;
  const { "x-queue-type": _, ...rest } = table;
  return rest;
}
