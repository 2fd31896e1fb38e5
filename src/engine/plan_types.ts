import type { AppError } from "../errors.ts";
import type { ImportReport } from "../definitions/import.ts";
import type { Verdict } from "../safety/plan.ts";

/** What a backup would do, queue by queue. */
export interface BackupPlan {
  readonly backupId: string;
  /** Where the backup would be stored, without secrets. */
  readonly location: string;
  readonly source: { readonly cluster: string; readonly version: string };
  readonly storage: PlannedStorage;
  readonly queues: readonly PlannedBackupQueue[];
}

/** What is seen of a backup's storage without writing: whether it could be written to is not known. */
export type PlannedStorage =
  /** `absent`: a folder that the backup makes; `unfinished`: a backup of this id was begun there. */
  | { readonly state: "free" | "absent" | "unfinished" }
  /** The backup would end with this. */
  | { readonly state: "problem"; readonly problem: AppError };

/** One queue of a {@linkcode BackupPlan}. */
export interface PlannedBackupQueue {
  readonly vhost: string;
  readonly queue: string;
  readonly queueType: string;
  /** Ready messages right now. */
  readonly messages: number;
  readonly verdict: Verdict;
  readonly returnMethod?: string;
  /** Delivery attempts that reading charges to each message. */
  readonly deliveryAttempts?: number;
  readonly reason?: string;
  readonly hint?: string;
  /** What may happen, where it is read in spite of it (`on_hazard: warn`). */
  readonly risk?: string;
  /** What else is good to know before. */
  readonly notes?: readonly string[];
  /** Only the oldest messages can be held, so many. */
  readonly atMost?: number;
}

/** What a restore would do, queue by queue. */
export interface RestorePlan {
  readonly backupId: string;
  /** Where the backup is stored, without secrets. */
  readonly location: string;
  /** host:port of the broker that is restored into. */
  readonly target: { readonly address: string };
  /** Why nothing would be restored, and the way out; absent when something would be. */
  readonly refused?: AppError;
  /** What the backup lacks, when it is partial. */
  readonly warning?: string;
  /** What exchanges would make of the messages; absent when they go straight to their queues. */
  readonly fanout?: PlannedFanout;
  /** Only messages of this time, both ends included; absent: of any time. */
  readonly timeWindow?: {
    /** Epoch milliseconds. */
    readonly start?: number;
    readonly end?: number;
    readonly field: "backed_up_at" | "timestamp";
  };
  /** What the backup's definitions would change first, where they are restored. */
  readonly definitions?: ImportReport;
  /** Vhosts that are created. */
  readonly createdVhosts: readonly string[];
  readonly queues: readonly PlannedRestoreQueue[];
  /** How long it takes, by rates that are assumed. */
  readonly estimate: RestoreEstimate;
}

/** A guess, on the cautious side. */
export interface RestoreEstimate {
  readonly seconds: number;
  /** A second: the slower of the two decides. */
  readonly assumedMessages: number;
  readonly assumedBytes: number;
}

/** Messages that would be published, and what becomes of them. */
interface FanoutFigures {
  readonly messages: number;
  /** Messages in queues that they become, as far as bindings tell. */
  readonly copies: number;
  /** Messages that would reach no queue, or cannot be published. */
  readonly undelivered: number;
  /** Messages of which bindings do not tell how many they become. */
  readonly unknown: number;
}

/** What a restore through exchanges makes of the messages, in all and by exchange. */
export interface PlannedFanout extends FanoutFigures {
  /** Whose exchanges and bindings these figures are by. */
  readonly accordingTo: "target" | "backup" | "none";
  readonly notes: readonly string[];
  readonly exchanges: readonly (FanoutFigures & {
    readonly vhost: string;
    /** "" is the default exchange, whose messages go straight to the queue that they came from. */
    readonly exchange: string;
    readonly type?: string | undefined;
  })[];
}

/** One queue of a {@linkcode RestorePlan}. */
export interface PlannedRestoreQueue {
  readonly vhost: string;
  readonly queue: string;
  readonly queueType: string;
  /** Messages in the backup. */
  readonly messages: number;
  readonly action: "create" | "use" | "skip";
  /** Where they go, when that is another queue. */
  readonly destination?: { readonly vhost: string; readonly queue: string };
  /** How many of them are restored, within the bounds that the manifest tells. */
  readonly atLeast: number;
  readonly atMost: number;
  /** Segments that are read, and their sizes in bytes: as stored, and their records. */
  readonly segments: number;
  readonly bytesStored: number;
  readonly bytes: number;
  /** What is not as it was in the backup. */
  readonly notes?: readonly string[];
  /** Messages that the queue holds already, behind which these would come. */
  readonly held?: number;
  /** Messages that an interrupted restore has put there: it is gone on behind them. */
  readonly restoredBefore?: number;
  readonly reason?: string;
  readonly hint?: string;
}
