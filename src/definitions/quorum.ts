import { compilePolicyPattern } from "../config/policy_pattern.ts";
import { AppError } from "../errors.ts";
import { type DefinedObject, type Definitions, mapped, objectsOf, tableOf } from "./document.ts";

/** Keys of policies that mirrored classic queues, which RabbitMQ 4.0 has no more. */
const MIRRORING_KEYS = [
  "ha-mode",
  "ha-params",
  "ha-sync-mode",
  "ha-sync-batch-size",
  "ha-promote-on-shutdown",
  "ha-promote-on-failure",
];

/** Keys of policies that quorum queues do not take. */
const CLASSIC_KEYS = ["queue-mode"];

/** Arguments of queues that go with a change to quorum: a quorum queue with them is refused. */
const CLASSIC_ARGUMENTS = ["x-queue-mode", "x-max-priority"];

const WITHOUT_QUORUM = "reject-publish-dlx";

/** Whether a policy mirrors queues. */
export function isMirroring(policy: DefinedObject): boolean {
  const definition = tableOf(policy.definition);
  return MIRRORING_KEYS.some((key) => key in definition);
}

/**
 * Takes the mirroring out of policies, and makes the queues that they mirrored quorum queues.
 *
 * @throws AppError `usage` when the pattern of such a policy is not understood
 */
export function withoutMirroring(definitions: Definitions): Definitions {
  const isMirrored = mirroredQueues(definitions);
  const stripped = mapped(
    definitions,
    "policies",
    (policy) => ({ ...policy, definition: without(policy.definition, MIRRORING_KEYS) }),
  );
  return mapped(
    stripped,
    "queues",
    (queue) => isMirrored(queue) ? asQuorum(queue) : queue,
  );
}

/** The same, and takes out what quorum queues do not know. */
export function preparedForQuorum(definitions: Definitions): Definitions {
  const policies = mapped(withoutMirroring(definitions), "policies", (policy) => {
    const definition = without(policy.definition, CLASSIC_KEYS);
    const overflow = definition.overflow === WITHOUT_QUORUM ? { overflow: "reject-publish" } : {};
    return { ...policy, definition: { ...definition, ...overflow } };
  });
  const mirroring = MIRRORING_KEYS.map((key) => `x-${key}`);
  return mapped(policies, "queues", (queue) => {
    const table = without(queue.arguments, mirroring);
    const overflow = table["x-overflow"] === WITHOUT_QUORUM
      ? { "x-overflow": "reject-publish" }
      : {};
    return { ...queue, arguments: { ...table, ...overflow } };
  });
}

/** Policies without what empties them: brokers refuse a policy that says nothing. */
export function isEmptyPolicy(policy: DefinedObject): boolean {
  return Object.keys(tableOf(policy.definition)).length === 0;
}

/** Tells which queues a policy in force mirrors: of those that match, the one of highest priority. */
function mirroredQueues(definitions: Definitions): (queue: DefinedObject) => boolean {
  const policies = objectsOf(definitions, "policies")
    .filter((policy) => ["all", "queues", "classic_queues"].includes(appliesTo(policy)))
    .toSorted((one, other) => Number(other.priority ?? 0) - Number(one.priority ?? 0));
  if (!policies.some(isMirroring)) return () => false;
  const byVhost = Map.groupBy(policies.map(compiled), ({ policy }) => policy.vhost);
  return (queue) => {
    if (!canBeQuorum(queue)) return false;
    const name = String(queue.name);
    const inForce = byVhost.get(queue.vhost)?.find(({ matches }) => matches(name));
    return inForce !== undefined && isMirroring(inForce.policy);
  };
}

function appliesTo(policy: DefinedObject): string {
  return String(policy["apply-to"] ?? "all");
}

function compiled(policy: DefinedObject) {
  const pattern = String(policy.pattern);
  const matches = compilePolicyPattern(pattern);
  if (matches !== undefined) return { policy, matches };
  throw new AppError(
    "usage",
    `Cannot tell which queues policy ${JSON.stringify(policy.name)} mirrors: its pattern ` +
      `${JSON.stringify(pattern)} is not understood here`,
    { hint: "Write the pattern in the file in a simpler way, or take out the policy" },
  );
}

/** Brokers refuse quorum queues that are not durable, or that delete themselves. */
function canBeQuorum(queue: DefinedObject): boolean {
  const type = tableOf(queue.arguments)["x-queue-type"] ?? "classic";
  return type === "classic" && queue.durable !== false && queue.auto_delete !== true &&
    queue.exclusive !== true;
}

function asQuorum(queue: DefinedObject): DefinedObject {
  const table = without(queue.arguments, CLASSIC_ARGUMENTS);
  const type = queue.type === undefined ? {} : { type: "quorum" };
  return { ...queue, ...type, arguments: { ...table, "x-queue-type": "quorum" } };
}

function without(table: unknown, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(tableOf(table)).filter(([key]) => !keys.includes(key)),
  );
}
