import PQueue from "p-queue";
import { manifestKey, markerKey } from "../../archive/layout.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { MAX_MANIFEST_BYTES, parseManifest } from "../../archive/manifest_io.ts";
import { nearest } from "../../config/nearest.ts";
import { AppError } from "../../errors.ts";
import { ObjectMissingError, readAll, type Storage } from "../../storage/storage.ts";
import { queuesAre } from "../names.ts";

/** Manifests read at the same time; each may be large. */
const CONCURRENCY = 4;
const MAX_MARKER_BYTES = 64 * 1024;

/** One backup, as `list` shows it; numbers are null where no manifest tells them. */
export interface BackupListing {
  readonly backupId: string;
  /** `unfinished`: begun, and no manifest yet; `damaged`: a manifest that cannot be read. */
  readonly state: "complete" | "partial" | "unfinished" | "damaged";
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

/** All backups of a store, the oldest first; folders that hold something else are passed over. */
export async function listBackups(storage: Storage): Promise<BackupListing[]> {
  const reading = new PQueue({ concurrency: CONCURRENCY });
  const listings: Promise<BackupListing | undefined>[] = [];
  for await (const folder of storage.listFolders("")) {
    await reading.onSizeLessThan(CONCURRENCY);
    listings.push(reading.add(() => describe(storage, folder)));
  }
  const found = (await Promise.all(listings)).filter((listing) => listing !== undefined);
  return found.sort((a, b) =>
    (a.createdAt ?? 0) - (b.createdAt ?? 0) || (a.backupId < b.backupId ? -1 : 1)
  );
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

async function describe(storage: Storage, folder: string): Promise<BackupListing | undefined> {
  try {
    return ofManifest(await loadManifest(storage, folder));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // A name that no backup can have.
    if (error.code === "usage") return undefined;
    if (error.code === "backup_not_found") return await unfinished(storage, folder);
    if (error.code !== "damaged") throw error;
    return { ...unknown(folder), state: "damaged", notes: [error.message] };
  }
}

function ofManifest(manifest: Manifest): BackupListing {
  const missing = manifest.skipped.length;
  const inPart = manifest.queues.filter(({ partial }) => partial !== undefined).length;
  return {
    backupId: manifest.backup_id,
    state: manifest.state,
    createdAt: manifest.created_at,
    completedAt: manifest.completed_at,
    queues: manifest.queues.length,
    messages: manifest.total_messages,
    sizeBytes: manifest.total_bytes,
    formatVersion: manifest.format_version,
    bases: [...new Set(manifest.queues.flatMap(({ stream }) => stream?.base?.backup_id ?? []))],
    notes: [
      ...missing > 0 ? [`${queuesAre(missing)} not in it`] : [],
      ...inPart > 0 ? [`${queuesAre(inPart)} in it only in part`] : [],
      ...manifest.warnings,
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
