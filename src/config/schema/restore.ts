import { z } from "zod";
import { filterKeys } from "./broker.ts";
import { byteSize, count, headerName, text } from "./values.ts";

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
  if_not_empty: z.enum(["fail", "append", "skip"]).default("fail").describe(
    "What to do when a queue on the target holds messages: stop before anything is published, " +
      "add to them, or leave that queue out.",
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
}).describe("How a backup is restored.");
