/**
 * What versions and plugins of RabbitMQ know: rules that were tried on 3.10, 4.0 and 4.3; versions
 * in between by https://www.rabbitmq.com/release-information.
 */
import { isRawNumber } from "../exact_json.ts";
import { type DefinedObject, tableOf } from "./document.ts";
import type { TargetFacts } from "./preflight.ts";
import { isEmptyPolicy, isMirroring } from "./quorum.ts";
import { isFrom } from "./versions.ts";

/** Keys of policies that are not in all versions. */
const KEYS_SINCE: Readonly<Record<string, string>> = {
  "consumer-timeout": "3.12",
  "stream-filter-size-bytes": "3.13",
  "target-group-size": "3.13",
  "delayed-retry-type": "4.3",
  "delayed-retry-min": "4.3",
  "delayed-retry-max": "4.3",
  "consumer-disconnected-timeout": "4.3",
};

/** Keys of policies, and components of parameters, that a plugin knows: one of these. */
const KEYS_OF_PLUGINS: Readonly<Record<string, readonly string[]>> = {
  "federation-upstream": ["rabbitmq_federation", "rabbitmq_federation_common"],
  "federation-upstream-set": ["rabbitmq_federation", "rabbitmq_federation_common"],
  "federation-upstream-pattern": ["rabbitmq_federation", "rabbitmq_federation_common"],
  "shards-per-node": ["rabbitmq_sharding"],
  "shovel": ["rabbitmq_shovel"],
};

const POLICY_TARGETS = ["queues", "exchanges", "all"];

/** Arguments that quorum queues do not take; brokers refuse the queue. */
const NOT_OF_QUORUM = ["x-max-priority", "x-queue-mode"];

/** Why the broker would refuse a policy, also one of operators. */
export function policyProblem(policy: DefinedObject, target: TargetFacts): string | undefined {
  if (isEmptyPolicy(policy)) {
    return "brokers refuse a policy that says nothing (transformation drop_empty_policies)";
  }
  if (isMirroring(policy) && isFrom(target.version, "4.0")) {
    return "from 4.0 on RabbitMQ has no mirrored queues, and refuses the keys ha-… " +
      "(transformation prepare_for_quorum_queue_migration, or strip_cmq_keys_from_policies)";
  }
  const applyTo = String(policy["apply-to"] ?? "all");
  if (!POLICY_TARGETS.includes(applyTo) && !isFrom(target.version, "3.12")) {
    return `RabbitMQ before 3.12 knows no policies for ${applyTo}`;
  }
  for (const [key, value] of Object.entries(tableOf(policy.definition))) {
    const problem = keyProblem(key, target) ?? valueProblem(key, value, target);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Why the broker would refuse a parameter. */
export function parameterProblem(
  { component, value }: DefinedObject,
  target: TargetFacts,
): string | undefined {
  if (component === "operator_policy") return policyProblem(tableOf(value), target);
  return pluginProblem(String(component), target);
}

/** Why the broker would refuse a queue for its arguments, drop it, or lose messages with it. */
export function argumentProblem(queue: DefinedObject, target: TargetFacts): string | undefined {
  const table = tableOf(queue.arguments);
  const type = String(table["x-queue-type"] ?? "classic");
  if (type === "quorum" || type === "stream") {
    if (queue.durable === false) return `a ${type} queue has to be durable; brokers drop this one`;
    if (queue.auto_delete === true) {
      return `a ${type} queue cannot delete itself; brokers drop this one`;
    }
  }
  if (type !== "quorum") return undefined;
  const wrong = NOT_OF_QUORUM.find((key) => key in table);
  if (wrong !== undefined) return `quorum queues do not take ${wrong}`;
  if (isNegative(table["x-delivery-limit"]) && !isFrom(target.version, "4.0")) {
    return "RabbitMQ before 4.0 takes the delivery limit -1 for none at all: each message that is " +
      "given back would be lost";
  }
  return undefined;
}

function keyProblem(key: string, target: TargetFacts): string | undefined {
  const since = KEYS_SINCE[key];
  if (since !== undefined && !isFrom(target.version, since)) {
    return `RabbitMQ before ${since} does not know ${key}`;
  }
  if (key === "queue-master-locator" && isFrom(target.version, "4.3")) {
    return "from 4.3 on RabbitMQ refuses queue-master-locator (queue-leader-locator is its heir)";
  }
  return pluginProblem(key, target);
}

function valueProblem(key: string, value: unknown, target: TargetFacts): string | undefined {
  if (key !== "delivery-limit" || !isNegative(value) || isFrom(target.version, "4.0")) {
    return undefined;
  }
  return "RabbitMQ before 4.0 refuses the delivery limit -1";
}

function pluginProblem(key: string, { plugins }: TargetFacts): string | undefined {
  const knowing = KEYS_OF_PLUGINS[key];
  if (knowing === undefined || plugins === undefined) return undefined;
  if (knowing.some((plugin) => plugins.has(plugin))) return undefined;
  return `the broker does not know ${key}: the plugin ${knowing[0]} is not enabled`;
}

function isNegative(value: unknown): boolean {
  return Number(isRawNumber(value) ? value.rawJSON : value ?? 0) < 0;
}
