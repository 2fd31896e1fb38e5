import { setTimeout as delay } from "node:timers/promises";
import type { RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { AheadRows, ProgressCopy } from "../handover/progress_copy.ts";
import { orAborted } from "../or_aborted.ts";
import { queueKey } from "../queue_key.ts";
import type { QueueName } from "./mapping.ts";
import type { Target } from "./targets.ts";

/** Windows that a queue may be ahead of the copy at least: waiting for copies must be rare. */
const WINDOWS = 8;
/** Intervals that a queue may be ahead at its rate: the next copy is there before they are over. */
const INTERVALS = 1.5;
/** Queues that may be begun before the next copy. */
const QUEUES = 256;
/** Between two tries to copy what has to be copied, milliseconds. */
const PAUSE_MS = 1_000;

/** Options of {@linkcode Ahead}. */
export interface AheadOptions {
  readonly checkpoint: CheckpointStore;
  readonly run: Run;
  /** In the order in which they are begun. */
  readonly targets: readonly Target[];
  readonly window: number;
  readonly intervalSeconds: number;
}

/**
 * Keeps a restore from running away from the copy of its progress. A copy says of each queue how many
 * messages may have been sent beyond the position in it, and nothing beyond that is sent before a
 * newer copy is in the storage. So another machine that goes on from a copy knows how many messages it
 * may send a second time at most, and which queues were not touched at all.
 */
export class Ahead implements AheadRows {
  /** Absent: nothing is copied, and nothing has to wait. */
  copy: ProgressCopy | undefined;
  readonly #options: AheadOptions;
  readonly #targets: ReadonlyMap<string, Target>;
  /** Queues that are asked for. */
  readonly #asked = new Set<string>();
  /** Queues that messages were sent of: since when, and from which position on. */
  readonly #begun = new Map<string, { at: number; confirmed: number }>();
  /** How many messages of a queue may be sent, by the last copy in the storage. */
  readonly #allowed = new Map<string, number>();
  #copying: Promise<unknown> | undefined;
  /** The storage does not want copies, for now: to stop for that would help nobody. */
  #isRefused = false;

  constructor(options: AheadOptions) {
    this.#options = options;
    this.#targets = new Map(options.targets.map((target) => [queueKey(target.entry), target]));
  }

  /** Returns when a queue of the backup may be created and bound. */
  async begin(queue: QueueName, signal: AbortSignal): Promise<void> {
    const key = queueKey(queue);
    if (!this.#targets.get(key)!.position.done) await this.#until(key, { upTo: 1, signal });
  }

  /**
   * Returns when so many messages of a queue of the backup may be sent, from its first on. Calls
   * `onWait` before it waits: what is not on its way yet will not be confirmed meanwhile.
   */
  async allow(
    queue: QueueName,
    { upTo, signal, onWait }: { upTo: number; signal: AbortSignal; onWait: () => void },
  ): Promise<void> {
    if (this.copy === undefined || this.#isRefused) return;
    const key = queueKey(queue);
    const { share, position: { confirmed } } = this.#targets.get(key)!;
    if (!this.#begun.has(key)) this.#begun.set(key, { at: performance.now(), confirmed });
    const most = Math.min(upTo, share.atMost);
    const allowed = this.#allowed.get(key) ?? 0;
    // In time, so that nobody has to wait for it.
    if (allowed < share.atMost && allowed - most < this.#least / 2) {
      this.#copying ??= this.#copyOnce();
    }
    if (allowed >= most) return;
    onWait();
    await this.#until(key, { upTo: most, signal });
  }

  /** What a copy that is made now says of queues that are not done. */
  rows(): RestoreQueueRow[] {
    this.#isRefused = false;
    const { checkpoint, run } = this.#options;
    const recorded = new Map(checkpoint.restores.queues(run.id).map((row) => [queueKey(row), row]));
    const rows: RestoreQueueRow[] = [];
    let coming = 0;
    for (const [key, target] of this.#targets) {
      const { action, position } = target;
      if (action === "skip" || (recorded.get(key) ?? position).done) continue;
      if (!this.#asked.has(key) && ++coming > QUEUES) continue;
      const row = this.#begun.has(key) ? recorded.get(key) ?? position : position;
      // What is allowed already may be sent before this copy is there.
      const allowed = (this.#allowed.get(key) ?? 0) - row.confirmed;
      const unsettled = Math.max(row.unsettled, this.#leadOf(target, row), allowed);
      // Who goes on from the copy cannot tell whether it was bound.
      const unbound = action === "create" && !this.#begun.has(key);
      rows.push({ ...row, unsettled, ...(unbound ? { unbound } : {}) });
    }
    return rows;
  }

  stored(rows: readonly RestoreQueueRow[]): void {
    for (const row of rows) this.#allowed.set(queueKey(row), row.confirmed + row.unsettled);
  }

  async #until(
    key: string,
    { upTo, signal }: { upTo: number; signal: AbortSignal },
  ): Promise<void> {
    this.#asked.add(key);
    const { copy } = this;
    if (copy === undefined) return;
    for (let isFirst = true; (this.#allowed.get(key) ?? 0) < upTo; isFirst = false) {
      // A storage that is away is waited for: there is nothing to send without it. So are confirms,
      // where the positions in the last copy were too far back.
      if (!isFirst) await delay(PAUSE_MS, undefined, { signal });
      if (await orAborted(copy.now(), signal) || !copy.isRefused) continue;
      this.#isRefused = true;
      return;
    }
  }

  get #least(): number {
    return WINDOWS * this.#options.window;
  }

  /** How many messages may be sent beyond a position until there is another copy. */
  #leadOf({ entry, share }: Target, { confirmed }: RestoreQueueRow): number {
    // The broker drops what it has of a stream.
    if (entry.stream !== undefined) return 1;
    const begun = this.#begun.get(queueKey(entry));
    const perMs = begun === undefined
      ? 0
      : (confirmed - begun.confirmed) / (performance.now() - begun.at);
    const inTime = Math.ceil(perMs * 1000 * this.#options.intervalSeconds * INTERVALS);
    const left = Math.max(1, share.atMost - confirmed);
    return Math.min(Math.max(this.#least, inTime), left);
  }

  async #copyOnce(): Promise<void> {
    await this.copy?.now();
    this.#copying = undefined;
  }
}
