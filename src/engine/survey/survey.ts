import { checkNameV1 } from "../../archive/layout.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import { type QueueDepth, QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import { isOwnConsumer } from "../../broker/amqp/queue_reader.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { Config } from "../../config/config.ts";
import { requireSource } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { isRead, planQueue, type QueueFacts, type QueuePlan } from "../../safety/plan.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import { askCompany } from "../hold/company.ts";
import type { NodeWatch } from "./node_watch.ts";
import { isSameCluster } from "./cluster_name.ts";
import { Elections, isDoubtful } from "./empty_quorum.ts";
import { compileOverrides } from "./overrides.ts";
import { spoolRoom } from "../spool/room.ts";
import { StreamLook } from "../stream/look.ts";
import type { StreamStart, StreamStarts } from "../stream/start.ts";
import {
  type DiscoveredQueue,
  discoverQueues,
  type Discovery,
  type SourceIdentity,
} from "./discover.ts";

/** A queue with its depth and what will be done with it. */
export interface PlannedQueue {
  readonly queue: DiscoveredQueue;
  /** Ready messages and consumers, by passive declare. */
  readonly ready: number;
  readonly consumers: number;
  readonly plan: QueuePlan;
  /** Of a stream that is to be backed up and not empty: what of it. */
  readonly start?: StreamStart;
}

/** All that a backup will look at. */
export interface Survey {
  readonly queues: readonly PlannedQueue[];
  /** Patterns of queues and vhosts that match nothing. */
  readonly unmatched: readonly string[];
  /** Selected vhosts whose queues the user may not list. */
  readonly closedVhosts: readonly string[];
  readonly delayedExchanges: Discovery["delayedExchanges"];
  /** Tags of the management user. */
  readonly userTags: readonly string[];
  /** Plans one of the queues once more, by its depth now; undefined when it is gone. */
  readonly plan: (queue: DiscoveredQueue) => Promise<PlannedQueue | undefined>;
}

/**
 * Finds the queues, asks each one's depth over AMQP (the management API's statistics lag, and are
 * missing for young queues) and decides what reading it would do.
 */
