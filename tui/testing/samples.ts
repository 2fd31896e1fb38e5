import type { StatusEvent } from "../../src/engine/events.ts";
import type { BackupPlan, PlannedBackupQueue } from "../../src/engine/plan_types.ts";
import type { BackupListing } from "../../src/engine/stored/list.ts";
import type { DiscoveredQueue } from "../../src/engine/survey/discover.ts";
import { NO_PLAN, type PlanState, reducePlan } from "../screens/plan/state.ts";
import { NO_QUEUES, type QueuesState, reduceQueues } from "../screens/queues/state.ts";
import { NOT_BEGUN, reduceRun, type RunState } from "../screens/run/state.ts";
import { NOT_ASKED, reduceStart, type StartState } from "../screens/start/state.ts";

export const NOW = new Date("2025-03-04T05:06:07.000Z");

export function sampleQueue(
  name: string,
  parts: Partial<DiscoveredQueue> = {},
): DiscoveredQueue {
  return {
    vhost: "/",
    name,
    type: "classic",
    durable: true,
    autoDelete: false,
    exclusive: false,
    arguments: {},
    policy: {},
    operatorPolicy: {},
    messagesReady: 0,
    messagesUnacknowledged: 0,
    consumers: 0,
    publishRate: 0,
    ...parts,
  };
}

export const QUEUES: readonly DiscoveredQueue[] = [
  sampleQueue("audit", { type: "stream", messagesReady: 512_000, publishRate: 18 }),
  sampleQueue("emails", {
    messagesReady: 812,
    consumers: 4,
    messagesUnacknowledged: 40,
    publishRate: 3,
  }),
  sampleQueue("invoices", { type: "quorum", messagesReady: 3_000, consumers: 1 }),
  sampleQueue("orders", { messagesReady: 20_000, consumers: 2, publishRate: 140 }),
  sampleQueue("orders.dead", { messagesReady: 12 }),
  sampleQueue("session.limited", { type: "quorum", messagesReady: 40 }),
];

const COST = "RabbitMQ 4.0 counts a delivery attempt for each message that is read";

export const PLANNED: readonly PlannedBackupQueue[] = [
  { vhost: "/", queue: "audit", queueType: "stream", messages: 512_000, verdict: "safe" },
  { vhost: "/", queue: "emails", queueType: "classic", messages: 812, verdict: "safe" },
  {
    vhost: "/",
    queue: "invoices",
    queueType: "quorum",
    messages: 3_000,
    verdict: "cost",
    reason: COST,
  },
  { vhost: "/", queue: "orders", queueType: "classic", messages: 20_000, verdict: "safe" },
  { vhost: "/", queue: "orders.dead", queueType: "classic", messages: 12, verdict: "safe" },
  {
    vhost: "/",
    queue: "session.limited",
    queueType: "quorum",
    messages: 40,
    verdict: "refused",
    reason: "each backup costs one of only 1 delivery attempts, after which it drops messages",
    hint: "raise delivery-limit by a policy, or upgrade to RabbitMQ 4.3, where reading costs none",
  },
];

export const PLAN: BackupPlan = {
  backupId: "backup-20250304T050607Z",
  location: "/backups",
  storage: { state: "free" },
  source: { cluster: "rabbit@mq.example", version: "4.0.5" },
  queues: PLANNED,
};

export const LISTED: readonly BackupListing[] = [
  {
    backupId: "nightly-20250303",
    state: "complete",
    createdAt: Date.parse("2025-03-03T02:00:00Z"),
    completedAt: Date.parse("2025-03-03T02:04:00Z"),
    queues: 5,
    messages: 535_000,
    sizeBytes: 120_000_000,
    formatVersion: 2,
    notes: [],
    bases: [],
  },
];

export function startSample(): StartState {
  const asked = reduceStart(NOT_ASKED, {
    type: "placed",
    places: { source: "mq.example:5672", storage: "/backups" },
  });
  const broker = {
    state: "there",
    value: { cluster: "rabbit@mq.example", version: "4.0.5", queues: 6, messages: 535_864 },
  } as const;
  const answered = reduceStart(asked, { type: "broker", answer: broker });
  return reduceStart(answered, {
    type: "backups",
    answer: { state: "there", value: { listings: LISTED, isNew: false } },
  });
}

export function queuesSample(): QueuesState {
  let state = reduceQueues(NO_QUEUES, {
    type: "listed",
    cluster: "rabbit@mq.example",
    queues: QUEUES,
  });
  state = reduceQueues(state, { type: "planned", queues: PLANNED });
  const keys = [
    { type: "move", command: "down", page: 10 },
    { type: "move", command: "down", page: 10 },
    { type: "mark", page: 10 },
  ] as const;
  for (const action of keys) state = reduceQueues(state, { type: "pick", action });
  return state;
}

export function planSample(): PlanState {
  const planned = reducePlan(NO_PLAN, { type: "planned", plan: PLAN });
  return reducePlan(planned, { type: "move", command: "last", page: 10 });
}

const STATUS: StatusEvent = {
  type: "status",
  operation: "backup",
  secondsElapsed: 8.2,
  secondsRemaining: 12,
  percentDone: 0.4,
  queuesTotal: 6,
  queuesDone: 2,
  messagesTotal: 535_824,
  messagesDone: 214_330,
  bytesDone: 88_000_000,
  rateMessages: 26_800,
  rateBytes: 11_000_000,
  errorCount: 0,
  active: [
    {
      vhost: "/",
      queue: "audit",
      phase: "reading",
      messagesDone: 194_000,
      messagesTotal: 512_000,
      bytesDone: 80_000_000,
      messagesPacked: 130_000,
      messagesStored: 128_000,
    },
    {
      vhost: "/",
      queue: "invoices",
      phase: "reading",
      messagesDone: 1_200,
      messagesTotal: 3_000,
      bytesDone: 900_000,
      messagesHeld: 1_200,
    },
    {
      vhost: "/",
      queue: "orders",
      phase: "packing",
      messagesDone: 20_000,
      messagesTotal: 20_000,
      bytesDone: 7_000_000,
      messagesHeld: 0,
      messagesReturned: 20_000,
      messagesPacked: 20_000,
      messagesStored: 0,
    },
  ],
};

export function runSample(): RunState {
  let state = NOT_BEGUN;
  const tell = (event: Parameters<typeof reduceRun>[1] & { type: "event" }) => {
    state = reduceRun(state, event);
  };
  tell({ type: "event", event: { type: "step", message: "Reading the definitions" } });
  for (const [second, rateMessages] of [9_000, 14_000, 21_000, 25_000, 27_000, 26_000].entries()) {
    tell({ type: "event", event: { ...STATUS, secondsElapsed: second, rateMessages } });
  }
  for (const queue of ["orders.dead", "emails"]) {
    tell({
      type: "event",
      event: {
        type: "queue_done",
        operation: "backup",
        vhost: "/",
        queue,
        queueType: "classic",
        outcome: "ok",
        messages: queue === "emails" ? 812 : 12,
        bytes: 190_000,
        seconds: 0.4,
        holdSeconds: 0.2,
      },
    });
  }
  tell({ type: "event", event: STATUS });
  return state;
}
