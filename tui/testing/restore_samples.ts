import type { Manifest, QueueEntry, SegmentEntry } from "../../src/archive/manifest.ts";
import type { PlannedRestoreQueue, RestorePlan } from "../../src/engine/plan_types.ts";
import type { BackupListing } from "../../src/engine/stored/list.ts";
import { type BackupsState, NOT_LISTED, reduceBackups } from "../screens/backups/state.ts";
import { type ContentsState, NOT_READ, reduceContents } from "../screens/contents/state.ts";
import {
  NO_RESTORE_PLAN,
  reduceRestorePlan,
  type RestorePlanState,
} from "../screens/restore_plan/state.ts";
import { nameOf, type Setting } from "../../src/console/setting.ts";
import type { TuiCall } from "../../src/console/tui_call.ts";
import type { StoredMessage } from "../../src/engine/inspect/stored_message.ts";
import { type MessageState, messageState, reduceMessage } from "../screens/message/state.ts";
import { type MessagesState, NOT_OPENED, reduceMessages } from "../screens/messages/state.ts";
import { type OptionsState, optionsState, reduceOptions } from "../screens/options/state.ts";
import { NO_TARGET, reduceTarget, type TargetState } from "../screens/target/state.ts";
import { reduceWindow, type WindowState, windowState } from "../screens/window/state.ts";
import { LISTED, NOW } from "./samples.ts";

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

const TIME = Date.parse("2025-03-03T01:00:00Z");

/** Ten minutes of a stream: more in some than in others. */
function sampleSegment(index: number): SegmentEntry {
  return {
    key: `nightly-20250303/queues/${index}`,
    sequence: index + 1,
    record_count: 500 + 300 * (index % 7) + 40 * index,
    size_bytes: 90_000,
    uncompressed_bytes: 400_000,
    first_timestamp: TIME + index * 600_000,
    last_timestamp: TIME + index * 600_000 + 599_000,
    checksum: "",
  };
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

/** Some settings of each kind, as the command has them. */
export const SETTINGS: TuiCall["restoreSettings"] = {
  own: [{
    heading: "How it is restored:",
    settings: [
      setting("--if-not-empty <what>", "queues that hold messages: fail, append or skip"),
      setting("--no-create-missing-queues", "do not create queues that the target lacks"),
      setting("--create-missing-vhosts", "create virtual hosts that the target lacks"),
      setting("--window <number>", "unconfirmed messages of one queue"),
      setting("--restore-definitions", "import the backup's definitions first"),
      setting("--definitions-dry-run", "say what the definitions would change"),
    ],
  }],
  shared: [
    {
      heading: "Which messages (default all):",
      settings: [
        setting("--time-window-start <time>", "from then on"),
        setting("--time-window-end <time>", "up to then"),
        setting("--header <name=value>", "that have this header; the value is a pattern", true),
        setting("--routing-key <pattern>", "published with such a routing key", true),
      ],
    },
    {
      heading: "Where they go (default where they came from):",
      settings: [
        setting("--vhost-mapping <from=to>", "into another virtual host", true),
        setting("--queue-mapping <from=to>", "into another queue: '*=restored.$1'", true),
      ],
    },
  ],
};

function setting(flags: string, help: string, list?: true): Setting {
  const path = `restore.${nameOf({ flags }).replaceAll("-", "_")}`;
  return { flags, path, help, ...list === undefined ? {} : { list } };
}

/** A stream of four hours, and a queue that was read at their end. */
export const WINDOW_ENTRIES: readonly QueueEntry[] = [
  sampleEntry("audit", {
    queue_type: "stream",
    message_count: 48_000,
    segments: Array.from({ length: 24 }, (_, index) => sampleSegment(index)),
  }),
  sampleEntry("orders", {
    segments: [{ ...sampleSegment(23), record_count: 20_000, last_timestamp: TIME + 14_399_000 }],
  }),
];

export function windowSample(): WindowState {
  const read = reduceWindow(windowState("", NOW.getTime()), {
    type: "read",
    entries: WINDOW_ENTRIES,
    field: "backed_up_at",
  });
  return ([
    { type: "move", by: 20, parts: 76 },
    { type: "otherEdge" },
    { type: "move", by: -12, parts: 76 },
  ] as const).reduce(reduceWindow, read);
}

export function optionsSample(): OptionsState {
  const options = { "queue-mapping": "*=restored.$1", "if-not-empty": "append" };
  const state = optionsState([...SETTINGS.shared, ...SETTINGS.own], options);
  const row = state.picker.shown.findIndex(({ key }) => key === "queue-mapping");
  return Array.from({ length: row }).reduce<OptionsState>(
    (before) =>
      reduceOptions(before, { type: "pick", action: { type: "move", command: "down", page: 10 } }),
    state,
  );
}

export function targetSample(): TargetState {
  const typed = { ...NO_TARGET.values, host: "drill.example", password: "secret" };
  const state = { ...NO_TARGET, values: typed, focus: 3 };
  const answer = { cluster: "rabbit@drill", version: "4.3.0", queues: 0, messages: 0 };
  return reduceTarget(state, { type: "answered", answer });
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
