import { z } from "zod";
import { filterKeys } from "./broker.ts";
import { definitionsKeys } from "./definitions.ts";
import { count, text } from "./values.ts";

/** `restore`. */
export const RestoreSchema = z.strictObject({
  publish_mode: z.literal("direct-to-queue").default("direct-to-queue")
    .describe("Messages go straight to the queue that they came from."),
  create_missing_queues: z.boolean().default(true)
    .describe("Create queues that the target lacks, as the backup's definitions describe them."),
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
