import { hostname, userInfo } from "node:os";
import { ObjectMissingError, readAll, type Storage } from "../../storage/storage.ts";

const MAX_BYTES = 64 * 1024;

/** Who holds a lock, as its object says: nothing secret, and enough to find the process. */
export interface LockRecord {
  /** Names one process's hold of the lock. */
  readonly owner: string;
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  /** When the hold began, by its machine's clock, in RFC 3339. */
  readonly startedAt: string;
  /** How long it counts after it was renewed, in seconds. */
  readonly expirySeconds: number;
}

/** The newest object of a lock that somebody holds, or held until it expired. */
export interface HeldLock {
  readonly generation: number;
  /** When it was renewed: the storage's time, in epoch milliseconds. */
  readonly renewedAt: number;
  readonly record: LockRecord;
}

/** What this process says of itself. */
export function ownRecord(expirySeconds: number): LockRecord {
  return {
    owner: crypto.randomUUID(),
    host: hostname(),
    user: userName(),
    pid: Deno.pid,
    startedAt: new Date().toISOString(),
    expirySeconds,
  };
}

/** The key of one generation of a lock; keys are in the order of generations. */
export function generationKey(folder: string, generation: number): string {
  return `${folder}/${String(generation).padStart(12, "0")}.json`;
}

/** Generations of a lock that are in the storage, with their times, ascending. */
export async function generationsOf(
  storage: Storage,
  folder: string,
): Promise<{ generation: number; renewedAt: number }[]> {
  const found: { generation: number; renewedAt: number }[] = [];
  for await (const { key, modifiedAt } of storage.list(`${folder}/`)) {
    const digits = /^(\d{12})\.json$/.exec(key.slice(folder.length + 1))?.[1];
    if (digits !== undefined) found.push({ generation: Number(digits), renewedAt: modifiedAt });
  }
  return found;
}

/** Who holds a lock, expired or not; undefined when nobody does. */
export async function readLock(storage: Storage, folder: string): Promise<HeldLock | undefined> {
  const newest = (await generationsOf(storage, folder)).at(-1);
  if (newest === undefined) return undefined;
  const record = await readRecord(storage, generationKey(folder, newest.generation));
  return record && { ...newest, record };
}

/** Whose an object of a lock is; undefined when it is not there. */
export async function readRecord(storage: Storage, key: string): Promise<LockRecord | undefined> {
  try {
    return parse(await readAll(storage.get(key), MAX_BYTES));
  } catch (error) {
    if (error instanceof ObjectMissingError) return undefined;
    throw error;
  }
}

/** One that cannot be read is somebody's all the same. */
function parse(bytes: Uint8Array): LockRecord {
  const unknown: LockRecord = {
    owner: "",
    host: "an unknown host",
    user: "somebody",
    pid: 0,
    startedAt: "an unknown time",
    expirySeconds: 600,
  };
  try {
    const given = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const isSame = ([key, value]: [string, unknown]) =>
      key in unknown && typeof value === typeof unknown[key as keyof LockRecord];
    return { ...unknown, ...Object.fromEntries(Object.entries(given).filter(isSame)) };
  } catch {
    return unknown;
  }
}

/** A user of a container may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${Deno.uid() ?? "unknown"}`;
  }
}
