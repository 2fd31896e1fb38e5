import type { LossCounts } from "../message/conversion_losses.ts";
import type { ReturnCost } from "../safety/plan.ts";

/** Numbers of one queue while it is worked on. */
export interface QueueProgress {
  readonly vhost: string;
  readonly queue: string;
  /** What is being done with it right now. */
  readonly phase: "waiting" | "reading" | "returning" | "packing" | "publishing" | "verifying";
  readonly messagesDone: number;
  readonly messagesTotal: number;
  readonly bytesDone: number;
  /** Restore: where its messages go, when that is another queue. */
  readonly destination?: { readonly vhost: string; readonly queue: string };
  /** Backup: messages that are away from consumers right now; of a stream none ever are. */
  readonly messagesHeld?: number;
  /** Backup: messages that the broker has back. */
  readonly messagesReturned?: number;
  /** Backup: messages whose segments are packed, and those whose segments are in the storage. */
  readonly messagesPacked?: number;
  readonly messagesStored?: number;
}

/** Numbers of the whole run; sent about four times a second while work goes on. */
export interface StatusEvent {
  readonly type: "status";
  readonly operation: "backup" | "restore" | "validate";
  readonly secondsElapsed: number;
  /** Absent while there is nothing to estimate from. */
  readonly secondsRemaining?: number;
  /** 0 to 1. */
  readonly percentDone: number;
  readonly queuesTotal: number;
  readonly queuesDone: number;
  readonly messagesTotal: number;
  readonly messagesDone: number;
  /** Bytes of messages (bodies, properties and names) handled so far. */
  readonly bytesDone: number;
  /** Messages a second, over the last few seconds. */
  readonly rateMessages: number;
  /** Bytes a second, over the last few seconds. */
  readonly rateBytes: number;
  readonly errorCount: number;
  readonly active: readonly QueueProgress[];
}

/** One queue came to its end: backed up, restored, or not. */
export interface QueueDoneEvent {
  readonly type: "queue_done";
  readonly operation: "backup" | "restore" | "validate";
  readonly vhost: string;
  readonly queue: string;
  readonly queueType: string;
  readonly outcome: "ok" | "skipped" | "failed" | "resumed";
  readonly messages: number;
  readonly bytes: number;
  /** Bytes in storage; backup only. */
  readonly bytesStored?: number;
  readonly segments?: number;
  /** Backup: of a stream, the backup that it stands on. */
  readonly base?: string;
  readonly seconds: number;
  /** How long the messages were unavailable to consumers; backup only. */
  readonly holdSeconds?: number;
  readonly returnCost?: ReturnCost;
  /** Restore: messages that the target did not take. */
  readonly undelivered?: number;
  /** Restore through exchanges: messages that bindings made of them, as far as they tell. */
  readonly copies?: number;
  /** Restore: where its messages went, when that is another queue. */
  readonly destination?: { readonly vhost: string; readonly queue: string };
  /** Restore: messages in the backup that were not chosen, in all runs. */
  readonly leftOut?: number;
  /** Of these, messages without a timestamp to go by. */
  readonly untimed?: number;
  /** Restore of a stream into a queue: what was lost, in how many messages at most. */
  readonly losses?: LossCounts;
  /** Why it was skipped or failed, and what to do. */
  readonly reason?: string;
  readonly hint?: string;
}

/** Something the person should know that does not end the run. */
export interface WarningEvent {
  readonly type: "warning";
  readonly message: string;
  readonly hint?: string;
  readonly vhost?: string;
  readonly queue?: string;
}

/** A step of the run that took or takes a while, for people: "Reading definitions". */
export interface StepEvent {
  readonly type: "step";
  readonly message: string;
}

/** The end of a run. */
export interface SummaryEvent {
  readonly type: "summary";
  readonly operation: "backup" | "restore" | "validate";
  readonly backupId: string;
  /** Where the backup is, without secrets. */
  readonly location: string;
  /** Restore: the broker that it went into, without secrets. */
  readonly target?: string;
  readonly outcome: "ok" | "partial" | "interrupted";
  readonly queuesOk: number;
  readonly queuesSkipped: number;
  readonly queuesFailed: number;
  /** Backup: of those that are in it, queues that are in it only in part. */
  readonly queuesPartial?: number;
  readonly messages: number;
  readonly bytes: number;
  readonly bytesStored?: number;
  readonly seconds: number;
  /** Restore that was gone on with: what the target took and did not take, with the runs before. */
  readonly inAll?: { readonly messages: number; readonly undelivered: number };
  /** Restore: how many messages may have been published twice because of interruptions, in all. */
  readonly possibleDuplicates?: number;
  /** Restore: messages that the target did not take, and the backups that they are kept as. */
  readonly undelivered?: number;
  readonly undeliveredBackups?: readonly string[];
  readonly undeliveredLocation?: string;
  /** Restore through exchanges: messages that bindings made of them, as far as they tell. */
  readonly copies?: number;
  /** Messages that the target rejected and that some of several queues may have; not in `copies`. */
  readonly unsureCopies?: number;
  /** How often the connection was lost and made again. */
  readonly reconnects?: number;
  /** Restore: how long alarms of the target held it back. */
  readonly pausedSeconds?: number;
  /** Restore: messages of restored queues that were not chosen. */
  readonly messagesLeftOut?: number;
  /** Interrupted: the command that goes on. */
  readonly resumeCommand?: string;
}

/** What the engine tells; it never prints. Text, JSON lines and the terminal UI are its readers. */
export type EngineEvent =
  | StatusEvent
  | QueueDoneEvent
  | WarningEvent
  | StepEvent
  | SummaryEvent;

/** Receives events in order, synchronously; must not throw and must return quickly. */
export type EventSink = (event: EngineEvent) => void;
