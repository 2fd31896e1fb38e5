import { setTimeout as delay } from "node:timers/promises";
import { AppError, messageOf } from "../../errors.ts";
import { bytesOf, ObjectExistsError } from "../../storage/storage.ts";
import {
  generationKey,
  generationsOf,
  type LockRecord,
  readLock,
  readRecord,
} from "./lock_record.ts";
import {
  holderText,
  intervalMs,
  storageTime,
  take,
  type TakeOverOptions,
} from "./lock_take_over.ts";

/** How often the lock is tried while others come and go. */
const TRIES = 5;

/** Options of {@linkcode StorageLock.acquire}. */
export interface StorageLockOptions extends TakeOverOptions {
  readonly record: LockRecord;
  /** Ends the waiting for the lock. */
  readonly signal: AbortSignal;
  /** Told once when the lock is lost while it is held; what it guards must stop. */
  onLost(error: AppError): void;
}

/**
 * A lock in the storage itself, which keeps writers on other machines out.
 *
 * It is a row of small objects, each written only if it is not there yet, and the highest number
 * counts. A holder renews its lock by writing the next number; so does who takes it over, and only
 * one of them can. A holder whose lock was taken learns of it with its next renewal, at the latest
 * when it asks ({@linkcode assertHeld}). How old a lock is, is told by the storage's own clock, as
 * those of two machines may differ; that a holder cannot renew it in time, by its own.
 */
export class StorageLock implements AsyncDisposable {
  readonly #options: StorageLockOptions;
  readonly #end = new AbortController();
  #generation: number;
  #renewedAt: number;
  #lost: AppError | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #working: Promise<void> = Promise.resolve();

  private constructor(options: StorageLockOptions, generation: number, renewedAt: number) {
    this.#options = options;
    this.#generation = generation;
    this.#renewedAt = renewedAt;
    this.#watchDeadline();
    void this.#keepRenewing();
  }

  /**
   * Throws `locked` when somebody else holds it, and what the storage throws. One that is broken is
   * there when its holder, if there still is one, has had the time to learn of it.
   */
  static async acquire(options: StorageLockOptions): Promise<StorageLock> {
    const { storage, folder, cannot } = options;
    let mayBreak: string | undefined;
    let generation = 1;
    let waitMs = 0;
    for (let tries = 0; tries < TRIES; tries++) {
      const startedAt = performance.now();
      if (await write(options, generation)) {
        const all = await generationsOf(storage, folder);
        if (all.at(-1)?.generation === generation) {
          const older = all.slice(0, -1).map((one) => generationKey(folder, one.generation));
          await storage.delete(older);
          return await new StorageLock(options, generation, startedAt).#after(waitMs);
        }
        await storage.delete([generationKey(folder, generation)]);
      }
      const held = await readLock(storage, folder);
      generation = (held?.generation ?? 0) + 1;
      waitMs = 0;
      if (held === undefined || options.isGone(held.record)) continue;
      // Not from who came while we were at it.
      mayBreak ??= held.record.owner;
      const ageMs = await storageTime(options) - held.renewedAt;
      waitMs = take(options, held, { ageMs, mayBreak: mayBreak === held.record.owner });
    }
    throw new AppError("locked", `${cannot}: others take and give back its lock`, {
      hint: "run it again when they have ended",
    });
  }

