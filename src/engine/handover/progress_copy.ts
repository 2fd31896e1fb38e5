import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CopyStamp, RestoreQueueRow, Run } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { AppError, messageOf } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";
import { storeCopy } from "./copy_file.ts";
import type { StorageLock } from "./storage_lock.ts";

/** Copying takes at most one part in so many of the time, where copies are large or the way is slow. */
const SHARE = 10;

/** Positions that a copy is to have in place of those that are recorded. */
export interface AheadRows {
  rows(): RestoreQueueRow[];
  /** They are in the storage. */
  stored(rows: readonly RestoreQueueRow[]): void;
}

/** Options of {@linkcode ProgressCopy}. */
export interface ProgressCopyOptions {
  readonly storage: Storage;
  readonly key: string;
  readonly lock: StorageLock;
  readonly checkpoint: CheckpointStore;
  readonly run: Run;
  /** A local folder to write the copy in. */
  readonly folder: string;
  readonly intervalMs: number;
  /** Restore only. */
  readonly ahead?: AheadRows | undefined;
  readonly emit: EventSink;
}

/**
 * Keeps a copy of a run's progress in the storage, from which the run can go on when this machine is
 * gone: every interval, when something has changed, and when it is asked for. A storage that does
 * not take it is told once, and does not end the run.
 */
export class ProgressCopy {
  readonly #options: ProgressCopyOptions;
  readonly #end = new AbortController();
  readonly #path: string;
  #ahead: AheadRows | undefined;
  #stamp: CopyStamp;
  #copiedAt = -1;
  #tookMs = 0;
  #running: Promise<boolean> = Promise.resolve(true);
  #next: Promise<boolean> | undefined;
  #isTold = false;
  #isRefused = false;

  constructor(options: ProgressCopyOptions) {
    this.#options = options;
    const { checkpoint, run, folder, lock } = options;
    this.#path = join(folder, "progress-copy.db");
    this.#ahead = options.ahead;
    this.#stamp = { sequence: checkpoint.runs.copyStamp(run.id).sequence, writer: lock.owner };
  }

  /** Begins to copy every interval. */
  start(): void {
    void this.#keepCopying();
  }

  /** Whether the storage does not want the copy: trying again does not help. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Copies what is recorded when this is called, or later. True: it is in the storage. */
  now(): Promise<boolean> {
    this.#next ??= this.#running.then(() => {
      this.#running = this.#next!;
      this.#next = undefined;
      return this.#copy();
    });
    return this.#next;
  }

  /** The last copy: of what is recorded, as nothing goes beyond it any more. */
  async stop(): Promise<void> {
    const { ahead } = this.#options;
    this.#ahead = undefined;
    if (ahead !== undefined || this.#hasChanged) await this.now();
    await this.#stopAtOnce();
  }

  /** The run is done: removes the copy. */
  async remove(): Promise<void> {
    await this.#stopAtOnce();
    await this.#options.storage.delete([this.#options.key]);
  }

  get #hasChanged(): boolean {
    return this.#options.checkpoint.changes !== this.#copiedAt;
  }

  async #stopAtOnce(): Promise<void> {
    this.#end.abort();
    await (this.#next ?? this.#running);
  }

  async #keepCopying(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const pauseMs = Math.max(this.#options.intervalMs, (SHARE - 1) * this.#tookMs);
      await delay(pauseMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted && this.#hasChanged) await this.now();
    }
  }

  async #copy(): Promise<boolean> {
    const { storage, key, lock, checkpoint, run } = this.#options;
    const ahead = this.#ahead;
    const { signal } = this.#end;
    if (signal.aborted) return false;
    const startedAt = performance.now();
    const stamp = { ...this.#stamp, sequence: this.#stamp.sequence + 1 };
    try {
      const rows = ahead?.rows() ?? [];
      const { changes } = checkpoint;
      await rm(this.#path, { force: true });
      await checkpoint.copyRun(run.id, { to: this.#path, stamp, ahead: rows, signal });
      // Not over the copy of who took the lock from us.
      await lock.check();
      await storeCopy(storage, { key, path: this.#path, signal });
      checkpoint.runs.putCopyStamp(run.id, stamp);
      this.#stamp = stamp;
      // The stamp is a change as well.
      this.#copiedAt = changes + 1;
      this.#tellSuccess();
      ahead?.stored(rows);
      return true;
    } catch (error) {
      this.#tellFailure(error);
      return false;
    } finally {
      this.#tookMs = performance.now() - startedAt;
      await rm(this.#path, { force: true }).catch(() => {});
    }
  }

  #tellFailure(error: unknown): void {
    const code = error instanceof AppError ? error.code : undefined;
    this.#isRefused = code !== "storage_unreachable";
    // A lost lock ends the run, which says so.
    if (this.#isTold || code === "locked" || this.#end.signal.aborted) return;
    this.#isTold = true;
    const { emit, key, storage: { location } } = this.#options;
    emit({
      type: "warning",
      message: `The progress cannot be copied into the storage: ${messageOf(error)}`,
      hint:
        "this run goes on, and its next one on this machine, too; if this machine is lost, see " +
        `whether there is "${key}" in ${location}: it is too old to go on from, so remove it`,
    });
  }

  #tellSuccess(): void {
    this.#isRefused = false;
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#options.emit({ type: "step", message: "The progress is copied into the storage again" });
  }
}
