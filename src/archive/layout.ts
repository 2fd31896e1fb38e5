import { createHash } from "node:crypto";
import { AppError } from "../errors.ts";

/** Names of the codecs, as in `backup.compression` and the manifest. */
export type Compression = "zstd" | "lz4" | "none";

const EXTENSIONS: Record<Compression, string> = { zstd: ".zst", lz4: ".lz4", none: "" };
const PLAIN = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const HASHED = /-[a-z2-7]{32}$/;
/** Names that Windows gives to devices, with or without an extension. */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
const BACKUP_ID = /^[A-Za-z0-9_][A-Za-z0-9._@=+,-]{0,127}$/;
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** File name extension of a codec: `.zst`, `.lz4` or none. */
export function extensionOf(compression: Compression): string {
  return EXTENSIONS[compression];
}

/**
 * @throws {AppError} `usage` when the id is not 1 to 128 of `A-Za-z0-9._@=+,-`, does not begin
 * with a letter, digit or `_`, ends in a dot, or is a device name.
 */
function checkId(id: string): void {
  if (BACKUP_ID.test(id) && !id.endsWith(".") && !DEVICE.test(id)) return;
  throw new AppError("usage", `Cannot use backup id ${JSON.stringify(id)}: it is no file name`, {
    hint: "Use letters, digits and . _ - @ = + , (at most 128, no dot at the end)",
  });
}

/** Key of the manifest of a backup. */
export function manifestKey(id: string): string {
  checkId(id);
  return `${id}/manifest.json`;
}

/** Key of the marker that stands as long as a backup has no manifest. */
export function markerKey(id: string): string {
  checkId(id);
  return `${id}/unfinished.json`;
}

/** Folder of what runs keep while they work, without a slash at the end; no part of the backup. */
export function runsFolder(id: string): string {
  checkId(id);
  return `${id}/runs`;
}

/** Key of the definitions stored with a backup. */
export function definitionsKey(id: string, compression: Compression): string {
  checkId(id);
  return `${id}/definitions/definitions.json${EXTENSIONS[compression]}`;
}

const ROLLBACK = /^rollback-before-import-(\d{1,16})(?:\.zst|\.lz4|\.json)?$/;

/** Folder of what belongs to definitions, without a slash at the end. */
export function definitionsFolder(id: string): string {
  checkId(id);
  return `${id}/definitions`;
}

/**
 * Name of a snapshot that was taken of a broker before an import, at a time in epoch milliseconds.
 * `json`: uncompressed, and with the extension that a file on its own has.
 */
export function rollbackName(epochMs: number, compression: Compression | "json"): string {
  const extension = compression === "json" ? ".json" : EXTENSIONS[compression];
  return `rollback-before-import-${epochMs}${extension}`;
}

/** Name of the marker that stands beside a snapshot until the import behind it has come to its end. */
export function begunImportName(epochMs: number): string {
  return `rollback-before-import-${epochMs}.begun`;
}

