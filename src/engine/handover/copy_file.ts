import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat, truncate } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../errors.ts";
import { ObjectMissingError, type Storage } from "../../storage/storage.ts";

/** Behind the pages of the database, which SQLite passes over: that a copy came whole. */
const MARK = "\nrabbitmq-backup sha256 ";
const TRAILER_BYTES = MARK.length + 64 + 1;

/** Stores a checkpoint file, with its SHA-256 behind it. */
export async function storeCopy(
  storage: Storage,
  { key, path, signal }: { key: string; path: string; signal: AbortSignal },
): Promise<void> {
  await storage.put(key, withDigest(path), { isTransient: true, signal });
}

/**
 * Fetches a stored checkpoint file; false when there is none.
 *
 * @throws AppError `damaged` when it is not what was stored
 */
export async function fetchCopy(
  storage: Storage,
  { key, path, signal }: { key: string; path: string; signal: AbortSignal },
): Promise<boolean> {
  try {
    const target = createWriteStream(path, { mode: 0o600 });
    await pipeline(Readable.from(storage.get(key, { signal })), target, { signal });
  } catch (error) {
    if (error instanceof ObjectMissingError) return false;
    throw error;
  }
  const length = (await stat(path)).size - TRAILER_BYTES;
  const hash = createHash("sha256");
  let trailer = "";
  if (length > 0) {
    await hashFile(path, { hash, end: length - 1 });
    for await (const piece of createReadStream(path, { start: length })) trailer += piece;
  }
  if (trailer !== trailerOf(hash)) {
    throw new AppError("damaged", `Cannot read "${key}" in ${storage.location}: it is damaged`);
  }
  await truncate(path, length);
  return true;
}

async function* withDigest(path: string): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) {
    hash.update(piece);
    yield piece;
  }
  yield new TextEncoder().encode(trailerOf(hash));
}

async function hashFile(
  path: string,
  { hash, end }: { hash: Hash; end: number },
): Promise<void> {
  for await (const piece of createReadStream(path, { end })) hash.update(piece);
}

function trailerOf(hash: Hash): string {
  return `${MARK}${hash.digest("hex")}\n`;
}
