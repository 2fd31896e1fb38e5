import { AppError, messageOf } from "../errors.ts";
import { parseExactJson } from "../exact_json.ts";
import {
  canonicalJson,
  type Definitions,
  IDENTITY,
  identityOf,
  isObject,
  isOfOneVhost,
  type Kind,
  KINDS,
  labelOf,
  objectsOf,
} from "./document.ts";

/** Texts that each object has, beside what tells it apart. */
const TEXTS: Partial<Record<Kind, readonly string[]>> = {
  permissions: ["configure", "write", "read"],
  topic_permissions: ["write", "read"],
  policies: ["pattern"],
  exchanges: ["type"],
};

/** Fields of a certain type, which may be left out. */
const TYPED: readonly (readonly [string, string, (value: unknown) => boolean])[] = [
  ["durable", "true or false", (value) => typeof value === "boolean"],
  ["auto_delete", "true or false", (value) => typeof value === "boolean"],
  ["internal", "true or false", (value) => typeof value === "boolean"],
  // An empty table is sometimes written as an empty list.
  ["arguments", "a table", (value) => isObject(value) || isEmptyList(value)],
  ["definition", "a table", (value) => isObject(value) || isEmptyList(value)],
  ["password_hash", "a text", (value) => typeof value === "string"],
  ["hashing_algorithm", "a text", (value) => typeof value === "string"],
];

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

/** Lists that every file has, of a whole broker, and of a single vhost. */
const REQUIRED: readonly Kind[] = [
  "users",
  "vhosts",
  "permissions",
  "queues",
  "exchanges",
  "bindings",
];
const REQUIRED_OF_VHOST: readonly Kind[] = ["queues", "exchanges", "bindings"];

/**
 * Holds a file against what an export has, so that one that was cut off, or put together wrongly,
 * is found before a broker gets it.
 *
 * @throws AppError `damaged` when a list is missing, or an object is there twice and differs
 */
export function checkComplete(definitions: Definitions): void {
  const required = isOfOneVhost(definitions) ? REQUIRED_OF_VHOST : REQUIRED;
  const missing = required.filter((kind) => definitions[kind] === undefined);
  if (missing.length > 0) {
    throw new AppError("damaged", `Cannot read definitions: they have no ${missing.join(", ")}`, {
      hint: "An export has all of these lists. If that is meant so, add them as empty lists: " +
        missing.map((kind) => `"${kind}": []`).join(", "),
    });
  }
  for (const kind of KINDS) {
    const seen = new Map<string, string>();
    objectsOf(definitions, kind).forEach((object, index) => {
      const identity = identityOf(kind, object);
      const content = canonicalJson(object);
      const before = seen.get(identity);
      if (before !== undefined && before !== content) {
        throw new AppError(
          "damaged",
          `Cannot read definitions: ${kind}[${index}], ${JSON.stringify(labelOf(kind, object))}, ` +
            "is there twice, and not the same",
          { hint: "Remove the one that is wrong" },
        );
      }
      seen.set(identity, content);
    });
  }
}

function checkList(kind: Kind, list: unknown): void {
  if (!Array.isArray(list)) throw notDefinitions(`its "${kind}" is no list`);
  const required = [
    ...IDENTITY[kind].filter((field) => field !== "vhost" && field !== "arguments"),
    ...TEXTS[kind] ?? [],
  ];
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
    for (const [field, expected, isRight] of TYPED) {
      const value = object[field];
      if (value === undefined || value === null || isRight(value)) continue;
      throw notDefinitions(`the "${field}" of ${kind}[${index}] is not ${expected}`);
    }
  });
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function notDefinitions(problem: string, cause?: unknown): AppError {
  return new AppError("damaged", `Cannot read definitions: ${problem}`, {
    hint: "Give a file of definitions-export, of rabbitmqctl export_definitions, " +
      "or of the management UI; for the definitions of a backup use --backup-id ID --path STORAGE",
    cause,
  });
}
