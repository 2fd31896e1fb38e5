import { ManagementClient } from "../../broker/management/client.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import type { ConnectionPool } from "../connection_pool.ts";

/** Those of the vhosts that the target lacks, each with what it said. */
export async function missingVhosts(
  vhosts: ReadonlySet<string>,
  { connections, signal }: { connections: ConnectionPool; signal: AbortSignal },
): Promise<Map<string, AppError>> {
  const missing = new Map<string, AppError>();
  for (const vhost of vhosts) {
    signal.throwIfAborted();
    try {
      // The connection stays in the pool, for what comes next.
      await connections.use(vhost, () => Promise.resolve());
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "broker_missing") throw error;
      missing.set(vhost, error);
    }
  }
  return missing;
}

/** The refusal to restore into vhosts that are not there, with all ways out. */
export function vhostRefusal(missing: ReadonlyMap<string, AppError>): AppError | undefined {
  const [first] = missing.values();
  if (first === undefined) return undefined;
  const others = missing.size > 1 ? ` (and ${missing.size - 1} more)` : "";
  return new AppError(first.code, `${first.message}${others}`, {
    hint: "set restore.create_missing_vhosts: true; or bring it back with definitions-import " +
      "--backup-id ID --path STORAGE; or name another one with restore.vhost_mapping",
    cause: first,
  });
}

/**
 * Creates vhosts over the management API, and gives the AMQP user all permissions on them. One that has
 * come into being meanwhile stays as it is.
 *
 * @throws {AppError} as `ManagementClient`
 */
export async function createVhosts(
  vhosts: readonly string[],
  { target, signal }: { target: BrokerEndpoint; signal: AbortSignal },
): Promise<void> {
  if (vhosts.length === 0) return;
  const client = new ManagementClient(target);
  const user = target.amqp_url.username;
  const everything = { configure: ".*", write: ".*", read: ".*" };
  // As definitions, since a URL cannot name every vhost.
  const definitions = {
    vhosts: vhosts.map((name) => ({ name })),
    permissions: vhosts.map((vhost) => ({ user, vhost, ...everything })),
  };
  await client.putDefinitions(JSON.stringify(definitions), { signal });
}
