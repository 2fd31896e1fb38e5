/** Backups that a new one of the same streams can stand on, or begin behind. */
import PQueue from "p-queue";
import type { ChunkMark, Manifest, StreamBaseEntry } from "../../archive/manifest.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { queueKey } from "../queue_key.ts";
import { type Chain, chainsOf, type HashedManifest, loadHashed } from "../stored/chain.ts";

/** Manifests read at the same time; each may be large. */
const CONCURRENCY = 4;

/** Where the newest backup of a stream ends. */
export interface StreamBase {
  readonly entry: StreamBaseEntry;
  /** Its last chunk. */
  readonly lastChunk: ChunkMark;
  /** It was declared with these. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Names of consumers that had stored offsets. */
  readonly consumers: readonly string[];
  /** Why nothing may stand on it. */
  readonly problem: string | undefined;
}

/** What is asked for. */
export interface BasesOptions {
  /** The source: offsets of another one mean nothing here. */
  readonly cluster: string;
  /** The backup that is being taken. */
  readonly backupId: string;
  /** The one to take, in place of the newest of each stream. */
  readonly named: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * The bases of all streams that a storage has backups of, by `queueKey`. It may be a partial backup, as
 * far as it has the stream.
 *
 * @throws {AppError} of a named one `backup_not_found`, `damaged`, and `refused` when it is of another
 * source
 */
export async function findBases(
  storage: Storage,
  options: BasesOptions,
): Promise<Map<string, StreamBase>> {
  const { cluster, named } = options;
  if (named === undefined) return await newestBases(storage, options);
  const found = await loadHashed(storage, named);
  const { source_cluster } = found.manifest;
  if (source_cluster !== cluster) {
    throw new AppError(
      "refused",
      `Cannot back up what is new since "${named}": that is of source "${source_cluster}", and ` +
        `this is "${cluster}"`,
      { hint: "name a backup of this source with --base, or leave it out: the newest is taken" },
    );
  }
  return await basesIn(storage, { found, keys: new Set(candidates(found.manifest)) });
}

async function newestBases(
  storage: Storage,
  options: BasesOptions,
): Promise<Map<string, StreamBase>> {
  const newest = new Map<string, { backupId: string; createdAt: number }>();
  const reading = new PQueue({ concurrency: CONCURRENCY });
  let failure: unknown;
  for await (const backupId of backupFolders(storage)) {
    options.signal.throwIfAborted();
    if (backupId === options.backupId) continue;
    await reading.onSizeLessThan(CONCURRENCY);
    reading.add(async () => {
      const manifest = (await loadIfThere(storage, backupId))?.manifest;
      if (manifest?.source_cluster !== options.cluster) return;
      const createdAt = manifest.created_at;
      for (const key of candidates(manifest)) {
        if ((newest.get(key)?.createdAt ?? -Infinity) < createdAt) {
          newest.set(key, { backupId, createdAt });
        }
      }
    }).catch((error) => failure ??= error);
  }
  await reading.onIdle();
  if (failure !== undefined) throw failure;
  const groups = Map.groupBy(newest, ([, { backupId }]) => backupId);
  const bases: [string, StreamBase][] = [];
  for (const [backupId, group] of groups) {
    options.signal.throwIfAborted();
    const found = await loadIfThere(storage, backupId);
    if (found === undefined) continue;
    bases.push(...await basesIn(storage, { found, keys: new Set(group.map(([key]) => key)) }));
  }
  return new Map(bases);
}

/** None where the first backup makes the place. */
async function* backupFolders(storage: Storage): AsyncGenerator<string> {
  try {
    yield* storage.listFolders("");
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "storage_missing") throw error;
  }
}

/** The manifest of a finished backup; undefined where there is none that can be read. */
async function loadIfThere(
  storage: Storage,
  backupId: string,
): Promise<HashedManifest | undefined> {
  try {
    return await loadHashed(storage, backupId);
  } catch (error) {
    const isNone = error instanceof AppError &&
      ["backup_not_found", "damaged", "usage"].includes(error.code);
    if (isNone) return undefined;
    throw error;
  }
}

/** Keys of the streams whose end is known. */
function candidates(manifest: Manifest): string[] {
  return manifest.queues.filter(({ stream }) => stream?.last_chunk !== undefined).map(queueKey);
}

async function basesIn(
  storage: Storage,
  { found: { manifest, checksum }, keys }: { found: HashedManifest; keys: ReadonlySet<string> },
): Promise<Map<string, StreamBase>> {
  const entries = manifest.queues.filter((entry) => keys.has(queueKey(entry)));
  const chains = await chainsOf(storage, entries);
  return new Map(entries.map((entry) => {
    const { last_offset, last_chunk, consumers = [] } = entry.stream!;
    const base: StreamBase = {
      entry: { backup_id: manifest.backup_id, manifest_checksum: checksum, last_offset },
      lastChunk: last_chunk!,
      arguments: entry.arguments,
      consumers: consumers.map(({ name }) => name),
      problem: problemOf(manifest, chains.get(entry)),
    };
    return [queueKey(entry), base];
  }));
}

function problemOf({ backup_id }: Manifest, chain: Chain | undefined): string | undefined {
  if (chain?.problem === undefined) return undefined;
  return `backup "${backup_id}" stands on others, and ${chain.problem}`;
}
