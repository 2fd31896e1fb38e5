/** What reading a queue does to it, decided before the first delivery. Pure. */
import { consumerTimeout, tightestBound } from "./bounds.ts";
import { holdSeconds, memoryPerMessage, spoolPerMessage } from "./estimate.ts";
import type { PlanOptions, QueueFacts, ReadByAmqp, ReadMethod } from "./facts.ts";
import { dropsHead, hazardOf } from "./hazards.ts";
import { type ChosenOptions, countsAttempts, returnMethodFor } from "./return_method.ts";
import { atLeast, deliveryLimit, numberSetting, setting } from "./settings.ts";

export type { PlanOptions, QueueFacts, ReadMethod };

/** What a backup cost the messages of one queue. */
export interface ReturnCost {
  readonly method: ReadMethod | "none";
  /** Delivery attempts that each message was charged. */
  readonly deliveryAttempts: number;
}

/**
 * `safe`: reading changes nothing but the redelivered flag; `cost`: it also costs what `reason` says;
 * `refused`: it could lose a message; `excluded`: it cannot be in a backup by its nature.
 */
export type Verdict = "safe" | "cost" | "refused" | "excluded";

/** The plan for one queue. */
export interface QueuePlan {
  readonly verdict: Verdict;
  readonly returnMethod: ReadMethod;
  readonly deliveryAttempts: number;
  readonly reason?: string;
  readonly hint?: string;
  /** What may happen, where it is read in spite of it (`on_hazard: warn`). */
  readonly risk?: string;
  /** What else is good to know before. */
  readonly notes: readonly string[];
  /** Reading ends at so many messages: the queue cannot be held whole (`partial: oldest`). */
  readonly atMost?: number;
  /** Messages may expire by a TTL of the queue; those with one of their own may in any. */
  readonly expires: boolean;
  /** Only of a stream that is read by AMQP 0-9-1. */
  readonly byAmqp?: ReadByAmqp;
  /** What was read is kept when it has to be let go early (`partial: oldest`). */
  readonly keepsPart: boolean;
  readonly hold: HoldLimits;
}

/** Seconds, and whose: beyond them the broker closes the channel, or the operator's patience ends. */
export interface HoldEnd {
  readonly at: number;
  readonly of: "consumer_timeout" | "max_hold_secs";
}

/** Where a hold ends early, watched while it lasts. */
export interface HoldLimits {
  readonly seconds?: HoldEnd | undefined;
  /** Held and ready messages together, or bytes of their bodies, that the queue may have. */
  readonly maxLength?: number | undefined;
  readonly maxLengthBytes?: number | undefined;
  /** The count at which a message is lost by being given back, or by a crash while it is held. */
  readonly deliveryLimit?: number | undefined;
  /** Seconds that our consumers ask the broker for, so that its own default does not count (4.3). */
  readonly consumerTimeoutSecs?: number | undefined;
  /** Bytes that holding one message takes of the broker's memory and of the spool. */
  readonly memoryPerMessage: number;
  readonly spoolPerMessage: number;
}

/** Whether the plan is to read the queue, as against refusing or excluding it. */
export function isRead({ verdict }: Pick<QueuePlan, "verdict">): boolean {
  return verdict === "safe" || verdict === "cost";
}

/** Decides what to do with one queue. */
export function planQueue(facts: QueueFacts, options: PlanOptions): QueuePlan {
  const returnMethod = returnMethodFor(facts, options);
  const chosen = { ...options, returnMethod };
  const deliveryAttempts = countsAttempts(facts, chosen) ? 1 : 0;
  const common = {
    returnMethod,
    deliveryAttempts,
    expires: numberSetting(facts, "message-ttl") !== undefined,
    keepsPart: options.partial === "oldest",
    hold: holdLimits(facts, chosen),
  };
  const plan = (verdict: Verdict, reason?: string, hint?: string): QueuePlan => ({
    ...common,
    verdict,
    notes: isRead({ verdict }) ? notesOf(facts) : [],
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  });
  if (facts.exclusive) {
    return plan("excluded", "it is exclusive to one connection and ends with it");
  }
  if (facts.type === "stream") {
    if (!options.readStreams) {
      return plan("excluded", "streams are left out (backup.stream_enabled: false)");
    }
    // Nothing is taken of a stream, held or given back: it is read from an offset.
    return facts.byAmqp === undefined
      ? { ...plan("safe"), notes: [] }
      : { ...plan("cost", amqpCost(facts.byAmqp)), notes: [], byAmqp: facts.byAmqp };
  }
  if (facts.ready === 0) return { ...plan("safe"), deliveryAttempts: 0 };

  const costs: string[] = [];
  const hazard = hazardOf(facts, chosen);
  if (hazard !== undefined) {
    if (options.onHazard === "refuse" || hazard.certain) {
      return plan("refused", hazard.reason, hazard.hint);
    }
    costs.push(`${hazard.reason} (on_hazard: warn)`);
  }
  const bound = tightestBound(facts, options);
  if (bound !== undefined) {
    if (options.partial === "refuse" || bound.messages < 1) {
      return plan("refused", bound.reason, bound.hint);
    }
    costs.push(`only the oldest ${bound.messages} of ${facts.ready} messages: ${bound.reason}`);
  }
  if (deliveryAttempts > 0) costs.push(attemptCost(facts, options));
  return {
    ...(costs.length === 0 ? plan("safe") : plan("cost", costs.join("; "))),
    ...(hazard === undefined ? {} : { risk: hazard.reason }),
    ...(bound === undefined ? {} : { atMost: bound.messages }),
  };
}

