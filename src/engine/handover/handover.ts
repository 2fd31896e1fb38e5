import { hostname } from "node:os";
import { join } from "node:path";
import type { Run, RunKey } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { type Config, requireStorage } from "../../config/config.ts";
import { AppError, messageOf } from "../../errors.ts";
import { openStorage, waitWarning } from "../../storage/open.ts";
import type { Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";
import { orAborted } from "../or_aborted.ts";
import { clearFolder } from "../run_lock.ts";
import { takeFoundCopy } from "./found_copy.ts";
import { copyKey, lockFolder } from "./keys.ts";
import { type LockRecord, ownRecord } from "./lock_record.ts";
import { type AheadRows, ProgressCopy } from "./progress_copy.ts";
import { assertUnlocked, holderText } from "./lock_take_over.ts";
import { StorageLock } from "./storage_lock.ts";

/** What a run that ends may take to leave its progress and give back its lock, milliseconds. */
const END_MS = 5_000;
/** A lock counts so much longer than a storage is waited for, and at least so long, seconds. */
const BEYOND_PATIENCE_SECONDS = 300;
const SHORTEST_EXPIRY_SECONDS = 600;

/** Options of {@linkcode Handover.begin}. */
export interface HandoverOptions {
  readonly config: Config;
  readonly key: RunKey;
  /** The checkpoint on this machine; its part of this run is locked by this process. */
  readonly checkpoint: CheckpointStore;
  /** A local folder of this run. */
  readonly folder: string;
  readonly breakLock: boolean;
  /** Restore: which backup of that id it is. */
  readonly peer?: string;
  /** Whether the progress that another machine has left is taken; default true. */
  readonly takesProgress?: boolean;
  readonly emit: EventSink;
  /** Ends the beginning. What comes later ends with the handover itself. */
  readonly signal: AbortSignal;
  /** Told when the lock is lost; the run must stop. */
  readonly onLost: (error: AppError) => void;
}

/**
 * What a run keeps in the storage for other machines: a lock that keeps them out while it works, and
 * a copy of its progress with which one of them can go on when this one is gone.
 *
 * A restore may lack the rights to write to the storage; then it has neither, and says so.
 */
export class Handover implements AsyncDisposable {
  readonly #options: HandoverOptions;
  readonly #storage: Storage;
  readonly #end: AbortController;
  readonly #lock: StorageLock | undefined;
  #copy: ProgressCopy | undefined;
  #isTakenOver = false;
  #isFinished = false;

  private constructor(
    options: HandoverOptions,
    parts: { storage: Storage; end: AbortController; lock: StorageLock | undefined },
  ) {
    this.#options = options;
    this.#storage = parts.storage;
    this.#end = parts.end;
    this.#lock = parts.lock;
  }

  /**
   * Takes the lock, and the progress that another machine has left. Throws `locked` when another has
   * the lock, `damaged` when the progress cannot be read, and what the storage throws.
   */
  static async begin(options: HandoverOptions): Promise<Handover> {
    const { config, key, checkpoint, folder, emit, signal } = options;
    const end = new AbortController();
    const stop = () => end.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    let isBeginning = true;
    // One of its own: what is left when a run is stopped has to be stored after that.
    const storage = await openStorage(requireStorage(config), {
      signal: end.signal,
      onWait: (wait) => isBeginning && emit({ type: "warning", ...waitWarning(wait) }),
    });
    const lock = await acquire({ ...options, signal: end.signal }, storage).catch(async (error) => {
      await storage.close();
      throw error;
    });
    const handover = new Handover(options, { storage, end, lock });
    try {
      if (options.takesProgress ?? true) {
        const path = join(folder, "progress-found.db");
        const found = { ...options, storage, local: checkpoint, into: checkpoint, path };
        handover.#isTakenOver = await takeFoundCopy({ ...found, signal: end.signal });
        // What this machine has of an older state is not what the newer one speaks of.
        if (handover.#isTakenOver) clearFolder(folder);
      }
      // A lock under an older name is gone, and what was copied under it is known.
      checkpoint.runs.forgetLockOwners(key);
      if (lock !== undefined) checkpoint.runs.addLockOwner(key, lock.owner);
      return handover;
    } catch (error) {
      await handover[Symbol.asyncDispose]();
      throw error;
    } finally {
      isBeginning = false;
      signal.removeEventListener("abort", stop);
    }
  }

  /** Stores the first copy of a run's progress, and from then on one every interval. */
  async start(run: Run, ahead?: AheadRows): Promise<void> {
    const { config, key, checkpoint, folder, emit, signal } = this.#options;
    const { sync_interval_secs: interval } = config.offset_storage;
    if (this.#lock === undefined) return;
    if (interval === 0) {
      // An older copy would be taken for the state of this run.
      await orAborted(this.#storage.delete([copyKey(config, key)]), signal);
      return;
    }
    this.#copy = new ProgressCopy({
      storage: this.#storage,
      key: copyKey(config, key),
      lock: this.#lock,
      checkpoint,
      run,
      folder,
      intervalMs: interval * 1000,
      ahead,
      emit,
    });
    await orAborted(this.#copy.now(), signal);
    this.#copy.start();
  }

  /** The copies that are made; undefined where there are none. */
  get copy(): ProgressCopy | undefined {
    return this.#copy;
  }

  /** Throws `locked` when another machine has taken the lock. */
  async assertHeld(): Promise<void> {
    if (this.#lock !== undefined) await orAborted(this.#lock.assertHeld(), this.#options.signal);
  }

  /** The run is done: there is nothing to go on with. */
  async finish(): Promise<void> {
    this.#isFinished = true;
    const { config, key, emit } = this.#options;
    if (this.#lock === undefined) return;
    try {
      // Whose restore was taken over has to learn that it is done, when that machine comes back.
      if (key.operation === "restore" && this.#isTakenOver) return await this.#copy?.stop();
      await this.#copy?.remove();
      await this.#storage.delete([copyKey(config, key)]);
    } catch (error) {
      emit({
        type: "warning",
        message: `The copy of the progress stays in the storage: ${messageOf(error)}`,
        hint: "it does no harm, and may be removed",
      });
    }
  }

  /** Leaves the last progress, when there is more to do, and gives back the lock. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#end.abort(new Error("it took too long")), END_MS);
    try {
      if (!this.#isFinished) await this.#copy?.stop();
      await this.#lock?.[Symbol.asyncDispose]();
      await this.#storage.close();
    } catch {
      // What is left in the storage expires, and this machine goes on without it.
    } finally {
      clearTimeout(timer);
    }
  }
}

async function acquire(
  options: HandoverOptions,
  storage: Storage,
): Promise<StorageLock | undefined> {
  const { config, key, checkpoint, breakLock, emit, signal, onLost } = options;
  const owners = checkpoint.runs.lockOwners(key);
  const lock = {
    storage,
    folder: lockFolder(key),
    cannot: `Cannot start ${key.operation} "${key.backupId}"`,
    // This machine's lock of the checkpoint is ours: who had it before has ended.
    isGone: ({ owner, host }: LockRecord) => host === hostname() && owners.includes(owner),
    breakLock,
    signal,
    onTakeOver: (holder: LockRecord, why: string) =>
      emit({ type: "warning", message: `Taking over from ${holderText(holder)}: ${why}` }),
  };
  const record = ownRecord(expirySeconds(config));
  checkpoint.runs.addLockOwner(key, record.owner);
  try {
    return await StorageLock.acquire({ ...lock, record, onLost });
  } catch (error) {
    if (key.operation !== "restore" || !isReadOnly(error)) throw error;
    await assertUnlocked(lock);
    emit({
      type: "step",
      message: "The storage cannot be written to: the progress is kept on this machine only, and " +
        "other machines are not kept out",
    });
    return undefined;
  }
}

function isReadOnly(error: unknown): boolean {
  return error instanceof AppError && ["storage_denied", "storage_full"].includes(error.code);
}

/** So long that a holder that waits for the storage, as long as it may, can renew its lock. */
function expirySeconds(config: Config): number {
  const { lock_expiry_secs } = config.offset_storage;
  if (lock_expiry_secs !== undefined) return lock_expiry_secs;
  const storage = requireStorage(config);
  const patience = "retry_max_secs" in storage ? storage.retry_max_secs : 0;
  return Math.max(SHORTEST_EXPIRY_SECONDS, patience + BEYOND_PATIENCE_SECONDS);
}
