/** What reading a queue does to it, decided before the first delivery. Pure. */

/** How messages are read and given back. */
export type ReadMethod = "recover" | "channel_close" | "nack" | "reject" | "get";

/** What a backup cost the messages of one queue. */
export interface ReturnCost {
  readonly method: ReadMethod | "none";
  /** Delivery attempts that each message was charged. */
  readonly deliveryAttempts: number;
}

/** What is known of a queue before it is read. */
export interface QueueFacts {
  readonly vhost: string;
  readonly name: string;
  readonly type: string;
  readonly autoDelete: boolean;
  readonly exclusive: boolean;
  /** Arguments of the queue as the management API gives them. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Definitions of the policies in force; the broker combines them with the arguments. */
  readonly policy: Readonly<Record<string, unknown>>;
  readonly operatorPolicy: Readonly<Record<string, unknown>>;
  /** Ready messages and consumers, by passive declare. */
  readonly ready: number;
  readonly consumers: number;
  /** Bytes of message bodies, when the management API knows them. */
  readonly messageBytes?: number;
  /** The `x-delivery-count` that earlier backups lead us to expect; 0 when there was none. */
  readonly deliveryCount?: number;
}

/** What the operator asked for. */
export interface PlanOptions {
  /** As RabbitMQ gives it: "3.10.8". */
  readonly brokerVersion: string;
  readonly requeueStrategy: "auto" | "cancel" | "nack" | "reject" | "get";
  readonly onHazard: "refuse" | "warn";
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
}

/** Whether the plan is to read the queue, as against refusing or excluding it. */
export function isRead({ verdict }: Pick<QueuePlan, "verdict">): boolean {
  return verdict === "safe" || verdict === "cost";
}

/** Decides what to do with one queue. */
export function planQueue(facts: QueueFacts, options: PlanOptions): QueuePlan {
  const returnMethod = returnMethodFor(facts, options);
  const deliveryAttempts = countsAttempts(facts, { ...options, returnMethod }) ? 1 : 0;
  const plan = (verdict: Verdict, reason?: string, hint?: string): QueuePlan => ({
    verdict,
    returnMethod,
    deliveryAttempts,
    ...(reason === undefined ? {} : { reason }),
    ...(hint === undefined ? {} : { hint }),
  });
  if (facts.exclusive) {
    return plan("excluded", "it is exclusive to one connection and ends with it");
  }
  if (facts.type === "stream") {
    return plan(
      "refused",
      "this version does not read streams",
      "leave it out with queues.types: [classic, quorum] to get a complete backup of the rest",
    );
  }
  if (facts.ready === 0) return { ...plan("safe"), deliveryAttempts: 0 };
  const hazard = hazardOf(facts, { ...options, returnMethod });
  if (hazard !== undefined) {
    if (options.onHazard === "warn" && !hazard.certain) {
      return plan("cost", `${hazard.reason} (on_hazard: warn)`);
    }
    return plan("refused", hazard.reason, hazard.hint);
  }
  if (deliveryAttempts > 0) {
    const limit = deliveryLimit(facts, options.brokerVersion);
    return plan(
      "cost",
      limit === undefined
        ? "each message is charged one delivery attempt (the queue has no limit of them)"
        : `each message is charged one of its ${limit} delivery attempts` +
          (facts.deliveryCount ? ` (backups have used ${facts.deliveryCount})` : ""),
    );
  }
  return plan("safe");
}

interface Hazard {
  /** Messages would be lost for sure; `on_hazard: warn` does not help. */
  certain?: true;
  reason: string;
  hint: string;
}

type HazardOptions = PlanOptions & { returnMethod: ReadMethod };

function hazardOf(facts: QueueFacts, options: HazardOptions): Hazard | undefined {
  const hazards = [
    soleConsumerHazard(facts),
    deliveryLimitHazard(facts, options),
    orderHazard(facts, options),
    delayedRetryHazard(facts, options),
    lengthLimitHazard(facts),
  ].filter((hazard) => hazard !== undefined);
  return hazards.find(({ certain }) => certain) ?? hazards[0];
}

function soleConsumerHazard(facts: QueueFacts): Hazard | undefined {
  if (facts.arguments["x-single-active-consumer"] !== true || facts.consumers === 0) {
    return undefined;
  }
  return {
    reason: "it has a single active consumer, which would get the messages, not the backup",
    hint: "stop that consumer while the backup runs",
  };
}

function deliveryLimitHazard(facts: QueueFacts, options: HazardOptions): Hazard | undefined {
  if (facts.type !== "quorum" || !countsAttempts(facts, options)) return undefined;
  const limit = deliveryLimit(facts, options.brokerVersion);
  if (limit === undefined) return undefined;
  if (limit < 0) {
    return {
      certain: true,
      reason:
        `its delivery limit of ${limit} makes this broker drop every message that is returned`,
      hint: "remove x-delivery-limit or the policy's delivery-limit",
    };
  }
  const used = facts.deliveryCount ?? 0;
  if (used > 0 && used >= limit) {
    return {
      certain: true,
      reason: `backups have used ${used} of the ${limit} delivery attempts of its messages: ` +
        "the broker would drop them when they are returned once more",
      hint:
        "raise delivery-limit by a policy (-1 is none from 4.0 on), or upgrade to RabbitMQ 4.3, " +
        "where reading costs none; a backup of the queue while it is empty starts the count anew",
    };
  }
  if (limit >= 3) return undefined;
  return {
    ...(limit === 0 ? { certain: true as const } : {}),
    reason:
      `each backup costs one of only ${limit} delivery attempts, after which it drops messages`,
    hint: "raise delivery-limit by a policy, or upgrade to RabbitMQ 4.3, where reading costs none",
  };
}