export async function survey(options: {
  config: Config;
  client: ManagementClient;
  connections: ConnectionPool;
  /** As the management API gives it. */
  source: SourceIdentity;
  /** Knows the delivery count to expect of a quorum queue's messages. */
  checkpoint: CheckpointStore;
  nodes: NodeWatch;
  streams: StreamConnector;
  /** Where streams are begun with; absent: with all that they hold. */
  starts?: StreamStarts;
  signal: AbortSignal;
}): Promise<Survey> {
  const { config: { backup }, config, client, connections, source, checkpoint, signal } = options;
  const streams = backup.stream_enabled
    ? new StreamLook(options.streams, {
      connections,
      protocol: backup.stream_protocol,
      brokerVersion: source.rabbitmqVersion,
      signal,
    })
    : undefined;
  const filter = requireSource(config).queues;
  const choicesFor = compileOverrides(backup);
  const room = await spoolRoom(backup);
  const found = await discoverQueues(client, filter, { signal });
  const planned: PlannedQueue[] = [];
  /** One for each queue that the user may not even look at. */
  const denials: AppError[] = [];
  for (const queues of byVhost(found.queues)) {
    signal.throwIfAborted();
    try {
      planned.push(...await inspect(queues));
    } catch (error) {
      if (!isClosedVhost(error)) throw error;
      denials.push(...queues.map(() => error));
      planned.push(
        ...queues.map((queue) => ({ queue, ready: 0, consumers: 0, plan: refusal(error) })),
      );
    }
  }
  // Kept out of everything: that is the user or the password, not the rights on one queue or vhost.
  const asked = planned.filter(({ plan }) => plan.verdict !== "excluded");
  if (denials.length > 0 && denials.length === asked.length) throw denials[0]!;
  // A refused queue without messages is one whose depth is not known.
  const queues = planned.filter(({ ready, plan, start }) =>
    ready >= filter.min_messages || (ready === 0 && plan.verdict === "refused") ||
    // Without it what it stands on would be out of reach.
    start?.base !== undefined
  );
  return {
    queues,
    unmatched: [...found.unmatched, ...found.unmatchedVhosts],
    closedVhosts: found.closedVhosts,
    delayedExchanges: found.delayedExchanges,
    userTags: (await client.whoami({ signal })).tags,
    plan: async (queue) => (await inspect([queue]))[0],
  };

  async function inspect(queues: DiscoveredQueue[]): Promise<PlannedQueue[]> {
    const nodes = await options.nodes.nodes(signal);
    const isCalm = [...nodes.values()].every(({ alarm }) => alarm === undefined);
    return await connections.use(queues[0]!.vhost, async (connection) => {
      assertSameBroker(connection, source);
      await using inspector = new QueueInspector(connection);
      const elections = new Elections(inspector, signal);
      // Asked where it matters, and once.
      let mayPublish: boolean | undefined;
      const result: PlannedQueue[] = [];
      for (const queue of queues) {
        signal.throwIfAborted();
        const { starts } = options;
        const facts = await factsOf(queue, {
          client,
          inspector,
          elections,
          source,
          streams,
          starts,
          signal,
        });
        if (facts === undefined) continue;
        if ("error" in facts) {
          if (facts.error.code === "broker_denied") denials.push(facts.error);
          result.push({ queue, ready: 0, consumers: 0, plan: refusal(facts.error) });
          continue;
        }
        // An alarm would block the connection that publishes.
        if (queue.type === "quorum" && facts.ready > 0 && isCalm) {
          mayPublish ??= await inspector.mayPublish();
        }
        const plan = planQueue({
          ...facts,
          deliveryCount: checkpoint.backups.deliveryCount(source.clusterName, queue),
          memoryHeadroom: nodes.get(queue.leader ?? "")?.headroom,
          mayPublish,
          spoolRoom: room,
        }, {
          brokerVersion: source.rabbitmqVersion,
          requeueStrategy: backup.requeue_strategy,
          memoryShare: backup.memory_share,
          consumerTimeoutSecs: backup.consumer_timeout_secs,
          readStreams: backup.stream_enabled,
          ...choicesFor(queue),
        });
        const { ready, consumers, start } = facts;
        result.push(withinFormat(
          {
            queue,
            ready,
            consumers,
            plan: start?.note === undefined
              ? plan
              : { ...plan, notes: [...plan.notes, start.note] },
            ...(start === undefined ? {} : { start }),
          },
          backup.format,
        ));
      }
      return result;
    });
  }
}

/** Whether messages of the queue will be held: the plan allows it, and there are some. */
export function hasToBeRead({ ready, plan }: PlannedQueue): boolean {
  return ready > 0 && isRead(plan);
}

/** How many messages of the queue are held where it is read. */
export function heldAtMost({ ready, plan }: Pick<PlannedQueue, "ready" | "plan">): number {
  return Math.min(ready, plan.atMost ?? Infinity);
}

/** Refuses what version 1 cannot store before it is read for nothing. */
function withinFormat(planned: PlannedQueue, format: "v2" | "rbak-v1"): PlannedQueue {
  const { queue } = planned;
  if (format === "v2" || !hasToBeRead(planned)) return planned;
  try {
    if (queue.type === "stream") throw streamInV1();
    checkNameV1(queue.vhost, queue.name);
    return planned;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ...planned, plan: refusal(error) };
  }
}

function streamInV1(): AppError {
  return new AppError("refused", "format rbak-v1 has no place for what a stream holds", {
    hint: "set backup.format: v2, or leave streams out with backup.stream_enabled: false",
  });
}

