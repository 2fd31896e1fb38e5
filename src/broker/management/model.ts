import { z } from "zod";
import { isRawNumber } from "../../exact_json.ts";

const number = z.preprocess(
  (value) => isRawNumber(value) ? Number(value.rawJSON) : value,
  z.number(),
);
/** Figures and names that some brokers leave out, or give in another form for a moment. */
const optionalNumber = number.optional().catch(undefined);
const optionalString = z.string().optional().catch(undefined);

/** JSON of arguments and policy definitions; a number may be a `RawNumber`. */
const table = z.union([
  z.record(z.string(), z.unknown()),
  // An empty table is sometimes written as an empty list.
  z.array(z.unknown()).transform((): Record<string, unknown> => ({})),
]);
const optionalTable = table.optional().catch(undefined);

export const overviewSchema = z.object({
  cluster_name: z.string().default(""),
  rabbitmq_version: z.string(),
  erlang_version: z.string().default(""),
  exchange_types: z.array(z.object({ name: z.string() })).optional().catch(undefined),
  /** `none`: the broker was told to count no published messages. */
  rates_mode: z.string().default("basic").catch("basic"),
  disable_stats: z.boolean().default(false).catch(false),
});

export const whoamiSchema = z.object({
  name: z.string(),
  // A list, before 3.9 a text with commas.
  tags: z.union([z.array(z.string()), z.string().transform((tags) => tags.split(","))]),
});

export const nodeSchema = z.object({
  name: z.string(),
  running: z.boolean().default(true),
  mem_used: optionalNumber,
  mem_limit: optionalNumber,
  mem_alarm: z.boolean().default(false).catch(false),
  disk_free: optionalNumber,
  disk_free_limit: optionalNumber,
  disk_free_alarm: z.boolean().default(false).catch(false),
  enabled_plugins: z.array(z.string()).optional().catch(undefined),
});

export const vhostSchema = z.object({
  name: z.string(),
  description: optionalString,
  default_queue_type: optionalString,
  tracing: z.boolean().default(false).catch(false),
});

export const queueSchema = z.object({
  vhost: z.string(),
  name: z.string(),
  type: optionalString,
  durable: z.boolean().default(true),
  auto_delete: z.boolean().default(false),
  exclusive: z.boolean().default(false).catch(false),
  arguments: table.default({}),
  // Statistics from here on: missing for a queue's first seconds, then some seconds old.
  policy: z.string().nullish().catch(undefined),
  operator_policy: z.string().nullish().catch(undefined),
  effective_policy_definition: optionalTable,
  consumers: optionalNumber,
  messages: optionalNumber,
  messages_ready: optionalNumber,
  messages_unacknowledged: optionalNumber,
  message_bytes: optionalNumber,
  delivery_limit: optionalNumber,
  message_stats: z.object({
    publish: optionalNumber,
    publish_details: z.object({ rate: optionalNumber }).optional().catch(undefined),
  }).optional().catch(undefined),
  node: optionalString,
  leader: optionalString,
  state: optionalString,
});

/** Of one queue, as the management API has it at the moment: some seconds old. */
export interface QueueNow {
  /** Tags of its consumers. */
  readonly tags: readonly string[];
  /** Ready and unacknowledged; missing for its first seconds. */
  readonly messages?: number | undefined;
  readonly unacknowledged?: number | undefined;
}

export const queueNowSchema = z.object({
  consumer_details: z.array(z.object({ consumer_tag: z.string() })).default([]).catch([]),
  messages: optionalNumber,
  messages_unacknowledged: optionalNumber,
}).transform(({ consumer_details, messages, messages_unacknowledged }): QueueNow => ({
  tags: consumer_details.map(({ consumer_tag }) => consumer_tag),
  messages,
  unacknowledged: messages_unacknowledged,
}));

/** What the listing of queues is asked for: the fields of `queueSchema`. */
export const QUEUE_COLUMNS = Object.keys(queueSchema.shape).join(",");

export const exchangeSchema = z.object({
  vhost: z.string(),
  name: z.string(),
  type: z.string(),
  durable: z.boolean().default(true),
  auto_delete: z.boolean().default(false),
  internal: z.boolean().default(false),
  arguments: table.default({}),
  policy: z.string().nullish().catch(undefined),
  // Of the delayed-message plugin: messages that wait in the exchange.
  messages_delayed: optionalNumber,
});

export const bindingSchema = z.object({
  vhost: z.string(),
  source: z.string(),
  destination: z.string(),
  destination_type: z.string(),
  routing_key: z.string(),
  arguments: table.default({}),
});

export const policySchema = z.object({
  vhost: z.string(),
  name: z.string(),
  pattern: z.string(),
  "apply-to": z.string().default("all"),
  priority: number.default(0),
  definition: table,
});

export const permissionSchema = z.object({
  vhost: z.string(),
  configure: z.string(),
  write: z.string(),
  read: z.string(),
});

export const pageSchema = z.object({
  items: z.array(z.unknown()),
  page_count: number,
  filtered_count: number,
});

/** The broker as it calls itself. */
export type Overview = z.infer<typeof overviewSchema>;
/** The user of the management API and its tags. */
export type CurrentUser = z.infer<typeof whoamiSchema>;
/** A node of the cluster; memory and disk in bytes. */
export type BrokerNode = z.infer<typeof nodeSchema>;
export type Vhost = z.infer<typeof vhostSchema>;
/** A queue as the listing shows it. What is statistics may be missing. */
export type ListedQueue = z.infer<typeof queueSchema>;
export type Exchange = z.infer<typeof exchangeSchema>;
export type Binding = z.infer<typeof bindingSchema>;
/** What a user may do in a vhost: patterns of names, as the broker has them. */
export type Permission = z.infer<typeof permissionSchema>;
/** A policy or operator policy. */
export type Policy = z.infer<typeof policySchema>;
