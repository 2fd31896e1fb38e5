import { createHash } from "node:crypto";
import { begunImportName } from "../../archive/layout.ts";
import { AppError } from "../../errors.ts";
import { bytesOf, readAll } from "../../storage/storage.ts";
import { keepSnapshot, listSnapshots, type RollbackPlace, type Snapshot } from "./rollback.ts";

const MAX_MARKER_BYTES = 64 * 1024;
/** An import that began longer ago is not tried again but another, milliseconds. */
const RETRIED_MS = 24 * 3_600_000;

/** What an import is known by when it is tried again. */
interface BegunImport {
  /** URL of the broker's management API. */
  readonly target: string;
  /** SHA-256, hex, of what is imported. */
  readonly content: string;
}

/** The snapshot to roll an import back to. */
export interface KeptSnapshot {
  readonly snapshot: Snapshot;
  /** It is of before an earlier try, which did not come to its end. */
  readonly isRetry: boolean;
}

/**
 * Keeps what a broker has before an import, and notes that the import has begun. When it is tried again
 * after it broke off, the broker has a part of it already: then the snapshot of the first try is the one
 * to go back to, and no other is made.
 */
export async function keepBeforeImport(
  place: RollbackPlace,
  { text, target, content, now = Date.now() }: {
    /** What the broker has. */
    text: string;
    target: string;
    /** What is imported. */
    content: readonly (string | null)[];
    /** Epoch milliseconds. */
    now?: number;
  },
): Promise<KeptSnapshot> {
  const { storage, prefix } = place;
  const hash = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  const begun = await begunImports(place, target);
  const first = begun.find((one) =>
    one.content === hash && now - one.snapshot.takenAt <= RETRIED_MS
  );
  if (first !== undefined) return { snapshot: first.snapshot, isRetry: true };
  const snapshot = await keepSnapshot(place, text);
  const marker: BegunImport = { target, content: hash };
  await storage.put(markerOf(prefix, snapshot), bytesOf(JSON.stringify(marker)));
  // Another import changes what they began to change: the way back of their next try is another.
  await storage.delete(begun.map((one) => markerOf(prefix, one.snapshot)));
  return { snapshot, isRetry: false };
}

/** Notes that an import has come to its end. */
export async function endImport(
  { storage, prefix }: RollbackPlace,
  snapshot: Snapshot,
): Promise<void> {
  await storage.delete([markerOf(prefix, snapshot)]);
}

/** Imports into a broker that did not come to their ends, with the snapshots that are there still. */
async function begunImports(
  place: RollbackPlace,
  target: string,
): Promise<(BegunImport & { snapshot: Snapshot })[]> {
  const { storage, prefix } = place;
  const found: (BegunImport & { snapshot: Snapshot })[] = [];
  for (const snapshot of await listSnapshots(place)) {
    const key = markerOf(prefix, snapshot);
    if (await storage.stat(key) === undefined) continue;
    try {
      const text = new TextDecoder().decode(await readAll(storage.get(key), MAX_MARKER_BYTES));
      const marker = JSON.parse(text) as BegunImport;
      if (marker.target === target) found.push({ ...marker, snapshot });
    } catch (error) {
      // One that cannot be read tells nothing.
      if (error instanceof AppError && error.code !== "damaged") throw error;
    }
  }
  return found;
}

function markerOf(prefix: string, { takenAt }: Snapshot): string {
  return prefix + begunImportName(takenAt);
}
