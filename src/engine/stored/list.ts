import PQueue from "p-queue";
import { manifestKey, markerKey } from "../../archive/layout.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { headOf, type ManifestHead, parseManifestHead } from "../../archive/manifest_head.ts";
import { MAX_MANIFEST_BYTES, parseManifest } from "../../archive/manifest_io.ts";
import { nearest } from "../../config/nearest.ts";
import { AppError } from "../../errors.ts";
import { ObjectMissingError, readAll, type Storage } from "../../storage/storage.ts";
import { queuesAre } from "../names.ts";

/** Backups looked at at the same time: each is a small request, or a few. */
const CONCURRENCY = 32;
/** Manifests read whole at the same time; each may be large. */
const WHOLE_CONCURRENCY = 4;
/** What is read of each manifest at first: most are shorter, and of the others it tells enough. */
const HEAD_BYTES = 32 * 1024;
const MAX_MARKER_BYTES = 64 * 1024;

/** `unfinished`: begun, and no manifest yet; `damaged`: a manifest that cannot be read. */
export type BackupState = "complete" | "partial" | "unfinished" | "damaged";

/** One backup, as `list` shows it; numbers are null where no manifest tells them. */
export interface BackupListing {
  readonly backupId: string;
  readonly state: BackupState;
  /** Epoch milliseconds. */
  readonly createdAt: number | null;
  readonly completedAt: number | null;
  readonly queues: number | null;
  readonly messages: number | null;
  /** Bytes of all stored segments. */
  readonly sizeBytes: number | null;
  readonly formatVersion: 1 | 2 | null;
  /** Backups that streams of it stand on. */
  readonly bases: readonly string[];
  /** What a person should know: what is missing, or what is wrong. */
  readonly notes: readonly string[];
}

/** Which backups {@linkcode listBackups} gives; all that is given must hold. */
export interface ListFilter {
  /** Nothing is read of backups whose ids it does not take. */
  readonly isWanted?: (backupId: string) => boolean;
  /** Of these alone; none means all. */
  readonly states?: readonly BackupState[];
  /** Begun from then on, and up to then, epoch milliseconds; what has no time is left out. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/**
 * The backups of a store, the oldest first; folders that hold something else are passed over. Takes one
 * listing, and one small read of each manifest: damage behind its head is found by `validate`.
 */
export async function listBackups(
  storage: Storage,
  filter: ListFilter = {},
): Promise<BackupListing[]> {
  const { isWanted = () => true } = filter;
  const looking = new PQueue({ concurrency: CONCURRENCY });
  const reader = new ManifestReader(storage);
  const listings: Promise<BackupListing | undefined>[] = [];
  for await (const folder of storage.listFolders("")) {
    if (!isWanted(folder)) continue;
    await looking.onSizeLessThan(CONCURRENCY);
    listings.push(looking.add(() => describe(reader, folder)));
  }
  const found = (await Promise.all(listings)).filter((listing) => listing !== undefined);
  return found.filter((listing) => passes(listing, filter)).sort((a, b) =>
    (a.createdAt ?? 0) - (b.createdAt ?? 0) || (a.backupId < b.backupId ? -1 : 1)
  );
}

function passes({ state, createdAt }: BackupListing, filter: ListFilter): boolean {
  const { states = [], since, until } = filter;
  if (states.length > 0 && !states.includes(state)) return false;
  if (since === undefined && until === undefined) return true;
  return createdAt !== null && createdAt >= (since ?? -Infinity) &&
    createdAt <= (until ?? Infinity);
}

/**
 * Reads the manifest of a finished backup; its keys are checked against the names in it.
 *
 * @throws {AppError} `backup_not_found` when there is none, with the nearest id as a hint;
 *   `damaged` when it cannot be read.
 */
export async function loadManifest(storage: Storage, backupId: string): Promise<Manifest> {
  const key = manifestKey(backupId);
  return parseManifest(await readManifest(storage, backupId), { key });
}

/** The bytes of a manifest; throws as {@linkcode loadManifest}. */
export async function readManifest(storage: Storage, backupId: string): Promise<Uint8Array> {
  const key = manifestKey(backupId);
  try {
    return await readAll(storage.get(key), MAX_MANIFEST_BYTES);
  } catch (error) {
    if (error instanceof ObjectMissingError) throw await notFound(storage, backupId);
    if (!(error instanceof RangeError)) throw error;
    throw new AppError("damaged", `Cannot read manifest ${JSON.stringify(key)}: it is too large`, {
      cause: error,
    });
  }
}

/**
 * Throws `refused` when a backup is finished, `backup_not_found` when there is nothing of it.
 */
export async function assertUnfinished(storage: Storage, backupId: string): Promise<void> {
  if (await storage.stat(manifestKey(backupId)) !== undefined) {
    throw new AppError(
      "refused",
      `Cannot finish backup ${JSON.stringify(backupId)}: it is finished`,
      {
        hint: "describe shows what is in it",
      },
    );
  }
  if (await unfinished(storage, backupId) === undefined) throw await notFound(storage, backupId);
}

async function notFound(storage: Storage, backupId: string): Promise<AppError> {
  const cannot = `Cannot open backup ${JSON.stringify(backupId)} in ${storage.location}`;
  if (await storage.stat(markerKey(backupId)) !== undefined) {
    return new AppError("backup_not_found", `${cannot}: it is unfinished`, {
      hint: "Run the same backup command again: it goes on where it stopped. Is its source gone? " +
        `finish --backup-id ${backupId} makes what was read of it a backup`,
    });
  }
  const ids: string[] = [];
  for await (const folder of storage.listFolders("")) ids.push(folder);
  const close = nearest(backupId, ids);
  return new AppError("backup_not_found", `${cannot}: there is no such backup`, {
    hint: close === undefined
      ? "`rabbitmq-backup list` shows what is there"
      : `Did you mean ${JSON.stringify(close)}?`,
  });
}

/** Reads of manifests what a listing tells. */
class ManifestReader {
  readonly storage: Storage;
  readonly #whole = new PQueue({ concurrency: WHOLE_CONCURRENCY });

