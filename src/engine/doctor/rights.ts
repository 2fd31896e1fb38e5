import { type BrokerConnection, openConnection } from "../../broker/amqp/connection.ts";
import { RightsProbe } from "../../broker/amqp/rights_probe.ts";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { Permission } from "../../broker/management/model.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { quotedNames } from "../names.ts";
import type { AreaFindings } from "./findings.ts";

/** Queues of one vhost that are asked about, at most. */
const QUEUES_ASKED = 50;

/** What is wanted in one vhost. */
export interface WantedRights {
  readonly vhost: string;
  /** Names of queues, which need not be there. */
  readonly queues: readonly string[];
  readonly read: boolean;
  readonly configure: boolean;
  /** Why to publish to queues; undefined: not at all. */
  readonly publish: { readonly purpose: string; readonly isVital: boolean } | undefined;
  /** Whether messages with a `user_id` of another are to be published; `false`: none is. */
  readonly impersonate: "needed" | "useful" | false;
}

/** What {@linkcode checkRights} goes by. */
export interface RightsOptions {
  readonly endpoint: BrokerEndpoint;
  /** Tells what permissions there are, where it may. */
  readonly client: ManagementClient | undefined;
  /** Vhosts that are not there will be made. */
  readonly createsVhosts?: boolean;
  readonly signal: AbortSignal;
}

/** Whether the user may do what is wanted in each vhost, by asking the broker without doing it. */
export async function checkRights(
  findings: AreaFindings,
  wanted: readonly WantedRights[],
  options: RightsOptions,
): Promise<void> {
  const { endpoint, signal } = options;
  const permissions = await permissionsOf(options);
  for (const rights of wanted) {
    signal.throwIfAborted();
    try {
      await using connection = await openConnection(endpoint, {
        vhost: rights.vhost,
        name: "rabbitmq-backup doctor",
        signal,
      });
      await checkVhost(findings, rights, {
        connection,
        username: endpoint.amqp_url.username,
        given: permissions.find(({ vhost }) => vhost === rights.vhost),
      });
    } catch (error) {
      const isMissing = error instanceof AppError && error.code === "broker_missing";
      if (!isMissing || !options.createsVhosts) findings.failure("vhost", error);
      else findings.ok("vhost", `Vhost "${rights.vhost}" is not there yet, and will be created`);
    }
  }
}

async function checkVhost(
  findings: AreaFindings,
  rights: WantedRights,
  { connection, username, given }: {
    connection: BrokerConnection;
    username: string;
    given: Permission | undefined;
  },
): Promise<void> {
  const { vhost, publish } = rights;
  const probe = new RightsProbe(connection);
  const queues = rights.queues.slice(0, QUEUES_ASKED);
  const missing: string[] = [];
  const unless = async (may: Promise<boolean>, right: string) => {
    if (!await may) missing.push(right);
  };
  for (const name of queues) {
    if (rights.read) await unless(probe.mayRead(name), `read ${quotedNames([{ name }])}`);
    if (rights.configure) {
      await unless(probe.mayConfigure(name), `declare ${quotedNames([{ name }])}`);
    }
  }
  const place = `vhost "${vhost}"`;
  const grant = `rabbitmqctl set_permissions -p '${vhost}' ${username} ` +
    patternsFor(rights).map((pattern) => `'${pattern}'`).join(" ") +
    (given === undefined
      ? ""
      : `; now it is '${given.configure}' '${given.write}' '${given.read}'`);
  if (publish !== undefined && !await probe.mayPublish()) {
    const message = `User "${username}" may not publish to queues of ${place}: ${publish.purpose}`;
    if (publish.isVital) findings.fail("rights", message, grant);
    else findings.warn("rights", message, grant);
  } else if (rights.impersonate !== false && !await probe.mayImpersonate()) {
    const message = `User "${username}" lacks the tag impersonator: messages with a user_id of ` +
      "another user cannot be restored as they are";
    const hint =
      `rabbitmqctl set_user_tags ${username} impersonator, beside the tags that it has; ` +
      "or choose restore.user_id: drop or header";
    if (rights.impersonate === "needed") findings.fail("impersonator", message, hint);
    else findings.warn("impersonator", message, hint);
  }
  if (missing.length === 0) {
    const of = queues.length === rights.queues.length
      ? ""
      : ` (${queues.length} queues were asked)`;
    return findings.ok("rights", `User "${username}" may do what is needed in ${place}${of}`);
  }
  const shown = missing.slice(0, 5).join(", ");
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
  findings.fail("rights", `User "${username}" may not ${shown}${more} in ${place}`, grant);
}

/** Configure, write and read, as `rabbitmqctl` takes them. */
export function patternsFor(
  { configure, read, publish }: Pick<WantedRights, "configure" | "read" | "publish">,
): [configure: string, write: string, read: string] {
  // A queue with a dead letter exchange, and a binding, take the rights to read and to write.
  if (configure) return [".*", ".*", ".*"];
  const write = publish === undefined ? "^$" : read ? "^amq\\.default$" : ".*";
  return ["^$", write, read ? ".*" : "^$"];
}

/** Nothing where the management user is no administrator. */
async function permissionsOf(
  { client, endpoint, signal }: RightsOptions,
): Promise<readonly Permission[]> {
  try {
    return await client?.permissionsOf(endpoint.amqp_url.username, { signal }) ?? [];
  } catch (error) {
    if (error instanceof AppError) return [];
    throw error;
  }
}
