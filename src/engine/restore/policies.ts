import { ManagementClient } from "../../broker/management/client.ts";
import type { Policy } from "../../broker/management/model.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import { canonicalJson } from "../../definitions/document.ts";
import { AppError } from "../../errors.ts";
import { PolicyBook } from "../survey/policy_book.ts";
import type { DefinedPolicy } from "./definitions.ts";
import type { Target } from "./targets.ts";

/**
 * What the queues that are created will lack, as the policies of the backup applied to them and those
 * of the target do not: a text by queue, or by the only text why it is not known.
 */
export async function policyNotes(
  created: readonly Target[],
  options: { policies: readonly DefinedPolicy[]; target: BrokerEndpoint; signal: AbortSignal },
): Promise<Map<Target, string>> {
  const { policies, target, signal } = options;
  const wanted = new PolicyBook(policies.map(asPolicy), []);
  const governed = created.flatMap((one) => {
    const policy = wanted.policyOf(one.entry, one.entry.queue_type);
    return policy === undefined ? [] : [{ one, policy }];
  });
  if (governed.length === 0) return new Map();
  const found = await policiesOf(target, signal);
  return new Map(governed.flatMap(({ one, policy }) => {
    const note = found instanceof AppError
      ? `the backup's policy "${policy.name}" applied to it; whether the target has it is not known ` +
        `(${found.message})`
      : noteOf(policy, found.policyOf(one.destination, one.declaration!.queueType));
    return note === undefined ? [] : [[one, note] as const];
  }));
}

/** The target's policies, or why they are not known: messages are worth restoring all the same. */
async function policiesOf(
  target: BrokerEndpoint,
  signal: AbortSignal,
): Promise<PolicyBook | AppError> {
  try {
    return await PolicyBook.read(new ManagementClient(target), { signal });
  } catch (error) {
    if (!(error instanceof AppError) || signal.aborted) throw error;
    return error;
  }
}

function noteOf(wanted: Policy, actual: Policy | undefined): string | undefined {
  const lacking = Object.entries(wanted.definition).filter(([key, value]) =>
    canonicalJson(actual?.definition[key]) !== canonicalJson(value)
  );
  if (lacking.length === 0) return undefined;
  const keys = lacking.map(([key]) => key).join(", ");
  const there = actual === undefined
    ? "no policy of the target applies to it"
    : `the target's policy "${actual.name}" says otherwise`;
  return `the backup's policy "${wanted.name}" applied to it (${keys}); ${there}`;
}

function asPolicy(defined: DefinedPolicy): Policy {
  return { "apply-to": "all", priority: 0, definition: {}, ...defined };
}
