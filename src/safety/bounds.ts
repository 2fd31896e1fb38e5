/** What keeps a queue from being held whole: memory, disk, time. */
import { holdSeconds, memoryPerMessage, spoolPerMessage } from "./estimate.ts";
import type { PlanOptions, QueueFacts } from "./facts.ts";
import { atLeast, numberSetting } from "./settings.ts";

/** How much of a queue can be held, and why not more. */
export interface Bound {
  /** So many messages can be held. */
  messages: number;
  reason: string;
  hint: string;
}

/** The least that can be held; undefined when the whole queue can. */
export function tightestBound(facts: QueueFacts, options: PlanOptions): Bound | undefined {
  return [memoryBound(facts, options), spoolBound(facts), timeBound(facts, options)]
    .filter((bound) => bound !== undefined)
    .filter(({ messages }) => messages < facts.ready)
    .toSorted((a, b) => a.messages - b.messages)[0];
}

function memoryBound(facts: QueueFacts, { memoryShare }: PlanOptions): Bound | undefined {
  const { memoryHeadroom, ready } = facts;
  if (memoryHeadroom === undefined) return undefined;
  const each = memoryPerMessage(facts);
  const may = Math.max(0, memoryHeadroom) * memoryShare;
  return {
    messages: Math.floor(may / each),
    reason:
      `holding ${ready} messages takes some ${megabytes(ready * each)} of its node's memory, ` +
      `and at most ${megabytes(may)} may be taken (${percent(memoryShare)} of the ` +
      `${megabytes(memoryHeadroom)} up to its memory alarm)`,
    hint: "set backup.partial: oldest to take what fits, raise backup.memory_share, or give the " +
      "broker more memory",
  };
}

function spoolBound(facts: QueueFacts): Bound | undefined {
  const { spoolRoom, ready } = facts;
  if (spoolRoom === undefined) return undefined;
  const each = spoolPerMessage(facts);
  return {
    messages: Math.floor(spoolRoom / each),
    reason:
      `${ready} messages take some ${megabytes(ready * each)} of the local spool, which has ` +
      `room for ${megabytes(spoolRoom)}`,
    hint: "set backup.spool_dir to a larger disk, or backup.spool_max_bytes higher",
  };
}

function timeBound(facts: QueueFacts, options: PlanOptions): Bound | undefined {
  const timeout = consumerTimeout(facts, options);
  if (timeout === undefined) return undefined;
  const seconds = holdSeconds(facts);
  const may = timeout / 2;
  return {
    messages: Math.floor(facts.ready * Math.min(1, may / seconds)),
    reason:
      `reading ${facts.ready} messages may take ${Math.ceil(seconds)} s, and the broker takes ` +
      `them back after ${timeout} s (consumer timeout)`,
    hint: "raise the broker's consumer_timeout and backup.consumer_timeout_secs with it, or set " +
      "backup.partial: oldest",
  };
}

/**
 * Seconds after which the broker takes back what a consumer does not acknowledge; undefined for never.
 * Queues have settings of their own from 3.12 on; from 4.3 on only quorum queues look at the clock.
 */
export function consumerTimeout(
  facts: QueueFacts,
  options: Pick<PlanOptions, "brokerVersion" | "consumerTimeoutSecs">,
): number | undefined {
  const { brokerVersion, consumerTimeoutSecs } = options;
  if (facts.type !== "quorum" && atLeast(brokerVersion, 4, 3)) return undefined;
  const own = atLeast(brokerVersion, 3, 12) ? numberSetting(facts, "consumer-timeout") : undefined;
  if (own !== undefined) return own / 1000;
  return consumerTimeoutSecs === 0 ? undefined : consumerTimeoutSecs;
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
const percent = (share: number) => `${Math.round(share * 100)} %`;
