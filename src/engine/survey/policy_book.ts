import type { CallOptions, ManagementClient } from "../../broker/management/client.ts";
import type { ListedQueue, Policy } from "../../broker/management/model.ts";
import { compilePolicyPattern } from "../../config/policy_pattern.ts";

/** What `apply-to` says, by queue type (https://www.rabbitmq.com/docs/policies). */
const APPLY_TO: Readonly<Record<string, readonly string[]>> = {
  classic: ["all", "queues", "classic_queues"],
  quorum: ["all", "queues", "quorum_queues"],
  stream: ["all", "queues", "streams"],
};

/** A queue, and the broker's word which policies are in force for it, where it is known. */
type PolicyUser =
  & Pick<ListedQueue, "vhost" | "name">
  & Partial<Pick<ListedQueue, "policy" | "operator_policy">>;

/**
 * The broker's policies, to tell which is in force for a queue. The broker's own word counts; for a
 * queue's first seconds, while there is none, the policies' patterns do.
 */
export class PolicyBook {
  readonly #policies: Policies;
  readonly #operatorPolicies: Policies;

  constructor(policies: readonly Policy[], operatorPolicies: readonly Policy[]) {
    this.#policies = new Policies(policies);
    this.#operatorPolicies = new Policies(operatorPolicies);
  }

  static async read(client: ManagementClient, options: CallOptions): Promise<PolicyBook> {
    return new PolicyBook(await client.policies(options), await client.operatorPolicies(options));
  }

  policyOf(queue: PolicyUser, type: string): Policy | undefined {
    return this.#policies.inForce(queue, { type, said: queue.policy });
  }

  operatorPolicyOf(queue: PolicyUser, type: string): Policy | undefined {
    return this.#operatorPolicies.inForce(queue, { type, said: queue.operator_policy });
  }
}

class Policies {
  readonly #byVhost: Map<string, { policy: Policy; matches: (name: string) => boolean }[]>;

  constructor(policies: readonly Policy[]) {
    const compiled = policies.map((policy) => ({ policy, matches: matcherOf(policy.pattern) }));
    this.#byVhost = Map.groupBy(compiled, ({ policy }) => policy.vhost);
  }

  /** @param said the broker's word: a name, null for none, undefined when it is not known yet */
  inForce(
    { vhost, name }: PolicyUser,
    { type, said }: { type: string; said: string | null | undefined },
  ): Policy | undefined {
    if (said === null) return undefined;
    const inVhost = this.#byVhost.get(vhost) ?? [];
    // One that was deleted since, or made: the patterns decide then.
    const named = inVhost.find(({ policy }) => policy.name === said);
    if (named !== undefined) return named.policy;
    return inVhost
      .filter(({ policy, matches }) => appliesTo(policy, type) && matches(name))
      .map(({ policy }) => policy)
      .reduce<Policy | undefined>(
        (best, policy) => best === undefined || policy.priority > best.priority ? policy : best,
        undefined,
      );
  }
}

function appliesTo(policy: Policy, type: string): boolean {
  return (APPLY_TO[type] ?? ["all", "queues"]).includes(policy["apply-to"]);
}

/** A pattern that is not understood here matches: caution costs less than a lost message. */
function matcherOf(pattern: string): (name: string) => boolean {
  return compilePolicyPattern(pattern) ?? (() => true);
}
