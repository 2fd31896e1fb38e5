import { createHash } from "node:crypto";
import { decompress } from "../../archive/compression.ts";
import { type Compression, compressionOfKey } from "../../archive/layout.ts";
import type { DefinitionsEntry, Manifest } from "../../archive/manifest.ts";
import { AppError, messageOf } from "../../errors.ts";
import { bytesOf, ObjectMissingError, readAll, type Storage } from "../../storage/storage.ts";
import { loadManifest } from "./list.ts";

/** Most bytes of definitions that are read, packed or unpacked. */
export const MAX_DEFINITIONS_BYTES = 256 * 1024 * 1024;

/** The first bytes of a zstd frame (RFC 8878, section 3.1.1). */
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/**
 * The definitions that a backup holds, as text, found to be what was stored.
 *
 * @throws {AppError} as `loadManifest`; `failed` when the backup holds none; `damaged`
 */
export async function readBackupDefinitions(storage: Storage, backupId: string): Promise<string> {
  return await readDefinitions(storage, await loadManifest(storage, backupId));
}

/** The same where the manifest is known. */
export async function readDefinitions(storage: Storage, manifest: Manifest): Promise<string> {
  const cannot = `Cannot read the definitions of backup "${manifest.backup_id}"`;
  const { definitions } = manifest;
  if (definitions === null) throw noDefinitions(cannot, manifest);
  try {
    const stored = await readAll(storage.get(definitions.key), MAX_DEFINITIONS_BYTES);
    checkStored(stored, { manifest, definitions });
    const unpacked = await unpack(stored, {
      compression: compressionOfKey(definitions.key),
      formatVersion: manifest.format_version,
    });
    checkUnpacked(unpacked, { manifest, definitions });
    return textOf(unpacked);
  } catch (error) {
    if (error instanceof AppError && error.code !== "damaged") throw error;
    const problem = error instanceof ObjectMissingError ? "it is missing" : messageOf(error);
    throw new AppError("damaged", `${cannot}: ${definitions.key}: ${problem}`, {
      hint: "bring it back from a copy of the backup, or name another backup; list shows them",
      cause: error,
    });
  }
}

/**
 * The text of a definitions file, which may be the one of a backup's folder, packed with zstd.
 *
 * @param name for messages
 * @throws {AppError} `damaged` when it cannot be unpacked or is no UTF-8
 */
export async function definitionsTextOf(bytes: Uint8Array, name: string): Promise<string> {
  const isZstd = ZSTD_MAGIC.every((byte, index) => bytes[index] === byte);
  try {
    return textOf(isZstd ? await unpack(bytes, { compression: "zstd" }) : bytes);
  } catch (error) {
    throw new AppError("damaged", `Cannot read ${name}: ${messageOf(error)}`, {
      hint: "give a file of definitions, as JSON or packed with zstd; for the definitions of a " +
        "backup use --backup-id ID --path STORAGE instead",
      cause: error,
    });
  }
}

function noDefinitions(cannot: string, { warnings }: Manifest): AppError {
  const reason = warnings.find((warning) => /definitions/.test(warning));
  return new AppError(
    "failed",
    `${cannot}: it holds none${reason === undefined ? "" : ` (${reason})`}`,
    { hint: "name another backup, or take a file from the broker with definitions-export" },
  );
}

interface Expected {
  readonly manifest: Manifest;
  readonly definitions: DefinitionsEntry;
}

/** Version 1 has no checksum of them. */
function checkStored(stored: Uint8Array, { manifest, definitions }: Expected): void {
  if (manifest.format_version === 1) return;
  const checksum = createHash("sha256").update(stored).digest("hex");
  if (checksum !== definitions.checksum) throw new Error("its SHA-256 is not the manifest's");
}

/** Version 1 has their size before compression instead. */
function checkUnpacked(unpacked: Uint8Array, { manifest, definitions }: Expected): void {
  const { length } = unpacked;
  if (manifest.format_version !== 1 || length === definitions.size_bytes) return;
  throw new Error(`it unpacks to ${length} bytes, the manifest says ${definitions.size_bytes}`);
}

/** The text of stored definitions; throws what is wrong with them. */
export async function unpackDefinitions(
  stored: Uint8Array,
  compression: Compression,
): Promise<string> {
  return textOf(await unpack(stored, { compression }));
}

async function unpack(
  packed: Uint8Array,
  options: { compression: Compression; formatVersion?: 1 | 2 },
): Promise<Uint8Array> {
  const pieces = decompress(bytesOf(packed), { ...options, maxBytes: MAX_DEFINITIONS_BYTES });
  return await readAll(pieces, MAX_DEFINITIONS_BYTES);
}

/** Characters put in place of broken ones would change names. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error("it is no UTF-8 text", { cause: error });
  }
}
