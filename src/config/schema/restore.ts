import { z } from "zod";
import { filterKeys } from "./broker.ts";
import { definitionsKeys } from "./definitions.ts";
import { count, mapping, patterns, text, timePoint } from "./values.ts";

const TIME_FORMS =
  'epoch milliseconds, RFC 3339 with a zone, or from now: "-2h", "yesterday 14:00".';
const MAPPING_FORMS =
  'names, globs or "~" and a regular expression, with the new name, in which $1 ' +
  "is what the first * or group stands for.";

const queueType = () => z.enum(["classic", "quorum"]);

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
  publish_mode: z.literal("direct-to-queue").default("direct-to-queue")
    .describe("Messages go straight to the queue that they came from."),
  create_missing_queues: z.boolean().default(true)
    .describe("Create queues that the target lacks, as the backup's definitions describe them."),
  create_missing_vhosts: z.boolean().default(false).describe(
    "Create virtual hosts that the target lacks, over its management API, with all permissions on " +
      "them for the user of target.amqp_url.",
  ),
  queue_type_mapping: mapping({ to: queueType() })
    .pipe(z.partialRecord(queueType(), queueType()))
    .prefault({})
    .describe("Types in which missing queues are created in place of their own: classic: quorum."),
  drop_queue_arguments: patterns().prefault([])
    .describe(
      'Arguments that missing queues are created without: names or patterns, "x-queue-mode".',
    ),
  if_not_empty: z.enum(["fail", "append", "skip"]).default("fail").describe(
    "What to do when a queue on the target holds messages: stop before anything is published, " +
      "add to them, or leave that queue out.",
  ),
  max_concurrent_queues: count(1, 256).default(4)
    .describe("Queues that are restored at the same time."),
  window: count(1, 65_535).default(4000).describe(
    "Messages of one queue that may wait for their confirm. After a crash as many may come twice.",
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
