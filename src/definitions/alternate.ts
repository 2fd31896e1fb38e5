import { compilePolicyPattern } from "../config/policy_pattern.ts";

/** As definitions and the management API have them. */
interface AnyPolicy {
  readonly name?: unknown;
  readonly pattern?: unknown;
  readonly "apply-to"?: unknown;
  readonly priority?: unknown;
  readonly definition?: unknown;
}

const ALTERNATE = "alternate-exchange";

/** The policy of a vhost that is in force for an exchange; one whose pattern cannot be read is not. */
export function policyOfExchange<P extends AnyPolicy>(
  exchange: string,
  policies: readonly P[],
): P | undefined {
  const matching = policies.filter((policy) =>
    ["all", "exchanges"].includes(String(policy["apply-to"] ?? "all")) &&
    compilePolicyPattern(String(policy.pattern))?.(exchange)
  );
  return matching.toSorted((a, b) => Number(b.priority ?? 0) - Number(a.priority ?? 0))[0];
}

/** The exchange that gets what has no binding at an exchange: its argument wins over the policy. */
export function alternateOf(
  exchange: { readonly arguments?: unknown },
  policy: AnyPolicy | undefined,
): string | undefined {
  const inTable = (table: unknown) => (table as Record<string, unknown> | undefined)?.[ALTERNATE];
  const alternate = inTable(exchange.arguments) ?? inTable(policy?.definition);
  return typeof alternate === "string" ? alternate : undefined;
}
