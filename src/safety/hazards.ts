/** What in a queue's settings makes reading it a risk. */
import { holdSeconds } from "./estimate.ts";
import type { QueueFacts } from "./facts.ts";
import { type ChosenOptions, countsAttempts } from "./return_method.ts";
import { atLeast, deliveryLimit, numberSetting, setting } from "./settings.ts";

/** The part of a length limit that has to be free. */
const LEAST_ROOM = 0.1;
/** Time in which nobody notices what arrives. */
const WATCH_LAG_SECONDS = 2;

/** Why reading a queue could lose a message. */
export interface Hazard {
  /** Messages would be lost for sure; `on_hazard: warn` does not help. */
  certain?: true;
  reason: string;
  hint: string;
}

/** The worst of what could happen; undefined when nothing can. */
export function hazardOf(facts: QueueFacts, options: ChosenOptions): Hazard | undefined {
  const hazards = [
    soleConsumerHazard(facts),
    deliveryLimitHazard(facts, options),
    rescueHazard(facts, options),
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

function deliveryLimitHazard(facts: QueueFacts, options: ChosenOptions): Hazard | undefined {
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

/**
 * A message whose attempts applications have used up is lost when it is given back, and nobody can
 * tell before it is there. Who may publish can put a copy into the queue; who may not has to let it go.
 */
function rescueHazard(facts: QueueFacts, options: ChosenOptions): Hazard | undefined {
  if (facts.type !== "quorum" || !countsAttempts(facts, options)) return undefined;
  if (deliveryLimit(facts, options.brokerVersion) === undefined) return undefined;
  if (facts.mayPublish !== false) return undefined;
  return {
    reason: "a message whose delivery attempts are used up would be lost when it is given back, " +
      "and this user may not publish, to put it into the queue again",
    hint: "grant write permission on the default exchange: " +
      "rabbitmqctl set_permissions -p VHOST USER '^$' '^amq\\.default$' '.*'",
  };
}

function orderHazard(facts: QueueFacts, options: ChosenOptions): Hazard | undefined {
  if (keepsOrder(facts, options)) return undefined;
  return {
    reason: `giving messages back by ${options.returnMethod} would change their order`,
    hint: "leave backup.requeue_strategy at auto",
  };
}

/** Measured with reads of a part and of the whole, in several windows. */
function keepsOrder(facts: QueueFacts, options: ChosenOptions): boolean {
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

function delayedRetryHazard(facts: QueueFacts, options: ChosenOptions): Hazard | undefined {
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
  if (!dropsHead(facts)) return undefined;
  const { ready, messageBytes, publishRate } = facts;
  const length = numberSetting(facts, "max-length");
  if (length !== undefined && length - ready < neededRoom(facts, { limit: length, held: ready })) {
    return {
      reason: `${ready} of at most ${length} messages` +
        (publishRate ? `, and ${Math.ceil(publishRate)} a second arrive` : "") +
        ": what arrives meanwhile could push some out",
      hint: "raise max-length, or back up when the queue is shorter",
    };
  }
  const bytes = numberSetting(facts, "max-length-bytes");
  if (bytes === undefined) return undefined;
  const held = messageBytes;
  if (held === undefined || bytes - held < neededRoom(facts, { limit: bytes, held })) {
    return {
      reason: `${held ?? "unknown"} of at most ${bytes} bytes: ` +
        "what arrives meanwhile could push messages out",
      hint: "raise max-length-bytes, or back up when the queue is shorter",
    };
  }
  return undefined;
}

/** What may arrive while messages are held, in the limit's unit; the watch lets go before it is used up. */
function neededRoom(facts: QueueFacts, { limit, held }: { limit: number; held: number }): number {
  // No statistics: as much may arrive as there is.
  if (facts.publishRate === undefined) return Math.max(held, limit * LEAST_ROOM);
  const each = held / facts.ready;
  const arriving = facts.publishRate * (holdSeconds(facts) + WATCH_LAG_SECONDS) * 2;
  return Math.max(arriving * each, limit * LEAST_ROOM);
}

/** Whether a length limit drops the oldest messages, as against rejecting new ones. */
export function dropsHead(facts: QueueFacts): boolean {
  const overflow = setting(facts, "overflow");
  return overflow === undefined || overflow === "drop-head";
}
