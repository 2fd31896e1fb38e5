import { isVhostError } from "../../broker/amqp/connect_error.ts";
import { openConnection } from "../../broker/amqp/connection.ts";
import { ManagementClient } from "../../broker/management/client.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import { atLeast } from "../../safety/settings.ts";
import { isSameCluster } from "../survey/cluster_name.ts";
import { sourceIdentity } from "../survey/discover.ts";
import { NodeWatch } from "../survey/node_watch.ts";
import { checkClock } from "./clock.ts";
import type { AreaFindings } from "./findings.ts";
import type { ManagementNeed } from "./needs.ts";

/** Versions that this tool is tested on, oldest and newest, major and minor. */
const TESTED = [[3, 10], [4, 3]] as const;
/** Each tag may do what those behind it may. */
const TAG_ORDER = ["administrator", "monitoring", "policymaker", "management"];

/** How a broker is looked at. */
export interface BrokerCheckOptions {
  readonly endpoint: BrokerEndpoint;
  /** What the management API is used for. */
  readonly needs: readonly ManagementNeed[];
  /** Whether messages are published: an alarm blocks that. */
  readonly publishes: boolean;
  /** A vhost to connect to first. */
  readonly vhost: string;
  readonly signal: AbortSignal;
}

/** What is known of a broker that was looked at; undefined where it did not answer. */
export interface BrokerFacts {
  readonly client: ManagementClient | undefined;
  /** `4.0.5` */
  readonly version: string | undefined;
  readonly isConnected: boolean;
}

/** Whether a broker answers, lets us in, and is well. */
export async function checkBroker(
  findings: AreaFindings,
  options: BrokerCheckOptions,
): Promise<BrokerFacts> {
  const { endpoint, signal } = options;
  const client = new ManagementClient(endpoint, { retries: 1, timeoutMs: 10_000 });
  const identity = await findings.attempt("management", async () => {
    const found = await sourceIdentity(client, { signal });
    const { clusterName, erlangVersion } = found;
    const of = `RabbitMQ ${found.rabbitmqVersion}, Erlang ${erlangVersion}`;
    findings.ok("management", `Management API at ${client.url}: ${of}, cluster ${clusterName}`);
    return found;
  });
  if (identity !== undefined) {
    checkVersion(findings, identity.rabbitmqVersion);
    await checkTags(findings, client, options);
    await checkAlarms(findings, client, options);
    await findings.attempt("clock", async () => {
      const theirs = await client.clock({ signal });
      if (theirs === undefined) return;
      checkClock(findings, { whose: "the broker's", theirs, ours: Date.now(), refuses: false });
    });
  }
  const cluster = await findings.attempt("amqp", () => checkLogin(findings, options));
  if (identity !== undefined && cluster?.name !== undefined) {
    checkSameCluster(findings, { amqp: cluster.name, ...identity });
  }
  return {
    client: identity === undefined ? undefined : client,
    version: identity?.rabbitmqVersion,
    isConnected: cluster !== undefined,
  };
}

/** Whether the user gets in; which vhosts are open to it is asked for later. */
async function checkLogin(
  findings: AreaFindings,
  { endpoint, vhost, signal }: BrokerCheckOptions,
): Promise<{ name: string | undefined }> {
  const { amqp_url: url, tls } = endpoint;
  let name: string | undefined;
  try {
    await using connection = await openConnection(endpoint, {
      vhost,
      name: "rabbitmq-backup doctor",
      signal,
    });
    name = connection.clusterName;
  } catch (error) {
    // The broker looks at the password before the vhost.
    if (!isVhostError(error)) throw error;
  }
  const how = tls.enabled ? "AMQP with TLS" : "AMQP";
  findings.ok("amqp", `${how} at ${url.address}: "${url.username}" is in`);
  if (!tls.enabled && !isHere(url.hostname)) {
    const message = "The connection is not encrypted: password and messages can be read on the way";
    findings.warn("tls", message, "Use amqps:// in amqp_url");
  }
  return { name };
}

function checkVersion(findings: AreaFindings, version: string): void {
  const [oldest, newest] = TESTED;
  const isTested = atLeast(version, ...oldest) &&
    !atLeast(version, newest[0], newest[1] + 1) && !atLeast(version, newest[0] + 1, 0);
  if (isTested) {
    return findings.ok("version", `RabbitMQ ${version} is among the versions that are tested`);
  }
  const message = `RabbitMQ ${version} is not among the versions that are tested: ` +
    `${oldest.join(".")} to ${newest.join(".")}`;
  findings.warn("version", message, "Try it with a broker that matters less first");
}

async function checkTags(
  findings: AreaFindings,
  client: ManagementClient,
  { needs, signal }: BrokerCheckOptions,
): Promise<void> {
  await findings.attempt("tag", async () => {
    const { tags } = await client.whoami({ signal });
    const rank = Math.min(...tags.map((tag) => TAG_ORDER.indexOf(tag)).filter((at) => at >= 0));
    const lacking = needs.filter(({ tag }) => TAG_ORDER.indexOf(tag) < rank);
    for (const { tag, purpose, isVital } of lacking) {
      const message = `User "${client.username}" lacks the tag ${tag}: ${purpose}`;
      const hint = `rabbitmqctl set_user_tags ${client.username} ${tag}`;
      if (isVital) findings.fail("tag", message, hint);
      else findings.warn("tag", message, hint);
    }
    if (lacking.length > 0) return;
    findings.ok("tag", `User "${client.username}" has the tag ${tags.join(", ")}`);
  });
}

async function checkAlarms(
  findings: AreaFindings,
  client: ManagementClient,
  { publishes, signal }: BrokerCheckOptions,
): Promise<void> {
  await findings.attempt("alarms", async () => {
    const nodes = [...(await new NodeWatch(client).nodes(signal)).values()];
    // Without the tag monitoring nobody is told; that stands above.
    if (nodes.length === 0) return;
    const alarmed = nodes.filter(({ alarm }) => alarm !== undefined);
    if (alarmed.length === 0) {
      const count = nodes.length === 1 ? "1 node runs" : `${nodes.length} nodes run`;
      return findings.ok("alarms", `${count}, without alarm`);
    }
    const named = alarmed.map(({ name, alarm }) => `${name} (${alarm})`).join(", ");
    const effect = publishes ? "nothing can be published" : "a backup waits until it ends";
    const hint = "Free memory or disk on these nodes; rabbitmqctl status shows what takes it";
    findings.fail("alarms", `Nodes have alarms, and ${effect}: ${named}`, hint);
  });
}

function checkSameCluster(
  findings: AreaFindings,
  { amqp, toldName, nodes }: { amqp: string; toldName: string; nodes: readonly string[] },
): void {
  if (toldName === "" || isSameCluster([amqp, toldName], nodes)) return;
  findings.fail(
    "cluster",
    `amqp_url leads to broker "${amqp}" and management_url to "${toldName}"`,
    "Set both to the same cluster; if they are of one, give it a name with " +
      '"rabbitmqctl set_cluster_name NAME"',
  );
}

function isHere(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[?::1\]?)$/.test(hostname);
}
