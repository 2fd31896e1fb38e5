import type { RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { RestoreOptions } from "../../config/config.ts";
import type { StreamConnector } from "../../broker/stream/connector.ts";
import type { Storage } from "../../storage/storage.ts";
import type { LossCounts } from "../../message/conversion_losses.ts";
import type { ConnectionPool } from "../connection_pool.ts";
import type { EventSink } from "../events.ts";
import type { Packer } from "../packing/packer.ts";
import type { ProgressMeter } from "../progress.ts";
import type { RestoreMapping } from "./mapping.ts";
import type { Ahead } from "./ahead.ts";
import type { OutgoingRules } from "./outgoing.ts";
import type { Pauses } from "./pauses.ts";
import type { Passed } from "./picker.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { Reconnector } from "./reconnect.ts";
import type { ExchangeRouting } from "./routing/exchange_routing.ts";
import type { MessageSelection } from "./selection.ts";
import type { Source } from "./targets.ts";

/** What all queues of one restore run share. */
export interface RestoreContext {
  readonly backupId: string;
  readonly options: RestoreOptions;
  readonly selection: MessageSelection;
  readonly mapping: RestoreMapping;
  readonly run: Run;
  readonly storage: Storage;
  readonly checkpoint: CheckpointStore;
  readonly connections: ConnectionPool;
  readonly streams: StreamConnector;
  /** Unpacks the segments of streams beside the thread that publishes. */
  readonly packer: Packer;
  readonly reconnector: Reconnector;
  readonly ahead: Ahead;
  readonly limit: RateLimit;
  readonly rules: OutgoingRules;
  /** With publish_mode exchange. */
  readonly exchanges: ExchangeRouting | undefined;
  readonly pauses: Pauses;
  readonly meter: ProgressMeter;
  readonly emit: EventSink;
  /** Folder for fetched segments. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** One queue of a restore and where it stands. */
export interface RestoreItem extends Source {
  /** Ready messages in the destination before the first one of this run. */
  readonly depthBefore: number;
  readonly position: RestoreQueueRow;
  /** Is kept up to date, for what was taken counts also where the queue fails in the end. */
  readonly taken: Taken;
}

/** What the target took of a queue in this call, as far as it is recorded. */
export interface Taken {
  messages: number;
  /** Of the bodies. */
  bytes: number;
  /** Messages that it did not take, and that are kept apart. */
  undelivered: number;
  /** With publish_mode exchange: how many messages the bindings made of them, as far as known. */
  copies?: number;
  /** Of the undelivered, how many some of several queues may have taken, which `copies` leaves out. */
  unsureCopies?: number;
}

/** What came of one queue: what this call did, and what of it was passed over, in all. */
export interface RestoredQueue extends Taken, Passed {
  /** Of a stream that became a queue: what its messages lack now. */
  readonly losses?: LossCounts;
}
