/**
 * Who else has messages of a queue: another run of this tool, mostly. They are neither ready nor lost,
 * and a backup that does not wait for them lacks them.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type QueueDepth, QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import { isOwnConsumer } from "../../broker/amqp/queue_reader.ts";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { QueueNow } from "../../broker/management/model.ts";
import { AppError } from "../../errors.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import type { DiscoveredQueue } from "../survey/discover.ts";
import type { PlannedQueue } from "../survey/survey.ts";

/** The management API learns of consumers and depths so late, milliseconds. */
const STATISTICS_MS = 6_000;
const ASK_MS = 500;
/** A reader cancels its consumers before it gives back. For so long the depth has to stand still. */
const STEADY_MS = 2_000;
/** No reader may hold longer: RabbitMQ's own default of `consumer_timeout`. */
const READER_MS = 30 * 60_000;
/** Somebody who has messages without being a consumer may keep them for ever. */
const HOLDER_MS = 60_000;

/**
 * `reader`: another run of this tool consumes; `holder`: nobody consumes, but messages are out;
 * `unclear`: the management API may not know yet; `none`: what is missing, consumers have.
 */
export type Company = "none" | "unclear" | "holder" | "reader";

/** What an AMQP connection and the management API say of a queue, taken together. */
export function companyOf(
  { ready, consumers }: QueueDepth,
  { tags, messages, unacknowledged }: QueueNow,
): Company {
  if (tags.some(isOwnConsumer)) return "reader";
  if (consumers > 0) return consumers > tags.length ? "unclear" : "none";
  if ((messages ?? 0) <= ready) return "none";
  return (unacknowledged ?? 0) > 0 ? "holder" : "unclear";
}

/** Asks the management API, where there is reason to. */
export async function askCompany(
  client: ManagementClient,
  options: { queue: DiscoveredQueue; depth: QueueDepth; signal: AbortSignal },
): Promise<{ company: Company; now?: QueueNow }> {
  const { queue, depth, signal } = options;
  if (depth.consumers === 0 && (queue.messages ?? 0) <= depth.ready) return { company: "none" };
  const now = await client.queueNow(queue, { signal });
  return now === undefined ? { company: "none" } : { company: companyOf(depth, now), now };
}

/** What {@linkcode alone} needs to know and tell. */
export interface CompanyContext {
  readonly client: ManagementClient;
  readonly connections: ConnectionPool;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** A queue of which no other run has messages any more. */
export interface Alone {
  /** With its depth and consumers as they are now, where that was waited for. */
  readonly planned: PlannedQueue;
  readonly hasWaited: boolean;
  /** Ready messages. */
  readonly ready: number;
  /** Messages that somebody keeps without being a consumer. */
  readonly missing: number;
}

/**
 * Waits until no other run of this tool has messages of the queue.
 *
 * @throws {AppError} `failed` when another run reads it for half an hour
 */
export async function alone(
  context: CompanyContext,
  planned: PlannedQueue,
): Promise<Alone> {
  const { client, emit, signal } = context;
  const { queue } = planned;
  const since = performance.now();
  let told: Company | undefined;
  let hasWaited = false;
  let steady = { ready: -1, since };
  for (;;) {
    const depth = await depthOf(context, queue);
    const { company, now } = await askCompany(client, { queue, depth, signal });
    const time = performance.now();
    const { ready } = depth;
    if (ready !== steady.ready || company === "reader") steady = { ready, since: time };
    const waited = time - since;
    if (company === "reader" && waited > READER_MS) throw readForTooLong(queue.name);
    const isSteady = !hasWaited || time - steady.since > STEADY_MS;
    if (waited > patienceWith(company) && isSteady) {
      if (!hasWaited) return { planned, ready, hasWaited, missing: 0 };
      const { messages, unacknowledged } = now ?? {};
      return {
        ready,
        hasWaited,
        planned: {
          ...planned,
          ready,
          consumers: depth.consumers,
          queue: {
            ...queue,
            ...(messages === undefined ? {} : { messages }),
            messagesUnacknowledged: unacknowledged ?? 0,
          },
        },
        missing: company === "holder" ? unacknowledged ?? 0 : 0,
      };
    }
    if (company !== "unclear" && company !== told) {
      emit({ type: "step", message: waitingText(queue.name, company) });
      told = company;
    }
    hasWaited = true;
    await delay(ASK_MS, undefined, { signal });
  }
}

function patienceWith(company: Company): number {
  switch (company) {
    case "none":
      return -1;
    case "unclear":
      return STATISTICS_MS;
    case "holder":
      return HOLDER_MS;
    case "reader":
      return READER_MS;
  }
}

async function depthOf(
  { connections }: CompanyContext,
  { vhost, name }: DiscoveredQueue,
): Promise<QueueDepth> {
  return await connections.use(vhost, async (connection) => {
    await using inspector = new QueueInspector(connection);
    return await inspector.depth(name);
  });
}

function waitingText(name: string, company: Company): string {
  return company === "reader"
    ? `Waiting for another run of rabbitmq-backup, which is reading queue "${name}"`
    : `Waiting for messages of queue "${name}" that somebody has, who is no consumer`;
}

function readForTooLong(name: string): AppError {
  return new AppError(
    "failed",
    `Cannot read queue "${name}": another run of rabbitmq-backup has been reading it for half an hour`,
    { hint: "end that one, or take another backup when it has ended" },
  );
}