function amqpCost({ because, losses }: ReadByAmqp): string {
  return `read by AMQP 0-9-1 (${because}), it lacks ${losses.join("; ")}`;
}

function attemptCost(facts: QueueFacts, { brokerVersion }: PlanOptions): string {
  const limit = deliveryLimit(facts, brokerVersion);
  if (limit === undefined) {
    return "each message is charged one delivery attempt (the queue has no limit of them)";
  }
  const used = facts.deliveryCount ?? 0;
  const left = limit - used;
  return `each message is charged one of its ${limit} delivery attempts ` +
    `(${used === 0 ? "" : `${used} used, `}${left} ${left === 1 ? "backup" : "backups"} left)`;
}

/** Not hazards, but nothing that should come as a surprise. */
function notesOf(facts: QueueFacts): string[] {
  const notes: string[] = facts.consumers > 0 ? [consumerNote(facts)] : [];
  if (facts.ready === 0) return notes;
  const seconds = Math.max(1, Math.ceil(holdSeconds(facts)));
  const ttl = numberSetting(facts, "message-ttl");
  if (ttl !== undefined) {
    notes.push(
      `a message whose TTL (${ttl} ms) ends while it is held, for up to some ${seconds} s, expires ` +
        "when it is given back",
    );
  }
  const expires = numberSetting(facts, "expires");
  if (expires !== undefined) {
    notes.push(`it is deleted when unused for ${expires} ms; being backed up counts as use`);
  }
  const overflow = setting(facts, "overflow");
  if (overflow === "reject-publish" || overflow === "reject-publish-dlx") {
    notes.push("while messages are held it takes more than its length limit, and rejects nothing");
  }
  return notes;
}

function consumerNote({ consumers, unacknowledged = 0 }: QueueFacts): string {
  const one = consumers === 1;
  const theirs = unacknowledged === 0 ? "" : `, with ${unacknowledged} unacknowledged messages`;
  return `it has ${consumers} ${one ? "consumer" : "consumers"}${theirs}, which ` +
    `${one ? "comes" : "come"} before the backup; what consumers have or take is not in it`;
}

function holdLimits(facts: QueueFacts, options: ChosenOptions): HoldLimits {
  const bounded = dropsHead(facts);
  return {
    seconds: holdEnd(facts, options),
    maxLength: bounded ? numberSetting(facts, "max-length") : undefined,
    maxLengthBytes: bounded ? numberSetting(facts, "max-length-bytes") : undefined,
    // Also where a return is free: a crash is not.
    deliveryLimit: facts.type === "quorum"
      ? deliveryLimit(facts, options.brokerVersion)
      : undefined,
    consumerTimeoutSecs: atLeast(options.brokerVersion, 4, 3)
      ? consumerTimeout(facts, options)
      : undefined,
    memoryPerMessage: memoryPerMessage(facts),
    spoolPerMessage: spoolPerMessage(facts),
  };
}

/** What ends a hold first; undefined when nothing does. */
function holdEnd(facts: QueueFacts, options: ChosenOptions): HoldEnd | undefined {
  const ends: HoldEnd[] = [];
  // Comes first where both are the same: the sort is stable.
  if (options.maxHoldSecs !== undefined) {
    ends.push({ at: options.maxHoldSecs, of: "max_hold_secs" });
  }
  const timeout = consumerTimeout(facts, options);
  if (timeout !== undefined) {
    // The broker looks once a minute, and messages have to be back by then.
    ends.push({ at: Math.max(1, timeout * 0.8), of: "consumer_timeout" });
  }
  return ends.toSorted((a, b) => a.at - b.at)[0];
}
