import { AppError, messageOf } from "../errors.ts";
import { isRawNumber, parseExactJson } from "../exact_json.ts";

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
const IDENTITY: Readonly<Record<Kind, readonly string[]>> = {
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

/**
 * Reads a definitions file, losing no digit of any number.
 *
 * @throws AppError `damaged` when it is no JSON or not of the shape of definitions
 */
export function parseDefinitions(text: string): Definitions {
  let json: unknown;
  try {
    json = parseExactJson(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw notDefinitions(`it is no JSON: ${messageOf(error)}`, error);
  }
  if (!isObject(json)) throw notDefinitions("it is no JSON object");
  if (!KINDS.some((kind) => json[kind] !== undefined)) {
    throw notDefinitions("it has none of the lists that definitions have, such as queues");
  }
  for (const kind of KINDS) {
    if (json[kind] !== undefined) checkList(kind, json[kind]);
  }
  return json as Definitions;
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

function checkList(kind: Kind, list: unknown): void {
  if (!Array.isArray(list)) throw notDefinitions(`its "${kind}" is no list`);
  const required = IDENTITY[kind].filter((field) => field !== "vhost" && field !== "arguments");
  list.forEach((object, index) => {
    if (!isObject(object)) throw notDefinitions(`${kind}[${index}] is no object`);
    for (const field of required) {
      if (typeof object[field] !== "string") {
        throw notDefinitions(`${kind}[${index}] has no text "${field}"`);
      }
    }
    if (object.vhost !== undefined && typeof object.vhost !== "string") {
      throw notDefinitions(`the "vhost" of ${kind}[${index}] is no text`);
    }
  });
}

function notDefinitions(problem: string, cause?: unknown): AppError {
  return new AppError("damaged", `Cannot read definitions: ${problem}`, {
    hint: "Give a file of definitions-export, of rabbitmqctl export_definitions, " +
      "or of the management UI; for the definitions of a backup use --backup-id ID --path STORAGE",
    cause,
  });
}
