import type { PlanOptions, QueueFacts, ReadMethod } from "./facts.ts";
import { atLeast } from "./settings.ts";

/** The options, and the way back that was chosen by them. */
export type ChosenOptions = PlanOptions & { readonly returnMethod: ReadMethod };

/** The way to read a queue and give its messages back. */
export function returnMethodFor(facts: QueueFacts, options: PlanOptions): ReadMethod {
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
export function countsAttempts(facts: QueueFacts, options: ChosenOptions): boolean {
  if (facts.type !== "quorum") return false;
  if (!atLeast(options.brokerVersion, 4, 3)) return true;
  return options.returnMethod !== "recover" && options.returnMethod !== "nack";
}