/** When the snapshot with this name was taken, in epoch milliseconds; undefined for other names. */
export function rollbackTime(name: string): number | undefined {
  const digits = ROLLBACK.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Folder of a queue's segments, without a slash at the end. It follows from the names alone, is
 * ASCII, and no two queues share one, not even where case is ignored (FORMAT.md, "Keys").
 */
export function queueFolder(id: string, vhost: string, queue: string): string {
  checkId(id);
  return `${id}/queues/${vhostComponent(vhost)}/${queueComponent(vhost, queue)}`;
}

/** Key of a segment; `sequence` counts from 1. */
export function segmentKey(
  id: string,
  vhost: string,
  queue: string,
  sequence: number,
  compression: Compression,
): string {
  return `${queueFolder(id, vhost, queue)}/${segmentName(sequence, compression)}`;
}

/**
 * Folder of a queue's segments in format version 1, where names stand as they are.
 *
 * @throws {AppError} `refused` when a name cannot be kept safely that way.
 */
export function queueFolderV1(id: string, vhost: string, queue: string): string {
  checkId(id);
  checkNameV1(vhost, queue);
  return `${id}/queues/${vhost === "/" ? "_default" : vhost}/${queue}`;
}

/** Throws as {@linkcode queueFolderV1}, for a plan that needs no folder. */
export function checkNameV1(vhost: string, queue: string): void {
  if (vhost === "_default" || (vhost !== "/" && !safeInV1(vhost)) || !safeInV1(queue)) {
    throw new AppError(
      "refused",
      `Cannot store queue ${JSON.stringify(queue)} of vhost ${JSON.stringify(vhost)} in format ` +
        "rbak-v1: it uses names as folders, and this one is no safe folder name",
      { hint: "Leave out `backup.format: rbak-v1`, or exclude the queue" },
    );
  }
}

/** Key of a segment in format version 1; throws as {@linkcode queueFolderV1}. */
export function segmentKeyV1(
  id: string,
  vhost: string,
  queue: string,
  sequence: number,
  compression: Compression,
): string {
  return `${queueFolderV1(id, vhost, queue)}/${segmentName(sequence, compression)}`;
}

/**
 * Holds a key that a manifest names against the one that follows from the names. Version 2: they are
 * equal. Version 1: equal by that version's rule, and without a component that leads elsewhere.
 * Returns the codec that the key's extension names.
 *
 * @throws {AppError} `damaged` when the key is another.
 */
export function checkKey(
  entryKey: string,
  id: string,
  vhost: string,
  queue: string,
  sequence: number,
  formatVersion: 1 | 2,
): Compression {
  const compression = compressionOfKey(entryKey);
  let expected: string;
  if (formatVersion === 2) {
    expected = segmentKey(id, vhost, queue, sequence, compression);
  } else {
    const folder = `${id}/queues/${vhost === "/" ? "_default" : vhost}/${queue}`;
    expected = `${folder}/${segmentName(sequence, compression)}`;
    checkKeyIsInside(entryKey);
  }
  if (entryKey !== expected) {
    throw new AppError(
      "damaged",
      `Cannot read backup ${JSON.stringify(id)}: its manifest names segment ` +
        `${JSON.stringify(entryKey)}, and ${JSON.stringify(expected)} belongs there`,
    );
  }
  return compression;
}

/** The codec that a key's extension names. */
export function compressionOfKey(key: string): Compression {
  if (key.endsWith(EXTENSIONS.zstd)) return "zstd";
  return key.endsWith(EXTENSIONS.lz4) ? "lz4" : "none";
}

/** Whether a name serves as path component as it is. */
function isPlain(name: string): boolean {
  return PLAIN.test(name) && !name.endsWith(".") && !DEVICE.test(name) && !HASHED.test(name);
}

function vhostComponent(vhost: string): string {
  if (vhost === "/") return "_default";
  return isPlain(vhost) ? vhost : hashedComponent(vhost, vhost);
}

function queueComponent(vhost: string, queue: string): string {
  return isPlain(queue) ? queue : hashedComponent(queue, `${vhost}\0${queue}`);
}

function hashedComponent(name: string, hashed: string): string {
  if (!hashed.isWellFormed()) {
    // Two such names could have the same bytes in UTF-8, and so the same folder.
    throw new AppError("refused", `Cannot store ${JSON.stringify(name)}: it is no valid Unicode`);
  }
  const readable = name
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[^a-z0-9_-]+/g, "_")
    .slice(0, 40)
    .replace(/^(-|$)/, "_");
  return `${readable}-${base32(createHash("sha256").update(hashed, "utf8").digest())}`;
}

/** RFC 4648 base32 in lower case of the first 20 bytes, so without padding: 32 characters. */
function base32(digest: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of digest.subarray(0, 20)) {
    value = (value << 8 | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[value >>> bits & 31];
    }
  }
  return text;
}

function segmentName(sequence: number, compression: Compression): string {
  return `segment-${String(sequence).padStart(4, "0")}${EXTENSIONS[compression]}`;
}

function safeInV1(name: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[^\x00-\x1f\x7f-\uffff/\\:*?"<>|]{1,200}$/.test(name) &&
    !/^[. ]|[. ]$/.test(name) && !DEVICE.test(name);
}

function checkKeyIsInside(key: string): void {
  // deno-lint-ignore no-control-regex
  const bad = /[\\\x00-\x1f\x7f]/.test(key) ||
    key.split("/").some((component) => ["", ".", ".."].includes(component));
  if (!bad) return;
  throw new AppError(
    "damaged",
    `Cannot read backup: its manifest names ${JSON.stringify(key)}, which leads outside of it`,
  );
}
