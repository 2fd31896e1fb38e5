import { z } from "zod";
import { filterKeys } from "./broker.ts";
import { definitionsKeys } from "./definitions.ts";
import {
  byteSize,
  count,
  headerName,
  mapping,
  patterns,
  streamOffsets,
  text,
  timePoint,
} from "./values.ts";

const TIME_FORMS =
  'epoch milliseconds, RFC 3339 with a zone, or from now: "-2h", "yesterday 14:00".';
const MAPPING_FORMS =
  'names, globs or "~" and a regular expression, with the new name, in which $1 ' +
  "is what the first * or group stands for.";

const queueType = () => z.enum(["classic", "quorum", "stream"]);

/** `restore.messages`. */
const MessagesSchema = z.strictObject({
  headers: z.union([z.array(text()), text()], { error: 'expected a list of "name=value"' })
    .transform((list) => typeof list === "string" ? [list] : list).prefault([])
    .describe(
      'Headers that a message must have, all of them: "name=value", the value a pattern, or "name".',
    ),
  routing_keys: patterns().prefault([])
    .describe("Patterns of routing keys, of which one must match. None means all."),
  exchanges: patterns().prefault([]).describe(
    'Patterns of the exchanges that messages were published to; "amq.default" is the default one. ' +
      "None means all.",
  ),
}).describe("Which messages of the queues to restore, by what they carry. Default: all.");

/** `restore`. */
export const RestoreSchema = z.strictObject({
  publish_mode: z.enum(["direct-to-queue", "exchange"]).default("direct-to-queue").describe(
    "direct-to-queue: messages go straight to the queue that they came from. exchange: to the " +
      "exchange and routing key that they were published with, through the target's bindings.",
  ),
  accept_fanout: z.boolean().default(false).describe(
    "With publish_mode exchange: restore also when bindings make other than one copy of each message.",
  ),
  create_missing_queues: z.boolean().default(true)
    .describe("Create queues that the target lacks, as the backup's definitions describe them."),
  create_missing_vhosts: z.boolean().default(false).describe(
    "Create virtual hosts that the target lacks, over its management API, with all permissions on " +
      "them for the user of target.amqp_url.",
  ),
  queue_type_mapping: mapping({ to: queueType() })
    .pipe(z.partialRecord(queueType(), queueType()))
    .prefault({})
    .describe(
      "Types in which missing queues are created in place of their own: classic: quorum. Streams become " +
        "queues, and queues streams, as well (docs/streams.md).",
    ),
  drop_queue_arguments: patterns().prefault([])
    .describe(
      'Arguments that missing queues are created without: names or patterns, "x-queue-mode".',
    ),
  if_not_empty: z.enum(["fail", "append", "skip"]).default("fail").describe(
    "What to do when a queue on the target holds messages: stop before anything is published, " +
      "add to them, or leave that queue out.",
  ),
  consumer_offsets: z.boolean().default(true).describe(
    "Store the offsets that consumers of a stream had, as those of the same messages in the target, " +
      "where they have none there.",
  ),
  stream_origin_annotations: z.boolean().default(false).describe(
    "Note in each message of a stream the offset and the time that it had, as the annotations " +
      "x-original-offset and x-original-timestamp (epoch milliseconds). Batches are published one by one.",
  ),
  max_concurrent_queues: count(1, 256).default(4)
    .describe("Queues that are restored at the same time."),
  window: count(1, 65_535).default(4000).describe(
    "Messages of one queue that may wait for their confirm. After a crash as many may come twice.",
  ),
  on_undelivered: z.enum(["keep", "fail"]).default("keep").describe(
    "Messages that the target rejects: keep them apart as a backup of their own and go on, or stop " +
      "that queue at the first one.",
  ),
  undelivered_path: text().optional().describe(
    "Folder for backups of messages that the target did not take. " +
      "Default: the folder undelivered beside offset_storage.db_path.",
  ),
  user_id: z.enum(["fail", "drop", "header", "keep"]).default("fail").describe(
    "What becomes of a user_id of another user where the target takes it only from that user (the tag " +
      "impersonator lifts that): stop the queue at the first such message, leave the user_id out, " +
      "move it to the header x-original-user-id, or restore nothing without that tag.",
  ),
  dedupe_header: headerName().optional().describe(
    "Name of a header, such as x-restore-id, that tells each message by backup, queue and place, so " +
      "that consumers can drop doubles. Default: none.",
  ),
  rate_limit_messages_per_sec: z.number().min(0.01).max(1e9).optional().describe(
    "Most messages a second, of all queues together. Read again on SIGUSR2. Default: no limit.",
  ),
  rate_limit_bytes_per_sec: byteSize({ min: 1, max: 2 ** 50, shown: "1 to 1PiB" }).optional()
    .describe(
      "Most bytes of bodies and properties a second, of all queues together. Read again on SIGUSR2. " +
        "Default: no limit.",
    ),
  reconnect_secs: count(0, 86_400).default(300).describe(
    "How long to try to connect again when the connection is lost on the way. 0: not at all.",
  ),
  queues: z.strictObject(filterKeys).optional()
    .describe("Which queues of the backup to restore. Default: all."),
  time_window_start: timePoint().optional()
    .describe(`Leave out messages from before this time: ${TIME_FORMS}`),
  time_window_end: timePoint().optional()
    .describe(`Leave out messages from after this time: ${TIME_FORMS}`),
  time_window_field: z.enum(["backed_up_at", "timestamp"]).default("backed_up_at").describe(
    "The time of a message that counts: when the backup read it, or its own property timestamp " +
      "(a message without one is left out).",
  ),
  stream_offsets: streamOffsets().prefault({}).describe(
    'Of these streams only messages with such offsets, both ends among them: orders: "100..200", ' +
      '"100.." or "..200". "vhost/name" where several have the name. Other streams and queues are not concerned.',
  ),
  messages: MessagesSchema.optional(),
  max_messages_per_queue: count(1, Number.MAX_SAFE_INTEGER).optional()
    .describe("Restore at most so many messages of each queue: the first that are chosen."),
  vhost_mapping: mapping().prefault({})
    .describe(`Virtual hosts to restore into, in place of those in the backup: ${MAPPING_FORMS}`),
  queue_mapping: mapping().prefault({})
    .describe(`Queues to restore into, in place of those in the backup: ${MAPPING_FORMS}`),
  exchange_mapping: mapping().prefault({})
    .describe(
      `Exchanges to publish to, in place of those in the backup, "amq.default" the default one; with ` +
        `publish_mode: exchange. ${MAPPING_FORMS}`,
    ),
  restore_definitions: z.boolean().default(false).describe(
    "Import the backup's definitions first; if that fails, no message is restored.",
  ),
  definitions_dry_run: z.boolean().default(false).describe(
    "Say what the import of definitions would change, and do nothing.",
  ),
  ...definitionsKeys,
  definitions_allow_version_mismatch: z.boolean().default(false).describe(
    "Import definitions of another major version of RabbitMQ, without what would be refused.",
  ),
  definitions_skip_unsupported: z.boolean().default(false).describe(
    "Leave out what the target would refuse, instead of importing nothing.",
  ),
  definitions_rollback_dir: text().optional().describe(
    "Folder for what the target had before an import of a file. " +
      "Default: rabbitmq-backup/rollback in $XDG_STATE_HOME or ~/.local/state.",
  ),
}).describe("How a backup is restored.");
