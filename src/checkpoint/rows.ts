import type {
  ChunkMark,
  QueueEntry,
  SegmentEntry,
  SkippedQueue,
  StreamBaseEntry,
} from "../archive/manifest.ts";

/** What makes a run the same run when the command is given again. */
export interface RunKey {
  operation: "backup" | "restore" | "verify";
  backupId: string;
  /** Where the backup is stored, without secrets. */
  location: string;
  /** Restore: the target; a backup may be restored to many. Backup: "". */
  scope: string;
}

/** One run, finished or not. */
export interface Run extends RunKey {
  id: number;
  /** Identity of the broker at the other end (cluster name). */
  peer: string;
  state: "running" | "done";
  /** Epoch milliseconds. */
  startedAt: number;
  /** Restore: what is taken and where it goes, as `restore/choice.ts` writes it; else "". */
  choice: string;
}

/** Which copy of a run in the storage its rows are a continuation of. */
export interface CopyStamp {
  /** Grows with each copy; 0: there was none. */
  readonly sequence: number;
  /** Who wrote it: the owner of the run's lock in the storage. */
  readonly writer: string;
}

/** One segment in the local spool: a file of records, uncompressed. */
export interface SpooledSegment {
  file: string;
  recordCount: number;
  /** Bytes of records. */
  bytes: number;
  /** Capture time of the first and last record, epoch milliseconds. */
  firstTimestamp: number;
  lastTimestamp: number;
  /** Only of a stream. */
  stream?: SpooledChunks;
}

/** What a spooled segment holds of a stream: chunks, or messages that came by AMQP 0-9-1. */
export interface SpooledChunks {
  messageCount: number;
  /** Offset of the first chunk or message, and of the last message. */
  firstOffset: number;
  lastOffset: number;
  /** Sum and greatest of the sizes of entries: messages, or batches as they are. */
  bodyBytes: number;
  largestBody: number;
  /** Messages in chunks of which some were published with a filter value. */
  filteredMessages: number;
  /** Offsets, both inclusive, that did not come, in front of or between the chunks or messages. */
  gaps: { first: number; last: number }[];
  /** Names of consumers that have stored offsets. */
  consumers?: string[];
}

/** A segment on its way from spool to storage; `stored` is there when it has arrived. */
export interface SegmentRow {
  sequence: number;
  spooled: SpooledSegment;
  stored: SegmentEntry | undefined;
}

/**
 * A queue of a backup run. `reading`: messages are or were held, nothing is to be kept;
 * `read`: all is in the spool and the messages are back; `done`: all is in storage.
 */
export interface BackupQueueRow {
  vhost: string;
  name: string;
  state: "reading" | "read" | "done" | "skipped";
  /** The manifest entry so far, or why there is none. */
  report: {
    entry?: QueueEntry;
    skipped?: SkippedQueue;
    /** `reading`: when it began, milliseconds since 1970. */
    startedAt?: number;
    /** `reading`: ready messages when it began. */
    depth?: number;
    /** `reading` of a stream, which keeps the segments that are stored: what is to be read. */
    offsets?: {
      first: number;
      last: number;
      lastChunk: ChunkMark;
      base?: StreamBaseEntry;
      /** Names of consumers that the base has. */
      consumers?: readonly string[];
    };
    /** The same of a stream that is read by AMQP 0-9-1. */
    amqpOffsets?: AmqpOffsets;
  };
}

/** What is to be read of a stream by AMQP 0-9-1. */
export interface AmqpOffsets {
  /** Of the first message that there may be, and of the last one that comes. */
  first: number;
  last: number;
  /** Offsets behind that, of what does not come this way. */
  tail?: { first: number; last: number };
  /** What reading so loses, for people. */
  losses: string[];
  /** Why it is read so, where nobody has chosen it. */
  reason?: string;
}

/** How far a queue of a restore run is. */
export interface RestoreQueueRow {
  vhost: string;
  name: string;
  /**
   * Messages published whose confirm is recorded. With `leftOut` they are the records behind which the
   * run goes on, counted from the first of the segments that it reads.
   */
  confirmed: number;
  /** Upper bound of messages that were sent beyond `confirmed` and not recorded. */
  unsettled: number;
  /** Upper bound of messages that were published twice because of interruptions. */
  resent: number;
  done: boolean;
  /** Of the confirmed ones, messages that the target did not take; absent: none. */
  undelivered?: number;
  /** This run creates or created the queue, and has yet to make bindings to it. */
  unbound?: boolean;
  /** Records up to there that were not chosen; absent: none. */
  leftOut?: number;
  /** Of these, messages without a timestamp to go by. */
  untimed?: number;
}

/** Messages of a queue that a restore chose, counted from 1, `last` among them. */
export interface RecordRange {
  first: number;
  last: number;
}
