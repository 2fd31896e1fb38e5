import type { Manifest, QueueEntry } from "../../src/archive/manifest.ts";
import type { PlannedRestoreQueue, RestorePlan } from "../../src/engine/plan_types.ts";
import type { BackupListing } from "../../src/engine/stored/list.ts";
import { type BackupsState, NOT_LISTED, reduceBackups } from "../screens/backups/state.ts";
import { type ContentsState, NOT_READ, reduceContents } from "../screens/contents/state.ts";
import {
  NO_RESTORE_PLAN,
  reduceRestorePlan,
  type RestorePlanState,
} from "../screens/restore_plan/state.ts";
import type { StoredMessage } from "../../src/engine/inspect/stored_message.ts";
import { type MessageState, messageState, reduceMessage } from "../screens/message/state.ts";
import { type MessagesState, NOT_OPENED, reduceMessages } from "../screens/messages/state.ts";
import { LISTED } from "./samples.ts";

const PARTIAL: BackupListing = {
  ...LISTED[0]!,
  backupId: "weekly-20250228",
  state: "partial",
  createdAt: Date.parse("2025-02-28T02:00:00Z"),
  notes: ["1 queue is not in it: session.limited"],
};

export function backupsSample(): BackupsState {
  const listed = reduceBackups(NOT_LISTED, { type: "listed", backups: [PARTIAL, ...LISTED] });
  return reduceBackups(listed, {
    type: "pick",
    action: { type: "move", command: "down", page: 10 },
  });
}

function sampleEntry(name: string, parts: Partial<QueueEntry> = {}): QueueEntry {
  return {
    vhost: "/",
    name,
    queue_type: "classic",
    durable: true,
    auto_delete: false,
    arguments: {},
    segments: [],
    message_count: 20_000,
    body_bytes: 4_700_000,
    largest_body: 900,
    first_message_timestamp: null,
    last_message_timestamp: null,
    capture: null,
    ...parts,
  };
}

const MANIFEST: Manifest = {
  format_version: 2,
  backup_id: "nightly-20250303",
  state: "complete",
  created_at: Date.parse("2025-03-03T02:00:00Z"),
  completed_at: Date.parse("2025-03-03T02:04:00Z"),
  source_cluster: "rabbit@mq.example",
  rabbitmq_version: "4.0.5",
  backup_tool_version: "0.1.0",
  compression: "zstd",
  definitions: null,
  queues: [
    sampleEntry("orders"),
    sampleEntry("orders.dead", { message_count: 12, body_bytes: 478, partial: "2 were in flight" }),
  ],
  skipped: [],
  warnings: [],
  total_messages: 20_012,
  total_body_bytes: 4_700_478,
  total_bytes: 1_200_000,
  total_segments: 2,
};

export function contentsSample(): ContentsState {
  const read = reduceContents(NOT_READ, { type: "read", manifest: MANIFEST });
  return reduceContents(read, {
    type: "pick",
    action: { type: "move", command: "down", page: 10 },
  });
}

const PLANNED: PlannedRestoreQueue = {
  vhost: "/",
  queue: "orders",
  queueType: "classic",
  messages: 20_000,
  action: "create",
  atLeast: 20_000,
  atMost: 20_000,
  segments: 1,
  bytesStored: 1_200_000,
  bytes: 4_900_000,
};

export const RESTORE_PLAN: RestorePlan = {
  backupId: "nightly-20250303",
  location: "/backups",
  target: { address: "mq.example:5672" },
  createdVhosts: [],
  queues: [
    PLANNED,
    {
      ...PLANNED,
      queue: "orders.dead",
      messages: 12,
      action: "skip",
      reason: "it holds 12 messages already",
    },
  ],
  estimate: { seconds: 2, assumedMessages: 10_000, assumedBytes: 20_000_000 },
};

export function restorePlanSample(): RestorePlanState {
  let state = reduceRestorePlan(NO_RESTORE_PLAN, { type: "nextIfNotEmpty" });
  state = reduceRestorePlan(state, { type: "planned", plan: RESTORE_PLAN });
  return reduceRestorePlan(state, { type: "move", command: "down", page: 10 });
}

/** An order, in JSON, with a header that would move the cursor. */
function sampleMessage(number: number): StoredMessage {
  const text = `{"order":${number},"customer":"c-${number % 7}","total":"12.50","items":[1,2]}`;
  const body = new TextEncoder().encode(text);
  const string = (name: string, value: string) => ({ name, type: "string", value });
  return {
    number,
    time: Date.parse("2025-03-03T02:00:00Z") + number * 3,
    redelivered: number % 2 === 0,
    exchange: "shop",
    routingKey: number % 3 === 0 ? "order.paid" : "order.created",
    bodySize: body.length,
    body,
    details: () => ({
      properties: [
        string("content-type", "application/json"),
        { name: "delivery-mode", type: "uint8", value: 2 },
        string("message-id", `m-${number}`),
      ],
      headers: [
        string("tenant", "acme\u001b[31m"),
        { name: "retries", type: "int32", value: number % 4 },
      ],
      annotations: [],
    }),
  };
}

export function messagesSample(): MessagesState {
  const rows = Array.from({ length: 400 }, (_, index) => sampleMessage(index + 1));
  let state = reduceMessages(NOT_OPENED, { type: "opened", total: 20_000 });
  state = reduceMessages(state, { type: "read", rows });
  return reduceMessages(state, { type: "move", command: "down", page: 10 });
}

export function searchSample(): MessagesState {
  let state = messagesSample();
  for (const text of "order.paid") state = reduceMessages(state, { type: "typeSearch", text });
  state = reduceMessages(state, { type: "startSearch" });
  const found = [3, 6, 9].map(sampleMessage);
  return reduceMessages(state, { type: "looked", part: { looked: 9_400, found } });
}

export function messageSample(): MessageState {
  return reduceMessage(messageState(42), { type: "read", message: sampleMessage(42) });
}