  constructor(storage: Storage) {
    this.storage = storage;
  }

  /** Throws as {@linkcode loadManifest}, but `ObjectMissingError` where there is none. */
  async read(backupId: string): Promise<ManifestHead> {
    const key = manifestKey(backupId);
    const range = { length: HEAD_BYTES, orLess: true };
    const bytes = await readAll(this.storage.get(key, range), HEAD_BYTES);
    if (bytes.length < HEAD_BYTES) return headOf(parseManifest(bytes, { key }));
    const head = parseManifestHead(bytes);
    if (head?.backup_id === backupId) return head;
    return await this.#whole.add(async () => headOf(await loadManifest(this.storage, backupId)));
  }
}

async function describe(
  reader: ManifestReader,
  folder: string,
): Promise<BackupListing | undefined> {
  try {
    return listingOf(await reader.read(folder));
  } catch (error) {
    if (error instanceof ObjectMissingError) return await unfinished(reader.storage, folder);
    if (!(error instanceof AppError)) throw error;
    // A name that no backup can have.
    if (error.code === "usage") return undefined;
    if (error.code !== "damaged") throw error;
    return { ...unknown(folder), state: "damaged", notes: [error.message] };
  }
}

function listingOf(head: ManifestHead): BackupListing {
  const { skipped_count: missing, partial_count: inPart } = head;
  return {
    backupId: head.backup_id,
    state: head.state,
    createdAt: head.created_at,
    completedAt: head.completed_at,
    queues: head.queue_count,
    messages: head.total_messages,
    sizeBytes: head.total_bytes,
    formatVersion: head.format_version,
    bases: head.bases,
    notes: [
      ...missing > 0 ? [`${queuesAre(missing)} not in it`] : [],
      ...inPart > 0 ? [`${queuesAre(inPart)} in it only in part`] : [],
      ...head.warnings,
    ],
  };
}

async function unfinished(
  storage: Storage,
  backupId: string,
): Promise<BackupListing | undefined> {
  const marker = await storage.stat(markerKey(backupId));
  if (marker === undefined) {
    for await (const folder of storage.listFolders(backupId)) {
      if (folder !== "queues" && folder !== "definitions") continue;
      const note = "it has no manifest: it was interrupted, or the manifest was removed";
      return { ...unknown(backupId), state: "unfinished", notes: [note] };
    }
    return undefined;
  }
  const { startedAt, host } = await readMarker(storage, backupId);
  return {
    ...unknown(backupId),
    state: "unfinished",
    createdAt: startedAt ?? marker.modifiedAt,
    notes: host === undefined ? [] : [`begun on ${host}`],
  };
}

/** What the marker tells; one that is gone or unreadable tells nothing. */
async function readMarker(
  storage: Storage,
  backupId: string,
): Promise<{ startedAt?: number; host?: string }> {
  try {
    const bytes = await readAll(storage.get(markerKey(backupId)), MAX_MARKER_BYTES);
    const marker = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    const startedAt = Date.parse(String(marker?.["startedAt"]));
    const host = marker?.["host"];
    return {
      ...(Number.isNaN(startedAt) ? {} : { startedAt }),
      ...(typeof host === "string" ? { host } : {}),
    };
  } catch (error) {
    if (error instanceof AppError) throw error;
    return {};
  }
}

function unknown(backupId: string): Omit<BackupListing, "state" | "notes"> {
  return {
    backupId,
    createdAt: null,
    completedAt: null,
    queues: null,
    messages: null,
    sizeBytes: null,
    formatVersion: null,
    bases: [],
  };
}
