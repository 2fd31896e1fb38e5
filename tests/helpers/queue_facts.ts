import {
  type PlanOptions,
  planQueue,
  type QueueFacts,
  type QueuePlan,
} from "../../src/safety/plan.ts";

/** A plain classic queue with 100 messages, changed. */
export function queueFacts(change: Partial<QueueFacts> = {}): QueueFacts {
  return {
    vhost: "/",
    name: "q",
    type: "classic",
    autoDelete: false,
    exclusive: false,
    arguments: {},
    policy: {},
    operatorPolicy: {},
    ready: 100,
    consumers: 0,
    ...change,
  };
}

/** The plan by the configuration's defaults, changed, on this version of the broker. */
export function planOn(
  brokerVersion: string,
  facts: QueueFacts,
  options: Partial<PlanOptions> = {},
): QueuePlan {
  return planQueue(facts, {
    brokerVersion,
    requeueStrategy: "auto",
    onHazard: "refuse",
    partial: "refuse",
    memoryShare: 0.5,
    consumerTimeoutSecs: 1800,
    readStreams: true,
    ...options,
  });
}
