import { AppError } from "../../errors.ts";
import { bytesOf, type Storage } from "../../storage/storage.ts";
import { type HeldLock, type LockRecord, readLock } from "./lock_record.ts";

/** Stores tell times in seconds, and requests take a while. */
const MARGIN_MS = 5_000;
/** A holder has learned that its lock was broken so long after it was to renew it. */
const LEARN_MS = 2_000;
/** Renewed so often within its expiry, and at least so often. */
const RENEWALS = 5;
const LONGEST_INTERVAL_MS = 60_000;

/** By what it is decided whether a lock may be taken from its holder. */
export interface TakeOverOptions {
  readonly storage: Storage;
  /** Where the lock's objects lie, without a slash at the end. */
  readonly folder: string;
  /** "Cannot start backup \"x\"", for errors. */
  readonly cannot: string;
  /** Whether a holder is a process of which it is known that it has ended. */
  isGone(holder: LockRecord): boolean;
  /** Take the lock from a holder who may be alive. */
  readonly breakLock: boolean;
  /** Told before a lock is taken from somebody who is not known to be gone. */
  onTakeOver(holder: LockRecord, why: string): void;
}

/** A person who looks for the process finds it by this. */
export function holderText({ user, host, pid }: LockRecord): string {
  return `${user} on host "${host}" (process ${pid})`;
}

/** How often a holder renews its lock. */
export function intervalMs({ expirySeconds }: LockRecord): number {
  return Math.min(expirySeconds * 1000 / RENEWALS, LONGEST_INTERVAL_MS);
}

/**
 * Decides whether the lock may be taken from its holder, and throws `locked` when not. Returns how long
 * the holder may need to learn of it, in milliseconds.
 */
export function take(
  options: TakeOverOptions,
  { record }: HeldLock,
  { ageMs, mayBreak }: { ageMs: number; mayBreak: boolean },
): number {
  const { cannot, breakLock, onTakeOver } = options;
  const seconds = (ms: number) => Math.max(0, Math.round(ms / 1000));
  const leftMs = record.expirySeconds * 1000 + MARGIN_MS - ageMs;
  if (leftMs <= 0) {
    onTakeOver(record, `its lock was not renewed for ${seconds(ageMs)} s`);
    return 0;
  }
  if (breakLock && mayBreak) {
    const waitMs = Math.max(0, intervalMs(record) + LEARN_MS - ageMs);
    onTakeOver(
      record,
      `its lock was renewed ${
        seconds(ageMs)
      } s ago, and is broken (--break-lock); if it is alive, ` +
        `it learns of it within ${seconds(waitMs)} s`,
    );
    return waitMs;
  }
  throw new AppError(
    "locked",
    `${cannot}: ${holderText(record)} has been at it since ${record.startedAt}, and renewed its ` +
      `lock ${seconds(ageMs)} s ago`,
    {
      hint:
        `wait for it to end; if it is gone for good, its lock expires in ${seconds(leftMs)} s, ` +
        "and --break-lock takes it over now",
    },
  );
}

/**
 * Throws `locked` when somebody else holds a lock, for a process that may not write to the storage and
 * so can take none: how old the lock is, is told by this machine's clock.
 */
export async function assertUnlocked(options: TakeOverOptions): Promise<void> {
  const held = await readLock(options.storage, options.folder);
  if (held === undefined || options.isGone(held.record)) return;
  take(options, held, { ageMs: Date.now() - held.renewedAt, mayBreak: true });
}

/** What time the storage says it is, in epoch milliseconds: that of an object written now. */
export async function storageTime(
  { storage, folder }: Pick<TakeOverOptions, "storage" | "folder">,
): Promise<number> {
  const key = `${folder}/time-${crypto.randomUUID()}`;
  await storage.put(key, bytesOf(""), { isTransient: true });
  try {
    return (await storage.stat(key))?.modifiedAt ?? Date.now();
  } finally {
    await storage.delete([key]);
  }
}
