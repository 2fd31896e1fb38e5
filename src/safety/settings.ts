/** What arguments and policies of a queue come to, as the broker combines them. */
import type { QueueFacts } from "./facts.ts";

/**
 * The delivery limit in force, or undefined for none. Negative on 3.x is taken literally. 4.x combines
 * operator policy with policy, and the result with the argument: the smaller of two limits, or the
 * only one of them that is one (negative means none).
 */
export function deliveryLimit(facts: QueueFacts, brokerVersion: string): number | undefined {
  const limits = numbersOf(facts, "delivery-limit");
  if (!atLeast(brokerVersion, 4, 0)) return limits.length === 0 ? undefined : Math.min(...limits);
  if (limits.length === 0) return 20;
  const actual = limits.filter((limit) => limit >= 0);
  return actual.length === 0 ? undefined : Math.min(...actual);
}

/** The value that wins: operator policy, policy, argument. */
export function setting(
  facts: Pick<QueueFacts, "operatorPolicy" | "policy" | "arguments">,
  key: string,
): unknown {
  return facts.operatorPolicy[key] ?? facts.policy[key] ?? facts.arguments[`x-${key}`];
}

/** The smallest of what policies and argument set: the broker takes that for limits. */
export function numberSetting(facts: QueueFacts, key: string): number | undefined {
  const values = numbersOf(facts, key);
  return values.length === 0 ? undefined : Math.min(...values);
}

/** Whether a version such as "3.10.8" is this one or newer. */
export function atLeast(version: string, major: number, minor: number): boolean {
  const [have = 0, haveMinor = 0] = version.split(".").map((part) => parseInt(part, 10));
  return have > major || (have === major && haveMinor >= minor);
}

function numbersOf({ operatorPolicy, policy, arguments: own }: QueueFacts, key: string): number[] {
  return [operatorPolicy[key], policy[key], own[`x-${key}`]]
    .filter((value) => typeof value === "number");
}
