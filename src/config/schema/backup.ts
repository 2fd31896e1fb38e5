import { z } from "zod";
import { definitionsKeys } from "./definitions.ts";
import { byteSize, count, patterns, streamFrom, text } from "./values.ts";

const KIB = 2 ** 10;

const onHazard = () => z.enum(["refuse", "warn"]);
const partial = () => z.enum(["refuse", "oldest"]);
const maxHold = () => count(1, 86_400);

/** A backup stores all definitions, whatever these say. */
const definitionsKeysOfExport = {
  definitions_selection: definitionsKeys.definitions_selection
    .describe("Which definitions definitions-export takes. Default: all. A backup stores all."),
  definitions_transformations: definitionsKeys.definitions_transformations
    .describe("What definitions-export does to them, in this order."),
  definitions_rename_vhosts: definitionsKeys.definitions_rename_vhosts
    .describe("Other names for virtual hosts in what definitions-export writes."),
};

/** `backup`. */
export const BackupSchema = z.strictObject({
  segment_max_bytes: byteSize({ min: 64 * KIB, max: 2 ** 40, shown: "64KiB to 1TiB" })
    .prefault("128MiB")
    .describe("A segment is closed when its records, before compression, reach this size."),
  segment_max_interval_ms: count(100, 86_400_000).default(60_000)
    .describe("A segment is closed when it is this old, in milliseconds."),
  compression: z.enum(["zstd", "lz4", "none"]).default("zstd")
    .describe("How segments are compressed."),
  compression_level: count(1, 22).optional().describe(
    "Level of zstd; 1 is fastest. Default: 3, of streams, which are packed while they are read, 1.",
  ),
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
  sync_interval_secs: count(1, 86_400).optional()
    .describe("The same as offset_storage.sync_interval_secs, which goes before it."),
  include_definitions: z.boolean().default(true)
    .describe("Store the broker's definitions (queues, exchanges, bindings, users, …) as well."),
  ...definitionsKeysOfExport,
  stop_at_current_depth: z.boolean().default(true).describe(
    "Read as many messages as a queue held when it was looked at, and not those that arrive meanwhile.",
  ),
  reconnect_secs: count(0, 86_400).default(300).describe(
    "How long to try to go on when the connection is lost on the way. 0: not at all.",
  ),
  stream_enabled: z.boolean().default(true).describe("Back up streams as well."),
  stream_protocol: z.enum(["auto", "stream", "amqp"]).default("auto").describe(
    "How streams are read. stream: by the stream protocol (see stream_port), which loses nothing. " +
      "amqp: by AMQP 0-9-1, which loses what docs/streams.md says. auto: by the stream protocol, and " +
      "where its port cannot be reached by AMQP, with a warning; the backup is partial then.",
  ),
  stream_incremental: z.boolean().default(false).describe(
    "Store of a stream only what is new since the newest backup of it in this storage, and refer to " +
      "that one: a restore takes both. A stream without one is stored from stream_from on.",
  ),
  stream_base: text().optional().describe(
    "The backup to refer to, in place of the newest. Turns stream_incremental on.",
  ),
  stream_from: streamFrom().default("first").describe(
    'Where to begin with a stream: "first"; an offset; a time, RFC 3339 with a zone or from now ' +
      '("-2h"); or "next": behind the newest backup of it, without referring to that one.',
  ),
  format: z.enum(["v2", "rbak-v1"]).default("v2")
    .describe("Format of the segments; rbak-v1 is that of the earlier tool."),
  spool_dir: text().optional().describe(
    "Folder on a fast local disk for messages on their way, of backups and restores. " +
      "Default: rabbitmq-backup/spool in $XDG_STATE_HOME or ~/.local/state.",
  ),
  spool_max_bytes: byteSize({ min: 2 ** 20, max: 2 ** 50, shown: "1MiB to 1PiB" }).optional()
    .describe(
      "What the spool may hold of messages at once. Default: nine tenths of what is free on its disk.",
    ),
  on_hazard: onHazard().default("refuse").describe(
    "What to do with a queue that reading could harm: leave it out, or warn and read it all the same.",
  ),
  partial: partial().default("refuse").describe(
    "What to do with a queue that cannot be held whole, for memory, disk or time: leave it out, or " +
      "take the oldest messages that can be.",
  ),
  in_flight: z.enum(["partial", "accept"]).default("partial").describe(
    "What a backup is called that lacks messages because consumers had them or took them: partial " +
      "(exit code 3), or complete all the same.",
  ),
  memory_share: z.number().min(0.01).max(1).default(0.5).describe(
    "The part of a node's free memory, up to its memory alarm, that messages held may take.",
  ),
  consumer_timeout_secs: count(0, 31_536_000).default(1800).describe(
    "The broker's consumer_timeout, which its API does not tell. Messages are back before it. 0: none.",
  ),
  max_hold_secs: maxHold().optional().describe(
    "Messages of a queue are given back after so many seconds, read or not. Default: no limit.",
  ),
  consumer_priority: z.int().min(-255).max(0).default(-10).describe(
    "x-priority of the backup as a consumer: those with a higher one are served first (0 is usual).",
  ),
  queue_overrides: z.array(
    z.strictObject({
      queues: patterns().describe("Names of queues, or patterns."),
      vhosts: patterns().optional().describe("Virtual hosts, or patterns. Default: all."),
      on_hazard: onHazard().optional(),
      partial: partial().optional(),
      max_hold_secs: maxHold().optional(),
    }),
  ).default([]).describe("Other choices for some queues; the first that matches counts."),
}).describe("How a backup is taken.");
