import { isRawNumber } from "../exact_json.ts";

/** One object of a definitions file. Numbers that JavaScript cannot hold are `RawNumber`s. */
export type DefinedObject = Readonly<Record<string, unknown>>;

/** The lists of a definitions file (https://www.rabbitmq.com/docs/definitions). */
export const KINDS = [
  "users",
  "vhosts",
  "permissions",
  "topic_permissions",
  "parameters",
  "global_parameters",
  "policies",
  "queues",
  "exchanges",
  "bindings",
] as const;

export type Kind = typeof KINDS[number];

/** What tells the objects of a kind apart. */
export const IDENTITY: Readonly<Record<Kind, readonly string[]>> = {
  users: ["name"],
  vhosts: ["name"],
  permissions: ["vhost", "user"],
  topic_permissions: ["vhost", "user", "exchange"],
  parameters: ["vhost", "component", "name"],
  global_parameters: ["name"],
  policies: ["vhost", "name"],
  queues: ["vhost", "name"],
  exchanges: ["vhost", "name"],
  bindings: ["vhost", "source", "destination_type", "destination", "routing_key", "arguments"],
};

/** Kinds whose objects belong to a vhost; a file of a single vhost may leave its name out. */
export const VHOST_KINDS: readonly Kind[] = KINDS.filter((kind) =>
  IDENTITY[kind].includes("vhost")
);

/** A definitions file: the broker's own fields, lists by kind. */
export type Definitions =
  & { readonly [Key in Kind]?: readonly DefinedObject[] }
  & { readonly [key: string]: unknown };

/** Whether they are of a single vhost: their objects do not say of which. */
export function isOfOneVhost(definitions: Definitions): boolean {
  if (definitions.vhosts === undefined && definitions["original_vhost_name"] !== undefined) {
    return true;
  }
  return VHOST_KINDS.some((kind) =>
    objectsOf(definitions, kind).some((object) => object.vhost === undefined)
  );
}

/** The vhost of which the definitions of a single vhost were taken, where they name it. */
export function originalVhost(definitions: Definitions): string | undefined {
  const name = definitions["original_vhost_name"];
  return typeof name === "string" && isOfOneVhost(definitions) ? name : undefined;
}

/** What a person calls an object: its name; of a binding `source -> destination (routing key)`. */
export function labelOf(kind: Kind, object: DefinedObject): string {
  switch (kind) {
    case "bindings":
      return `${object.source} -> ${object.destination} (${object.routing_key})`;
    case "permissions":
      return String(object.user);
    case "topic_permissions":
      return `${object.user} on ${object.exchange}`;
    case "parameters":
      return object.component === "operator_policy"
        ? `operator policy ${object.name}`
        : `${object.component} ${object.name}`;
    default:
      return String(object.name);
  }
}

/**
 * Whether each broker has the object of its own: exchanges `amq.*` are in every vhost, and an
 * export lists some or none of them, by version; a cluster's identity is not another's.
 */
export function isBrokersOwn(kind: Kind, object: DefinedObject): boolean {
  if (kind === "exchanges") return object.name === "" || isPredeclared(String(object.name));
  return kind === "global_parameters" && object.name === "internal_cluster_id";
}

/** Names that brokers keep for themselves. */
export function isPredeclared(name: string): boolean {
  return name.startsWith("amq.");
}

/** The definitions with some of their lists replaced by what is left of them. */
export function filtered(
  definitions: Definitions,
  keep: (kind: Kind, object: DefinedObject) => boolean,
): Definitions {
  const lists = KINDS.filter((kind) => definitions[kind] !== undefined).map((kind) => [
    kind,
    objectsOf(definitions, kind).filter((object) => keep(kind, object)),
  ]);
  return { ...definitions, ...Object.fromEntries(lists) };
}

/** The definitions with each object of a kind replaced. */
export function mapped(
  definitions: Definitions,
  kind: Kind,
  change: (object: DefinedObject) => DefinedObject,
): Definitions {
  if (definitions[kind] === undefined) return definitions;
  return { ...definitions, [kind]: objectsOf(definitions, kind).map(change) };
}

/** The objects of a kind; a list that is missing is empty. */
export function objectsOf(definitions: Definitions, kind: Kind): readonly DefinedObject[] {
  return definitions[kind] ?? [];
}

/**
 * What tells an object from the others of its kind, as a text that also sorts them.
 *
 * @param vhost stands for a vhost that the object does not name
 */
export function identityOf(kind: Kind, object: DefinedObject, vhost = ""): string {
  const parts = IDENTITY[kind].map((field) => {
    if (field === "arguments") return canonicalJson(tableOf(object.arguments));
    return String(object[field] ?? (field === "vhost" ? vhost : ""));
  });
  return parts.join("\0");
}

/** Definitions whose objects do not say their vhost. Before 4.0 brokers leave it out of some only. */
export function withoutVhost(definitions: Definitions): Definitions {
  const lists = VHOST_KINDS.filter((kind) => definitions[kind] !== undefined).map((kind) => [
    kind,
    objectsOf(definitions, kind).map(({ vhost: _, ...object }) => object),
  ]);
  return { ...definitions, ...Object.fromEntries(lists) };
}

/** JSON that is equal for equal values: keys sorted, numbers by value as far as they can be told. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each) => isObject(each) ? sortedKeys(each) : each);
}

/** A table; some versions write an empty one as an empty list, or leave it out. */
export function tableOf(value: unknown): DefinedObject {
  return isObject(value) ? value : {};
}

/** The same object with its keys in order. */
function sortedKeys(object: DefinedObject): DefinedObject {
  const keys = Object.keys(object).sort();
  return Object.fromEntries(keys.map((key) => [key, object[key]]));
}

/** Whether it is a JSON object; a `RawNumber` is none. */
export function isObject(value: unknown): value is DefinedObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !isRawNumber(value);
}

/** The tags of a user: a list, before 3.9 a text with commas. */
export function tagsOf(value: unknown): string[] {
  const tags = Array.isArray(value) ? value.map(String) : String(value ?? "").split(",");
  return tags.filter((tag) => tag !== "");
}