function orderHazard(facts: QueueFacts, options: HazardOptions): Hazard | undefined {
  if (keepsOrder(facts, options)) return undefined;
  return {
    reason: `giving messages back by ${options.returnMethod} would change their order`,
    hint: "leave backup.requeue_strategy at auto",
  };
}

/** Measured with reads of a part and of the whole, in several windows. */
function keepsOrder(facts: QueueFacts, options: HazardOptions): boolean {
  if (facts.type !== "quorum") return true;
  const { brokerVersion } = options;
  switch (options.returnMethod) {
    case "channel_close":
      return true;
    case "recover":
    case "nack":
      // 4.0 to 4.2 put them at the end of a queue that has no delivery limit.
      return atLeast(brokerVersion, 4, 3) ||
        (atLeast(brokerVersion, 4, 0) && deliveryLimit(facts, brokerVersion) !== undefined);
    case "reject":
      return atLeast(brokerVersion, 4, 3);
    case "get":
      return false;
  }
}

function delayedRetryHazard(facts: QueueFacts, options: HazardOptions): Hazard | undefined {
  const type = setting(facts, "delayed-retry-type");
  // A return that is charged as an attempt is a failed delivery to the broker.
  const delays = type === "all" || type === "returned" ||
    (type === "failed" && countsAttempts(facts, options));
  if (!delays) return undefined;
  return {
    reason: `it hides returned messages for a while (delayed-retry-type ${type})`,
    hint: "set delayed-retry-type to disabled by an operator policy for the time of the backup",
  };
}

/** Held messages leave room that new ones take; when they return, the oldest are dropped. */
function lengthLimitHazard(facts: QueueFacts): Hazard | undefined {
  const length = numberSetting(facts, "max-length");
  if (length !== undefined && facts.ready * 2 > length) {
    return {
      reason:
        `${facts.ready} of at most ${length} messages: what arrives meanwhile could push some out`,
      hint: "raise max-length above twice the depth, or back up when the queue is shorter",
    };
  }
  const bytes = numberSetting(facts, "max-length-bytes");
  const held = facts.messageBytes;
  if (bytes !== undefined && (held === undefined || held * 2 > bytes)) {
    return {
      reason: `${held ?? "unknown"} of at most ${bytes} bytes: ` +
        "what arrives meanwhile could push messages out",
      hint: "raise max-length-bytes above twice what the queue holds",
    };
  }
  return undefined;
}

function returnMethodFor(facts: QueueFacts, options: PlanOptions): ReadMethod {
  // An auto-delete queue is deleted when its last consumer is cancelled; a get is no consumer.
  if (facts.autoDelete) return "get";
  switch (options.requeueStrategy) {
    case "cancel":
      return "channel_close";
    case "nack":
    case "reject":
    case "get":
      return options.requeueStrategy;
    case "auto":
      return facts.type === "quorum" && atLeast(options.brokerVersion, 4, 3)
        ? "recover"
        : "channel_close";
  }
}

/** Whether giving messages back is charged to them as a delivery attempt. */
function countsAttempts(facts: QueueFacts, options: HazardOptions): boolean {
  if (facts.type !== "quorum") return false;
  if (!atLeast(options.brokerVersion, 4, 3)) return true;
  return options.returnMethod !== "recover" && options.returnMethod !== "nack";
}

/**
 * The delivery limit in force, or undefined for none. Negative on 3.x is taken literally. 4.x combines
 * operator policy with policy, and the result with the argument: the smaller of two limits, or the
 * only one of them that is one (negative means none).
 */
export function deliveryLimit(facts: QueueFacts, brokerVersion: string): number | undefined {
  const limits = [
    facts.operatorPolicy["delivery-limit"],
    facts.policy["delivery-limit"],
    facts.arguments["x-delivery-limit"],
  ].filter((value) => typeof value === "number");
  if (!atLeast(brokerVersion, 4, 0)) return limits.length === 0 ? undefined : Math.min(...limits);
  if (limits.length === 0) return 20;
  const actual = limits.filter((limit) => limit >= 0);
  return actual.length === 0 ? undefined : Math.min(...actual);
}

function setting(facts: QueueFacts, key: string): unknown {
  return facts.operatorPolicy[key] ?? facts.policy[key] ?? facts.arguments[`x-${key}`];
}

/** The smallest of what policies and argument set: the broker takes that for lengths. */
function numberSetting(facts: QueueFacts, key: string): number | undefined {
  const values = [facts.operatorPolicy[key], facts.policy[key], facts.arguments[`x-${key}`]]
    .filter((value) => typeof value === "number");
  return values.length === 0 ? undefined : Math.min(...values);
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [have = 0, haveMinor = 0] = version.split(".").map((part) => parseInt(part, 10));
  return have > major || (have === major && haveMinor >= minor);
}
