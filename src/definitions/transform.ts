import { createHash, randomBytes } from "node:crypto";
import { didYouMean } from "../config/nearest.ts";
import { TRANSFORMATION_NAMES, type TransformationName } from "../config/transformations.ts";
import { AppError } from "../errors.ts";
import {
  type DefinedObject,
  type Definitions,
  filtered,
  mapped,
  objectsOf,
  VHOST_KINDS,
} from "./document.ts";
import { isEmptyPolicy, preparedForQuorum, withoutMirroring } from "./quorum.ts";

type Transformation = (definitions: Definitions) => Definitions;

/** Parameters that name hosts: of another cluster they would lead to the same places. */
const HOST_BOUND = ["shovel", "federation-upstream", "federation-upstream-set"];
/** Global parameters that say which cluster it is. */
const IDENTITY_PARAMETERS = ["cluster_name", "internal_cluster_id"];

/**
 * What can be done to definitions on their way. All but the last have the names and the meaning of
 * rabbitmqadmin v2's (https://www.rabbitmq.com/docs/management-cli); where it makes every queue that
 * any policy matches a quorum queue, these change the queues that were mirrored.
 */
const TRANSFORMATIONS: Readonly<Record<TransformationName, Transformation>> = {
  no_op: (definitions) => definitions,
  prepare_for_quorum_queue_migration: preparedForQuorum,
  strip_cmq_keys_from_policies: withoutMirroring,
  drop_empty_policies: (definitions) =>
    filtered(definitions, (kind, object) => kind !== "policies" || !isEmptyPolicy(object)),
  obfuscate_usernames: obfuscated,
  exclude_users: (definitions) => emptied(definitions, ["users"]),
  exclude_permissions: (definitions) => emptied(definitions, ["permissions", "topic_permissions"]),
  exclude_runtime_parameters: (definitions) => emptied(definitions, ["parameters"]),
  exclude_policies: (definitions) => emptied(definitions, ["policies"]),
  drop_host_bound_parameters: withoutHosts,
};

/** Says nothing of users: their hashes are secrets, and their permissions mean nothing without them. */
export const WITHOUT_USERS = ["exclude_users", "exclude_permissions"] as const;

/**
 * Applies transformations in their order.
 *
 * @throws AppError `usage` for a name that is none
 */
export function transformDefinitions(
  definitions: Definitions,
  names: readonly string[],
): Definitions {
  return names.map(transformationOf).reduce((result, apply) => apply(result), definitions);
}

function transformationOf(name: string): Transformation {
  const known = TRANSFORMATION_NAMES.find((each) => each === name);
  if (known !== undefined) return TRANSFORMATIONS[known];
  throw new AppError(
    "usage",
    `Cannot transform definitions: there is no transformation ${JSON.stringify(name)}` +
      didYouMean(name, TRANSFORMATION_NAMES),
    { hint: `There are ${TRANSFORMATION_NAMES.join(", ")}` },
  );
}

/**
 * Gives vhosts other names, in all that belongs to them.
 *
 * @throws AppError `usage` when there is no such vhost, or two would become one
 */
export function renameVhosts(
  definitions: Definitions,
  names: Readonly<Record<string, string>>,
): Definitions {
  const renames = new Map(Object.entries(names));
  if (renames.size === 0) return definitions;
  checkRenames(definitions, renames);
  const renamed = (object: DefinedObject, field: string): DefinedObject => {
    const name = renames.get(String(object[field]));
    return object[field] === undefined || name === undefined
      ? object
      : { ...object, [field]: name };
  };
  let result = mapped(definitions, "vhosts", (vhost) => renamed(vhost, "name"));
  for (const kind of VHOST_KINDS) {
    result = mapped(result, kind, (object) => renamed(object, "vhost"));
  }
  return renamed(result, "original_vhost_name") as Definitions;
}

function checkRenames(definitions: Definitions, renames: ReadonlyMap<string, string>): void {
  const known = vhostNames(definitions);
  for (const old of renames.keys()) {
    if (known.has(old)) continue;
    throw new AppError(
      "usage",
      `Cannot rename vhost ${JSON.stringify(old)}: it is not in the definitions` +
        didYouMean(old, known),
      { hint: `They hold ${[...known].map((name) => JSON.stringify(name)).join(", ")}` },
    );
  }
  const taken = new Set<string>();
  for (const name of known) {
    const becomes = renames.get(name) ?? name;
    if (becomes === "" || taken.has(becomes)) {
      const problem = becomes === ""
        ? "a name is empty"
        : `two would be ${JSON.stringify(becomes)}`;
      throw new AppError("usage", `Cannot rename vhosts: ${problem}`, {
        hint: "Give each vhost a name of its own: --rename-vhost OLD=NEW",
      });
    }
    taken.add(becomes);
  }
}

function vhostNames(definitions: Definitions): Set<string> {
  const original = definitions["original_vhost_name"];
  return new Set([
    ...objectsOf(definitions, "vhosts").map(({ name }) => String(name)),
    ...VHOST_KINDS.flatMap((kind) => objectsOf(definitions, kind).map(({ vhost }) => vhost))
      .filter((vhost) => typeof vhost === "string"),
    ...typeof original === "string" ? [original] : [],
  ]);
}

function emptied(definitions: Definitions, kinds: readonly string[]): Definitions {
  return filtered(definitions, (kind) => !kinds.includes(kind));
}

function withoutHosts(definitions: Definitions): Definitions {
  return filtered(definitions, (kind, object) => {
    if (kind === "parameters") return !HOST_BOUND.includes(String(object.component));
    return kind !== "global_parameters" || !IDENTITY_PARAMETERS.includes(String(object.name));
  });
}

/** Users as `obfuscated-username-1` with the password `password-1`, and so on. */
function obfuscated(definitions: Definitions): Definitions {
  const names = new Map(
    objectsOf(definitions, "users").map(({ name }, index) => [name, index + 1]),
  );
  const nameOf = (user: unknown) => {
    const number = names.get(user);
    return number === undefined ? user : `obfuscated-username-${number}`;
  };
  let result = mapped(definitions, "users", (user) => ({
    ...user,
    name: nameOf(user.name),
    password_hash: hashOf(`password-${names.get(user.name)}`),
    hashing_algorithm: "rabbit_password_hashing_sha256",
  }));
  for (const kind of ["permissions", "topic_permissions"] as const) {
    result = mapped(result, kind, (object) => ({ ...object, user: nameOf(object.user) }));
  }
  return result;
}

/** A salted hash as RabbitMQ keeps it (https://www.rabbitmq.com/docs/passwords). */
function hashOf(password: string): string {
  const salt = randomBytes(4);
  const digest = createHash("sha256").update(salt).update(password, "utf8").digest();
  return btoa(String.fromCharCode(...salt, ...digest));
}
