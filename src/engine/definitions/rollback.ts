import { basename } from "node:path";
import { compress, decompress } from "../../archive/compression.ts";
import {
  type Compression,
  compressionOfKey,
  definitionsFolder,
  rollbackName,
  rollbackTime,
} from "../../archive/layout.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { AppError, messageOf } from "../../errors.ts";
import { FilesystemStorage } from "../../storage/filesystem.ts";
import { bytesOf, ObjectExistsError, readAll, type Storage } from "../../storage/storage.ts";
import { definitionsTextOf, MAX_DEFINITIONS_BYTES } from "../stored/definitions.ts";

/** Where snapshots lie that were taken before imports. */
export interface RollbackPlace {
  readonly storage: Storage;
  /** Beginning of their keys: empty, or a folder with a slash at its end. */
  readonly prefix: string;
  readonly compression: Compression | "json";
  readonly formatVersion: 1 | 2;
}

/** A snapshot of what a broker had before an import. */
export interface Snapshot {
  readonly key: string;
  /** In epoch milliseconds. */
  readonly takenAt: number;
}

/** How often a name is tried that another import took in the same millisecond. */
const TRIES = 10;

/** Beside the definitions of a backup, packed as they are. */
export function placeInBackup(storage: Storage, manifest: Manifest): RollbackPlace {
  return {
    storage,
    prefix: `${definitionsFolder(manifest.backup_id)}/`,
    compression: compressionOfKey(manifest.definitions?.key ?? ""),
    formatVersion: manifest.format_version,
  };
}

/** In a local folder, as JSON that only the user can read. */
export function placeInFolder(folder: string): RollbackPlace {
  return {
    storage: new FilesystemStorage(folder),
    prefix: "",
    compression: "json",
    formatVersion: 2,
  };
}

/** Keeps what a broker has; it is there as a whole when this returns. */
export async function keepSnapshot(place: RollbackPlace, text: string): Promise<Snapshot> {
  const { storage, prefix, compression, formatVersion } = place;
  const codec: Compression = compression === "json" ? "none" : compression;
  let takenAt = Date.now();
  for (let tries = 1;; tries++, takenAt++) {
    const key = prefix + rollbackName(takenAt, compression);
    try {
      const packed = compress(bytesOf(text), { compression: codec, formatVersion });
      await storage.put(key, packed, { ifAbsent: true });
      return { key, takenAt };
    } catch (error) {
      if (!(error instanceof ObjectExistsError) || tries >= TRIES) throw error;
    }
  }
}

/** The snapshots in a place, the newest last; none where there is no such place. */
export async function listSnapshots({ storage, prefix }: RollbackPlace): Promise<Snapshot[]> {
  const found: Snapshot[] = [];
  try {
    for await (const { key } of storage.list(`${prefix}rollback-before-import-`)) {
      const takenAt = rollbackTime(key.slice(prefix.length));
      if (takenAt !== undefined) found.push({ key, takenAt });
    }
  } catch (error) {
    // A folder that nothing was kept in does not exist.
    if (prefix !== "" || !(error instanceof AppError) || error.code !== "storage_missing") {
      throw error;
    }
  }
  return found.sort((one, other) => one.takenAt - other.takenAt);
}

/** The definitions of a snapshot. */
export async function readSnapshot(place: RollbackPlace, { key }: Snapshot): Promise<string> {
  const name = `${key} in ${place.storage.location}`;
  const stored = await readAll(place.storage.get(key), MAX_DEFINITIONS_BYTES);
  if (compressionOfKey(key) !== "lz4") return await definitionsTextOf(stored, name);
  try {
    const pieces = decompress(bytesOf(stored), {
      compression: "lz4",
      formatVersion: place.formatVersion,
      maxBytes: MAX_DEFINITIONS_BYTES,
    });
    return await definitionsTextOf(await readAll(pieces, MAX_DEFINITIONS_BYTES), name);
  } catch (error) {
    if (error instanceof AppError && error.code !== "damaged") throw error;
    throw new AppError("damaged", `Cannot read ${name}: ${messageOf(error)}`, { cause: error });
  }
}

/** The snapshot that was taken at a time, or the newest. */
export async function findSnapshot(place: RollbackPlace, takenAt?: number): Promise<Snapshot> {
  const all = await listSnapshots(place);
  const found = takenAt === undefined ? all.at(-1) : all.find((one) => one.takenAt === takenAt);
  if (found !== undefined) return found;
  const where = place.prefix === ""
    ? place.storage.location
    : `${place.prefix.slice(0, -1)} in ${place.storage.location}`;
  const which = takenAt === undefined ? "no snapshot" : `no snapshot ${takenAt}`;
  const known = all.slice(-5).map((one) => basename(one.key)).join(", ");
  throw new AppError("backup_not_found", `Cannot roll back: there is ${which} in ${where}`, {
    hint: known === ""
      ? "an import of definitions keeps one; name its place: --rollback-dir, or --path and " +
        "--backup-id, or the file with --input"
      : `there are ${known}`,
  });
}
