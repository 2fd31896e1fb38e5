import { Buffer } from "node:buffer";
import type { CallOptions, ManagementClient } from "../../broker/management/client.ts";
import type { ListedQueue } from "../../broker/management/model.ts";
import type { QueueFilter } from "../../config/config.ts";
import { clusterNameOf } from "./cluster_name.ts";
import { compileName, compileNames } from "../../config/name_pattern.ts";
import { NodeWatch } from "./node_watch.ts";
import { PolicyBook } from "./policy_book.ts";
import { selectVhosts } from "./vhost_selection.ts";

/** A queue as the management API tells of it. Figures are some seconds old, or missing. */
export interface DiscoveredQueue {
  readonly vhost: string;
  readonly name: string;
  /** `classic`, `quorum`, `stream`, or what a plugin adds. */
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly exclusive: boolean;
  /** A number that JavaScript cannot hold is a `RawNumber` (`src/exact_json.ts`). */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly policyName?: string;
  readonly operatorPolicyName?: string;
  /** Definitions of the two policies in force; empty when there is none. */
  readonly policy: Readonly<Record<string, unknown>>;
  readonly operatorPolicy: Readonly<Record<string, unknown>>;
  /** The two as the broker combines them. Missing for a queue's first seconds. */
  readonly effectivePolicy?: Readonly<Record<string, unknown>>;
  /** The broker's own figure for a quorum queue, where it gives one (4.0 and newer). */
  readonly deliveryLimit?: number;
  readonly consumers?: number;
  /** Ready and unacknowledged. */
  readonly messages?: number;
  readonly messagesReady?: number;
  readonly messagesUnacknowledged?: number;
  /** Bytes of message bodies. */
  readonly messageBytes?: number;
  /** Messages published to it since its statistics began, and now a second. */
  readonly published?: number;
  readonly publishRate?: number;
  /** The node that leads the queue. */
  readonly leader?: string;
  /** `running`, `down`, `idle`, ... */
  readonly state?: string;
}

/** An exchange of type `x-delayed-message`. */
export interface DelayedExchange {
  readonly vhost: string;
  readonly name: string;
  /** Messages that wait in it, when the broker tells. */
  readonly messages?: number | undefined;
}

/** What {@linkcode discoverQueues} found. */
export interface Discovery {
  /** By vhost, then name, in byte order. */
  readonly queues: DiscoveredQueue[];
  /** Exchanges of the selected vhosts that keep messages themselves, for the delayed-message plugin. */
  readonly delayedExchanges: DelayedExchange[];
  /** Include patterns that match no queue of the selected vhosts. */
  readonly unmatched: string[];
  /** Vhost patterns that match no vhost. */
  readonly unmatchedVhosts: string[];
  /** Selected vhosts whose queues the user may not list: what is in them is not in `queues`. */
  readonly closedVhosts: string[];
}

/** Who the broker says it is. */
export interface SourceIdentity {
  /** The same from each node; see `clusterNameOf`. */
  readonly clusterName: string;
  /** The cluster's name as this node tells it. */
  readonly toldName: string;
  /** Names of all nodes, also of those that are down; empty when the user may not know. */
  readonly nodes: readonly string[];
  /** `4.0.5` */
  readonly rabbitmqVersion: string;
  readonly erlangVersion: string;
  /** Whether its statistics count published messages. */
  readonly countsPublished: boolean;
}

/** The patterns of a `QueueFilter`; depth is not known for sure before AMQP confirms it. */
export type DiscoveryFilter = Pick<QueueFilter, "vhosts" | "include" | "exclude" | "types">;

/**
 * Finds the queues that a filter selects. The filter's `min_messages` is not applied: statistics lag,
 * and young queues have none.
 *
 * @throws AppError `broker_missing` when the filter names a vhost (no pattern) that does not exist;
 * `broker_denied` when it names one that is closed to the user, or all that it selects are; and what
 * {@linkcode ManagementClient} throws
 */
