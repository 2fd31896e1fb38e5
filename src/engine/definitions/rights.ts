import type { BrokerEndpoint } from "../../config/config.ts";
import { compilePolicyPattern } from "../../config/policy_pattern.ts";
import { type Definitions, objectsOf } from "../../definitions/document.ts";
import type { ImportReport } from "../../definitions/import.ts";

/** As the broker calls the default exchange when it looks at permissions. */
const DEFAULT_EXCHANGE = "amq.default";

/**
 * Whether the user who restores messages may publish them once the definitions are imported. A
 * broker gives permissions on a vhost that an import creates to the user who imports, and to nobody
 * else; and definitions may take some away.
 *
 * @returns why the messages of a vhost could not be restored
 */
export function rightsProblem(
  { amqp_url: { username }, management_username: importer }: BrokerEndpoint,
  { vhosts, definitions, plan }: {
    /** Where the messages go. */
    vhosts: ReadonlySet<string>;
    definitions: Definitions;
    plan: ImportReport;
  },
): ImportReport["blocked"] {
  const created = new Set(
    plan.created.filter(({ kind }) => kind === "vhosts").map(({ name }) => name),
  );
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

/** A pattern that is not understood here is left to the broker; an empty one matches nothing. */
function mayWrite(pattern: string): boolean {
  if (pattern === "") return false;
  return compilePolicyPattern(pattern)?.(DEFAULT_EXCHANGE) ?? true;
}