/** What is known of a queue, or why not; undefined when it is gone since it was listed. */
async function factsOf(
  queue: DiscoveredQueue,
  { client, inspector, elections, source, streams, starts, signal }: {
    client: ManagementClient;
    signal: AbortSignal;
    inspector: QueueInspector;
    elections: Elections;
    source: SourceIdentity;
    /** Absent: streams are left out. */
    streams: StreamLook | undefined;
    starts: StreamStarts | undefined;
  },
): Promise<QueueFacts & { start?: StreamStart | undefined } | { error: AppError } | undefined> {
  const known = {
    vhost: queue.vhost,
    name: queue.name,
    type: queue.type,
    autoDelete: queue.autoDelete,
    exclusive: queue.exclusive,
    arguments: queue.arguments,
    policy: queue.policy,
    operatorPolicy: queue.operatorPolicy,
    unacknowledged: queue.messagesUnacknowledged,
    messageBytes: queue.messageBytes,
    publishRate: publishRateOf(queue, source),
  };
  if (/[\r\n]/.test(queue.name)) {
    // A queue of the name without them would be looked at instead, if there is one.
    return {
      error: new AppError("refused", "its name has a line end, which AMQP 0-9-1 cannot name", {
        hint: "move its messages to a queue of another name",
      }),
    };
  }
  // A passive declare of an exclusive queue is refused.
  if (queue.exclusive) return { ...known, ready: 0, consumers: 0 };
  if (queue.type === "classic" && queue.state === "down") {
    // Asked for its depth, the broker waits a minute for the node.
    const node = queue.leader === undefined ? "the node that hosts it" : `its node ${queue.leader}`;
    return {
      error: new AppError("failed", `${node} is down`, {
        hint: "back it up when the node is back",
      }),
    };
  }
  try {
    if (queue.type === "stream") {
      return { ...known, consumers: 0, ...await streams?.at(queue, starts) ?? { ready: 0 } };
    }
    const first = await inspector.depth(queue.name);
    const depth = isDoubtful(queue, first) ? await elections.depth(queue.name) : first;
    return { ...known, ...await withHeld(client, { queue, depth, signal }) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "broker_unreachable" && queue.type !== "stream") throw error;
    if (error.code === "broker_missing") return undefined;
    return { error };
  }
}

/** What another run of this tool has of the queue will be there when it is read, so it counts. */
async function withHeld(
  client: ManagementClient,
  item: { queue: DiscoveredQueue; depth: QueueDepth; signal: AbortSignal },
): Promise<QueueDepth> {
  const { queue: { messages = 0 }, depth } = item;
  if (messages <= depth.ready) return depth;
  const { company, now } = await askCompany(client, item);
  if (company === "none") return depth;
  const others = now!.tags.filter((tag) => !isOwnConsumer(tag)).length;
  const consumers = company === "reader" ? Math.min(others, depth.consumers) : depth.consumers;
  return { ready: messages, consumers };
}

/** Two URLs can be of two brokers; then plan, definitions and messages would not belong together. */
function assertSameBroker({ clusterName }: BrokerConnection, source: SourceIdentity): void {
  const { toldName, nodes } = source;
  if (clusterName === undefined || toldName === "") return;
  if (isSameCluster([clusterName, toldName], nodes)) return;
  throw new AppError(
    "config",
    `Cannot back up: amqp_url leads to broker "${clusterName}" and management_url to "${toldName}"`,
    {
      hint:
        "set source.amqp_url and source.management_url to the same cluster; if they are of one, " +
        'give it a name with "rabbitmqctl set_cluster_name NAME"',
    },
  );
}

function isClosedVhost(error: unknown): error is AppError {
  return error instanceof AppError &&
    (error.code === "broker_denied" || error.code === "broker_missing");
}

function refusal(error: AppError): QueuePlan {
  return {
    verdict: "refused",
    returnMethod: "channel_close",
    deliveryAttempts: 0,
    keepsPart: false,
    expires: false,
    notes: [],
    hold: { memoryPerMessage: 0, spoolPerMessage: 0 },
    reason: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

function byVhost(queues: readonly DiscoveredQueue[]): DiscoveredQueue[][] {
  return [...Map.groupBy(queues, (queue) => queue.vhost).values()];
}

/** Messages a second; 0 where the broker counts, knows the queue, and has counted nothing. */
function publishRateOf(queue: DiscoveredQueue, source: SourceIdentity): number | undefined {
  if (queue.publishRate !== undefined) return queue.publishRate;
  const isKnown = source.countsPublished && queue.messageBytes !== undefined;
  return isKnown ? 0 : undefined;
}
