import { z } from "zod";
import { byteSize, count, text } from "./values.ts";

const KIB = 2 ** 10;

/** `backup`. */
export const BackupSchema = z.strictObject({
  segment_max_bytes: byteSize({ min: 64 * KIB, max: 2 ** 40, shown: "64KiB to 1TiB" })
    .prefault("128MiB")
    .describe("A segment is closed when its records, before compression, reach this size."),
  segment_max_interval_ms: count(100, 86_400_000).default(60_000)
    .describe("A segment is closed when it is this old, in milliseconds."),
  compression: z.enum(["zstd", "lz4", "none"]).default("zstd")
    .describe("How segments are compressed."),
  compression_level: count(1, 22).default(3).describe("Level of zstd; 1 is fastest."),
  prefetch_count: count(1, 65_535).optional().describe(
    "Messages that the broker may send ahead to one consumer. Default: chosen by the type of the queue.",
  ),
  requeue_strategy: z.enum(["auto", "cancel", "nack", "reject", "get"]).default("auto").describe(
    "How messages are given back. auto takes what costs the fewest delivery attempts on this broker " +
      "and keeps the order.",
  ),
  max_concurrent_queues: count(1, 256).default(4).describe(
    "Queues that are read at the same time.",
  ),
  checkpoint_interval_secs: count(1, 3600).default(5)
    .describe("Accepted; no effect, as progress is written whenever something is done."),
  sync_interval_secs: count(1, 86_400).default(30)
    .describe("Accepted; no effect, as the progress file is always in step with the data."),
  include_definitions: z.boolean().default(true)
    .describe("Store the broker's definitions (queues, exchanges, bindings, users, …) as well."),
  stop_at_current_depth: z.boolean().default(true).describe(
    "Read as many messages as a queue held when it was looked at, and not those that arrive meanwhile.",
  ),
  stream_enabled: z.boolean().default(true).describe(
    "Accepted; this version leaves streams out, and says so.",
  ),
  format: z.enum(["v2", "rbak-v1"]).default("v2")
    .describe("Format of the segments; rbak-v1 is that of the earlier tool."),
  spool_dir: text().optional().describe(
    "Folder on a fast local disk for messages on their way, of backups and restores. " +
      "Default: rabbitmq-backup/spool in $XDG_STATE_HOME or ~/.local/state.",
  ),
  on_hazard: z.enum(["refuse", "warn"]).default("refuse").describe(
    "What to do with a queue that reading could harm: leave it out, or warn and read it all the same.",
  ),
}).describe("How a backup is taken.");