  /** Returns itself when a holder whose lock was broken has learned of it. */
  async #after(waitMs: number): Promise<StorageLock> {
    try {
      await delay(waitMs, undefined, { signal: this.#options.signal });
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Who holds it: this process. */
  get owner(): string {
    return this.#options.record.owner;
  }

  /** Renews the lock; throws `locked` when it is another's by now. */
  async assertHeld(): Promise<void> {
    await this.#renew();
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Looks whether the lock is still ours; throws `locked` when not. */
  async check(): Promise<void> {
    await this.#alone(async () => {
      if (!await this.#isOurs()) await this.#loseToOthers();
    });
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Gives it back; a lock that cannot be given back expires. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#working.catch(() => {});
    if (this.#lost !== undefined) return;
    const { storage, folder } = this.#options;
    try {
      if (!await this.#isOurs()) return;
      const all = await generationsOf(storage, folder);
      await storage.delete(all.map(({ generation }) => generationKey(folder, generation)));
    } catch {
      // It expires.
    }
  }

  async #isOurs(): Promise<boolean> {
    const { storage, folder } = this.#options;
    return (await readLock(storage, folder))?.record.owner === this.owner;
  }

  get #expiryMs(): number {
    return this.#options.record.expirySeconds * 1000;
  }

  #stop(): void {
    this.#end.abort();
    clearTimeout(this.#deadline);
  }

  async #keepRenewing(): Promise<void> {
    const { signal } = this.#end;
    const interval = intervalMs(this.#options.record);
    while (!signal.aborted) {
      await delay(interval, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      // A storage that does not answer is asked again; the deadline is what counts.
      await this.#renew().catch(() => {});
    }
  }

  #renew(): Promise<void> {
    return this.#alone(async () => {
      const { storage, folder } = this.#options;
      const startedAt = performance.now();
      const next = this.#generation + 1;
      if (!await write(this.#options, next)) {
        // Ours as well, when what came behind the writing failed last time.
        const there = await readRecord(storage, generationKey(folder, next));
        if (there?.owner !== this.owner) return await this.#loseToOthers();
      }
      const previous = generationKey(folder, this.#generation);
      const newest = (await generationsOf(storage, folder)).at(-1)?.generation;
      if (newest !== next || (await readRecord(storage, previous))?.owner !== this.owner) {
        // Somebody had it meanwhile, and may have given it back.
        await storage.delete([generationKey(folder, next)]);
        return await this.#loseToOthers();
      }
      this.#generation = next;
      this.#renewedAt = startedAt;
      this.#watchDeadline();
      await storage.delete([previous]);
    });
  }

  /** One after the other; nothing is done any more when it is lost. */
  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#working.catch(() => {}).then(async () => {
      if (this.#lost === undefined) await work();
    });
    this.#working = done;
    return done;
  }

  #watchDeadline(): void {
    clearTimeout(this.#deadline);
    if (this.#end.signal.aborted) return;
    const left = this.#renewedAt + this.#expiryMs - performance.now();
    this.#deadline = setTimeout(() => {
      const { cannot, record } = this.#options;
      this.#lose(
        new AppError(
          "storage_unreachable",
          `${cannot}: its lock could not be renewed for ${record.expirySeconds} s`,
          { hint: "run it again when the storage answers; what is done is not done again" },
        ),
      );
    }, left);
  }

  async #loseToOthers(): Promise<void> {
    const { storage, folder, cannot } = this.#options;
    const held = await readLock(storage, folder).catch((error) => messageOf(error));
    const who = typeof held === "object"
      ? `its lock was taken over by ${holderText(held.record)} at ${held.record.startedAt}`
      : "its lock was removed, or taken over by another run that has ended by now";
    this.#lose(
      new AppError("locked", `${cannot}: ${who}`, {
        hint: "two runs must not work on the same; see which of them is to go on",
      }),
    );
  }

  #lose(error: AppError): void {
    if (this.#lost !== undefined || this.#end.signal.aborted) return;
    this.#lost = error;
    this.#stop();
    this.#options.onLost(error);
  }
}

/** Whether it was not there before. */
async function write(
  { storage, folder, record }: StorageLockOptions,
  generation: number,
): Promise<boolean> {
  try {
    await storage.put(generationKey(folder, generation), bytesOf(JSON.stringify(record)), {
      ifAbsent: true,
      isTransient: true,
    });
    return true;
  } catch (error) {
    if (error instanceof ObjectExistsError) return false;
    throw error;
  }
}
