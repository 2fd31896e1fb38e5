import type { BrokerEndpoint } from "../../config/config.ts";
import { hasPassword } from "../../definitions/password.ts";
import { compilePolicyPattern } from "../../config/policy_pattern.ts";
import { type Definitions, objectsOf, tagsOf } from "../../definitions/document.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { DEFAULT_EXCHANGE_NAME } from "../restore/mapping.ts";

/**
 * Whether the user who restores messages may publish them once the definitions are imported. A
 * broker gives permissions on a vhost that an import creates to the user who imports, and to nobody
 * else; and definitions may take some away.
 *
 * @returns why the messages of a vhost could not be restored
 */
export function rightsProblem(
  endpoint: BrokerEndpoint,
  { vhosts, definitions, plan }: {
    /** Where the messages go. */
    vhosts: ReadonlySet<string>;
    definitions: Definitions;
    plan: ImportReport;
  },
): ImportReport["blocked"] {
  const { amqp_url: { username }, management_username: importer } = endpoint;
  const created = new Set(
    plan.created.filter(({ kind }) => kind === "vhosts").map(({ name }) => name),
  );
  const changed = passwordProblem(endpoint, { definitions, plan });
  if (changed !== undefined) return changed;
  for (const vhost of vhosts) {
    const permission = objectsOf(definitions, "permissions")
      .find((one) => one.vhost === vhost && one.user === username);
    const problem = permission === undefined
      ? created.has(vhost) && username !== importer ? "gets no permissions there" : undefined
      : mayWrite(String(permission.write))
      ? undefined
      : "may not write to the default exchange there";
    if (problem === undefined) continue;
    return {
      problem: `messages could not go into vhost ${JSON.stringify(vhost)}: by the definitions ` +
        `user ${JSON.stringify(username)} ${problem}`,
      wayOut: "Restore with a user who may, or take the permissions out of what is restored: " +
        "--transformations exclude_permissions; with the same user for AMQP and the management " +
        "API the broker gives it permissions on vhosts that it creates",
    };
  }
  return undefined;
}

/**
 * Whether the user who restores messages may keep what others have as `user_id` once the definitions
 * are imported, which are to come first.
 *
 * @param tags of that user in the target as it is
 */
export function userIdProblem(
  { amqp_url: { username } }: BrokerEndpoint,
  { tags, definitions, plan }: {
    tags: readonly string[];
    definitions: Definitions;
    plan: ImportReport;
  },
): ImportReport["blocked"] {
  const isSent = [...plan.created, ...plan.updated]
    .some(({ kind, name }) => kind === "users" && name === username);
  const user = objectsOf(definitions, "users").find(({ name }) => name === username);
  const then = isSent && user !== undefined ? tagsOf(user.tags) : tags;
  if (then.includes("impersonator")) return undefined;
  const lost = tags.includes("impersonator") ? ", which the definitions take away" : "";
  return {
    problem: `every user_id is to be kept, and user ${JSON.stringify(username)} has not the tag ` +
      `"impersonator"${lost}`,
    wayOut: `Give ${JSON.stringify(username)} that tag, or choose --user-id fail, drop or header`,
  };
}

/** A pattern that is not understood here is left to the broker; an empty one matches nothing. */
function mayWrite(pattern: string): boolean {
  if (pattern === "") return false;
  return compilePolicyPattern(pattern)?.(DEFAULT_EXCHANGE_NAME) ?? true;
}

/** A user who gets another password could not restore the messages. */
function passwordProblem(
  { amqp_url, management_username, management_password }: BrokerEndpoint,
  { definitions, plan }: { definitions: Definitions; plan: ImportReport },
): ImportReport["blocked"] {
  const updated = new Set(
    plan.updated.filter(({ kind }) => kind === "users").map(({ name }) => name),
  );
  const logins = [
    [amqp_url.username, amqp_url.password],
    [management_username, management_password],
  ] as const;
  for (const [name, password] of logins) {
    const user = objectsOf(definitions, "users").find((one) => one.name === name);
    if (user === undefined || !updated.has(name)) continue;
    if (password !== undefined && hasPassword(user, password)) continue;
    return {
      problem: `user ${JSON.stringify(name)}, who restores, would get another password`,
      wayOut: "Leave users out (--transformations exclude_users), restore with a user whom the " +
        "definitions do not change, or import the definitions alone and then restore with the " +
        "password that they bring",
    };
  }
  return undefined;
}
