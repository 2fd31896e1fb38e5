import { type DefinedObject, type Definitions, identityOf, isObject, KINDS } from "./document.ts";

/** What a reader looks for first; other fields follow by name. */
const TOP_FIRST = [
  "rabbit_version",
  "rabbitmq_version",
  "product_name",
  "product_version",
  "rabbitmq_definition_format",
  "original_cluster_name",
  "original_vhost_name",
  "explanation",
];
const OBJECT_FIRST = [
  "vhost",
  "name",
  "user",
  "component",
  "type",
  "exchange",
  "source",
  "destination_type",
  "destination",
  "routing_key",
  "durable",
  "auto_delete",
  "internal",
  "pattern",
  "apply-to",
  "priority",
  "tags",
];

/**
 * Definitions as a text that is the same for the same content: lists sorted by vhost and name, the keys
 * of objects in a fixed order, so that two exports can be compared line by line.
 */
export function formatDefinitions(definitions: Definitions): string {
  const ordered: Record<string, unknown> = {};
  const lists: readonly string[] = KINDS;
  const others = Object.keys(definitions).filter((key) => !lists.includes(key));
  for (const key of inOrder(others, TOP_FIRST)) ordered[key] = withSortedKeys(definitions[key]);
  for (const kind of KINDS) {
    const list = definitions[kind];
    if (list === undefined) continue;
    ordered[kind] = list
      .map((object) => ({ object, identity: identityOf(kind, object) }))
      .sort((one, other) => compare(one.identity, other.identity))
      .map(({ object }) => orderedObject(object));
  }
  return JSON.stringify(ordered, null, 2) + "\n";
}

function orderedObject(object: DefinedObject): DefinedObject {
  const keys = inOrder(Object.keys(object), OBJECT_FIRST);
  return Object.fromEntries(keys.map((key) => [key, withSortedKeys(object[key])]));
}

function withSortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSortedKeys);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort(compare);
  return Object.fromEntries(keys.map((key) => [key, withSortedKeys(value[key])]));
}

function inOrder(keys: readonly string[], first: readonly string[]): string[] {
  const rank = (key: string) => first.includes(key) ? first.indexOf(key) : first.length;
  return [...keys].sort((one, other) => rank(one) - rank(other) || compare(one, other));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
