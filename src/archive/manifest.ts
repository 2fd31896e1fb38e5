/** One segment of a queue, as the manifest lists it. */
export interface SegmentEntry {
  /** Object key relative to the storage root, backup id included. Never used unchecked. */
  key: string;
  /** From 1, without gaps. */
  sequence: number;
  record_count: number;
  /** Size of the stored object in bytes. */
  size_bytes: number;
  /** Size of the records before compression in bytes. */
  uncompressed_bytes: number;
  /** Capture time of the first and the last record, epoch milliseconds; of a stream, when written. */
  first_timestamp: number;
  last_timestamp: number;
  /** SHA-256 of the stored object, hex. */
  checksum: string;
  /** Only of a stream. */
  stream?: StreamRange;
}

/** What a segment holds of a stream. */
export interface StreamRange {
  message_count: number;
  /** Offset of its first chunk or message, and of its last message. */
  first_offset: number;
  last_offset: number;
}

/** Messages in a segment. */
export function messagesIn({ stream, record_count }: SegmentEntry): number {
  return stream?.message_count ?? record_count;
}

/** What was read of a stream. */
export interface StreamReport {
  /**
   * Offsets, the first that was to be read and the last that was committed when reading began. The
   * first is behind the last when there was nothing to read.
   */
  first_offset: number;
  last_offset: number;
  /** Offsets, both inclusive, that the broker had dropped before they could be read. */
  gaps: { first: number; last: number }[];
  /** Messages in chunks of which some were published with a filter value. */
  filtered_messages: number;
  /** The chunk that holds `last_offset`. */
  last_chunk?: ChunkMark;
  /** Consumers that had stored an offset; absent: none, or they could not be asked for. */
  consumers?: StoredConsumer[];
  /** What the backup stands on: it has what came behind that, and no more. Absent: on nothing. */
  base?: StreamBaseEntry;
}

/** What tells a chunk from others: a stream never writes the same one again, nor does another. */
export interface ChunkMark {
  first_offset: number;
  /** When it was written, epoch milliseconds. */
  timestamp: number;
  epoch: number;
  crc: number;
}

/** The backup that one stream of another backup stands on. */
export interface StreamBaseEntry {
  backup_id: string;
  /** SHA-256 of its manifest, hex. */
  manifest_checksum: string;
  /** `last_offset` of the stream there. */
  last_offset: number;
}

/** A consumer of a stream, by the name under which it stores offsets. */
export interface StoredConsumer {
  name: string;
  /** As it stored it: mostly that of the last message that it was done with. */
  offset: number;
}

/** What was read of a stream by AMQP 0-9-1. */
export interface AmqpStreamReport {
  /** Offsets of the first and the last message that came. */
  first_offset: number;
  last_offset: number;
  /** Offsets, both inclusive, that did not come. */
  gaps: { first: number; last: number }[];
  /** What this way of reading loses, for people. */
  losses: string[];
}

/** How a queue was read and given back. */
export interface CaptureReport {
  /** Ready messages by passive declare before the first delivery, and after the return. */
  depth_before: number;
  depth_after: number | null;
  /** The queue's first message after the return, against the first of the backup, where that was free. */
  first_after?: "same" | "different";
  /** How the messages went back: see `docs/safety.md`. */
  return_method: "recover" | "channel_close" | "nack" | "reject" | "get" | "none";
  /** Delivery attempts that each message was charged. */
  delivery_attempts: number;
  /** Time in which the messages were not available to consumers, milliseconds. */
  hold_ms: number;
  /** Messages that consumers had at the start, or took before they were read: not in the backup. */
  in_flight?: number;
  /** What others did meanwhile, by the broker's statistics; absent when they were not needed. */
  traffic?: { published: number; consumed: number };
  /** Highest `x-delivery-count` seen; null when no message carried one. */
  highest_delivery_count: number | null;
  /** SHA-256, hex, over all records in order without their capture times and redelivered flags. */
  fingerprint: string;
}

/** One queue of a backup. */
export interface QueueEntry {
  vhost: string;
  name: string;
  queue_type: string;
  durable: boolean;
  auto_delete: boolean;
  arguments: Record<string, unknown>;
  segments: SegmentEntry[];
  message_count: number;
  /** Sum of body sizes in bytes. */
  body_bytes: number;
  /** Size of the largest body in bytes. */
  largest_body: number;
  first_message_timestamp: number | null;
  last_message_timestamp: number | null;
  capture: CaptureReport | null;
  /** Only of a stream that is kept as chunks; absent of an empty one. */
  stream?: StreamReport;
  /** Only of a stream that was read by AMQP 0-9-1: its records are messages, like those of a queue. */
  amqp_stream?: AmqpStreamReport;
  /** Why it is not the whole queue; absent when it is. */
  partial?: string;
}

/** The part of an entry that tells of a queue's messages, before there are any. */
export function nothingStored() {
  return {
    segments: [],
    message_count: 0,
    body_bytes: 0,
    largest_body: 0,
    first_message_timestamp: null,
    last_message_timestamp: null,
    capture: null,
  } satisfies Partial<QueueEntry>;
}

/** A queue that was asked for and is not in the backup, or only in part. */
export interface SkippedQueue {
  vhost: string;
  name: string;
  queue_type: string;
  /** `refused`: by the safety plan; `failed`: an error; `excluded`: cannot be backed up by nature. */
  kind: "refused" | "failed" | "excluded";
  reason: string;
  hint?: string;
}

/** The definitions stored with a backup. */
export interface DefinitionsEntry {
  key: string;
  vhost_count: number;
  queue_count: number;
  exchange_count: number;
  user_count: number;
  size_bytes: number;
  checksum: string;
}

/**
 * `manifest.json`: a backup exists when it is there. Written last, never overwritten.
 * Field names of format version 1 are kept; the shape is described in `FORMAT.md`.
 */
export interface Manifest {
  format_version: 1 | 2;
  backup_id: string;
  /** `partial`: less than asked for; `skipped` says what and why. */
  state: "complete" | "partial";
  /** Epoch milliseconds. */
  created_at: number;
  completed_at: number | null;
  source_cluster: string | null;
  rabbitmq_version: string | null;
  backup_tool_version: string;
  compression: "zstd" | "lz4" | "none";
  definitions: DefinitionsEntry | null;
  queues: QueueEntry[];
  skipped: SkippedQueue[];
  warnings: string[];
  total_messages: number;
  /** Sum of body sizes in bytes. */
  total_body_bytes: number;
  /** Bytes of all stored segments. */
  total_bytes: number;
  total_segments: number;
}

/** The sums of a manifest over its queues. */
export function totalsOf(
  queues: readonly QueueEntry[],
): Pick<Manifest, "total_messages" | "total_body_bytes" | "total_bytes" | "total_segments"> {
  const segments = queues.flatMap((queue) => queue.segments);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    total_messages: sum(queues.map((queue) => queue.message_count)),
    total_body_bytes: sum(queues.map((queue) => queue.body_bytes)),
    total_bytes: sum(segments.map((segment) => segment.size_bytes)),
    total_segments: segments.length,
  };
}