export async function discoverQueues(
  client: ManagementClient,
  filter: DiscoveryFilter,
  options: CallOptions = {},
): Promise<Discovery> {
  const { vhosts, listed, unmatchedVhosts, closedVhosts } = await selectVhosts(
    client,
    filter.vhosts,
    options,
  );
  const selected = new Set(vhosts);
  const inVhosts = listed.filter((queue) => selected.has(queue.vhost));
  const isSelected = compileNames(filter);
  const types = new Set<string>(filter.types);
  const policies = await PolicyBook.read(client, options);
  const queues = inVhosts
    .map((queue) => discovered(queue, policies))
    .filter((queue) => isSelected(queue.name) && (types.size === 0 || types.has(queue.type)));
  const unmatched = filter.include.filter((pattern) => {
    const matches = compileName(pattern);
    return !inVhosts.some((queue) => matches(queue.name));
  });
  const delayedExchanges = (await client.exchanges(options))
    .filter(({ vhost, type }) => type === "x-delayed-message" && selected.has(vhost))
    .map(({ vhost, name, messages_delayed: messages }) => ({ vhost, name, messages }));
  return {
    queues: inByteOrder(queues),
    delayedExchanges,
    unmatched,
    unmatchedVhosts,
    closedVhosts,
  };
}

/** Asks the broker for its name and versions. */
export async function sourceIdentity(
  client: ManagementClient,
  { nodes: watch = new NodeWatch(client), signal }: CallOptions & { nodes?: NodeWatch } = {},
): Promise<SourceIdentity> {
  const overview = await client.overview({ signal });
  const nodes = await watch.names(signal);
  return {
    clusterName: clusterNameOf(overview.cluster_name, nodes),
    toldName: overview.cluster_name,
    nodes,
    rabbitmqVersion: overview.rabbitmq_version,
    erlangVersion: overview.erlang_version,
    countsPublished: overview.rates_mode !== "none" && !overview.disable_stats,
  };
}

function discovered(queue: ListedQueue, policies: PolicyBook): DiscoveredQueue {
  const type = typeOf(queue);
  const policy = policies.policyOf(queue, type);
  const operatorPolicy = policies.operatorPolicyOf(queue, type);
  return {
    vhost: queue.vhost,
    name: queue.name,
    type,
    durable: queue.durable,
    autoDelete: queue.auto_delete,
    exclusive: queue.exclusive,
    arguments: queue.arguments,
    policy: policy?.definition ?? {},
    operatorPolicy: operatorPolicy?.definition ?? {},
    ...known({
      policyName: policy?.name,
      operatorPolicyName: operatorPolicy?.name,
      effectivePolicy: queue.effective_policy_definition,
      deliveryLimit: queue.delivery_limit,
      consumers: queue.consumers,
      messages: queue.messages,
      messagesReady: queue.messages_ready,
      messagesUnacknowledged: queue.messages_unacknowledged,
      messageBytes: queue.message_bytes,
      published: queue.message_stats?.publish,
      publishRate: queue.message_stats?.publish_details?.rate,
      leader: queue.leader ?? queue.node,
      state: queue.state,
    }),
  };
}

function typeOf(queue: ListedQueue): string {
  if (queue.type !== undefined) return queue.type.replace(/^rabbit_(\w+)_queue$/, "$1");
  const argument = queue.arguments["x-queue-type"];
  return typeof argument === "string" ? argument : "classic";
}

/** The fields that have a value. */
function known<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}

function inByteOrder(queues: DiscoveredQueue[]): DiscoveredQueue[] {
  return queues
    .map((queue) => ({ queue, vhost: bytesOf(queue.vhost), name: bytesOf(queue.name) }))
    .sort((one, other) =>
      Buffer.compare(one.vhost, other.vhost) || Buffer.compare(one.name, other.name)
    )
    .map(({ queue }) => queue);
}

function bytesOf(name: string): Buffer {
  return Buffer.from(name, "utf8");
}
