/** Chains of backups: of a stream each may have only what came behind the one before it. */
import { createHash } from "node:crypto";
import { manifestKey } from "../../archive/layout.ts";
import {
  type Manifest,
  type QueueEntry,
  type StreamBaseEntry,
  totalsOf,
} from "../../archive/manifest.ts";
import { parseManifest } from "../../archive/manifest_io.ts";
import { AppError } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { queueKey } from "../queue_key.ts";
import { loadManifest, readManifest } from "./list.ts";

/** One backup that a stream stands on, and what it has of that stream. */
export interface ChainLink {
  readonly backupId: string;
  readonly entry: QueueEntry;
}

/** What a stream of a backup stands on. */
export interface Chain {
  /** The newest first, without the backup itself. */
  readonly links: ChainLink[];
  /** Why it does not reach its beginning. */
  problem?: string;
}

/** A manifest with the SHA-256 of its bytes, which others refer to it by. */
export interface HashedManifest {
  readonly manifest: Manifest;
  /** Hex. */
  readonly checksum: string;
}

/** Reads the manifest of a finished backup; throws as `loadManifest`. */
export async function loadHashed(storage: Storage, backupId: string): Promise<HashedManifest> {
  const bytes = await readManifest(storage, backupId);
  return {
    manifest: parseManifest(bytes, { key: manifestKey(backupId) }),
    checksum: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** A backup as chains go through it. */
interface Known {
  readonly checksum: string;
  /** What its streams stand on, by `queueKey`; undefined: on nothing. */
  readonly bases: ReadonlyMap<string, StreamBaseEntry | undefined>;
}

/** Whether backups that are stood on are there as they were; each is read once. */
export class BaseCheck {
  readonly #storage: Storage;
  readonly #known = new Map<string, Promise<Known | undefined>>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Follows what a stream stands on, down to a backup that has it and stands on nothing. */
  async isWhole(
    stream: { vhost: string; name: string },
    base: StreamBaseEntry,
  ): Promise<boolean> {
    const key = queueKey(stream);
    for (let link: StreamBaseEntry | undefined = base; link !== undefined;) {
      const known: Known | undefined = await this.#of(link.backup_id);
      if (known?.checksum !== link.manifest_checksum || !known.bases.has(key)) return false;
      link = known.bases.get(key);
    }
    return true;
  }

  #of(backupId: string): Promise<Known | undefined> {
    const known = this.#known.get(backupId) ?? this.#read(backupId);
    this.#known.set(backupId, known);
    return known;
  }

  async #read(backupId: string): Promise<Known | undefined> {
    const found = await streamsOf(this.#storage, backupId);
    if (typeof found === "string") return undefined;
    const bases = [...found.streams].map(([key, { stream }]) => [key, stream!.base] as const);
    return { checksum: found.checksum, bases: new Map(bases) };
  }
}

/**
 * Follows streams to the backups that they stand on, down to the ones that stand on none. One
 * manifest at a time is in memory. It ends: a manifest cannot hold the hash of one that holds its own.
 */
export async function chainsOf(
  storage: Storage,
  entries: readonly QueueEntry[],
): Promise<Map<QueueEntry, Chain>> {
  const chains = new Map<QueueEntry, Chain>();
  let pending = entries.map((top) => ({ top, entry: top }));
  while (pending.length > 0) {
    const standing = pending.filter(({ entry }) => entry.stream?.base !== undefined);
    const groups = Map.groupBy(standing, ({ entry }) => entry.stream!.base!.backup_id);
    pending = [];
    for (const [backupId, group] of groups) {
      const found = await streamsOf(storage, backupId);
      for (const { top, entry } of group) {
        const chain = chains.get(top) ?? { links: [] };
        chains.set(top, chain);
        const below = linkOf(entry, found);
        if (typeof below === "string") chain.problem = `backup "${backupId}" ${below}`;
        else {
          chain.links.push({ backupId, entry: below });
          pending.push({ top, entry: below });
        }
      }
    }
  }
  return chains;
}

/**
 * A backup's manifest in which the chosen streams have all that they stand on, the oldest first, as if
 * one backup had it. Segments have the keys, and the sequences, that they have in their own backups.
 *
 * @throws {AppError} as `loadManifest`; `damaged` when a backup that is stood on is gone or another
 */
export async function loadWhole(
  storage: Storage,
  backupId: string,
  isWanted: (entry: QueueEntry) => boolean,
): Promise<Manifest> {
  const manifest = await loadManifest(storage, backupId);
  const chains = await chainsOf(storage, manifest.queues.filter(isWanted));
  if (chains.size === 0) return manifest;
  const queues = manifest.queues.map((entry) => {
    const chain = chains.get(entry);
    return chain === undefined ? entry : joined(backupId, { entry, chain });
  });
  const isPartial = queues.some(({ partial }) => partial !== undefined);
  const state = isPartial ? "partial" : manifest.state;
  return { ...manifest, state, queues, ...totalsOf(queues) };
}

/** The streams of a backup, by `queueKey`, or why there are none to be had. */
async function streamsOf(
  storage: Storage,
  backupId: string,
): Promise<{ checksum: string; streams: Map<string, QueueEntry> } | string> {
  try {
    const { manifest, checksum } = await loadHashed(storage, backupId);
    const streams = manifest.queues.filter(({ stream }) => stream !== undefined);
    return { checksum, streams: new Map(streams.map((entry) => [queueKey(entry), entry])) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "backup_not_found") return "is not there";
    if (error.code !== "damaged" && error.code !== "usage") throw error;
    return `cannot be used (${error.message})`;
  }
}

function linkOf(
  entry: QueueEntry,
  found: Awaited<ReturnType<typeof streamsOf>>,
): QueueEntry | string {
  if (typeof found === "string") return found;
  const base: StreamBaseEntry = entry.stream!.base!;
  if (found.checksum !== base.manifest_checksum) return "is another than the one that was built on";
  return found.streams.get(queueKey(entry)) ?? "does not have this stream";
}

function joined(
  backupId: string,
  { entry, chain: { links, problem } }: { entry: QueueEntry; chain: Chain },
): QueueEntry {
  if (problem !== undefined) throw brokenChain(backupId, { entry, problem });
  const parts = [...links.map((link) => link.entry).reverse(), entry];
  const segments = parts.flatMap((part) => part.segments);
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1]?.stream?.last_offset ?? -1;
    if (segment.stream!.first_offset > before) continue;
    const text = `${segment.key} begins at an offset that is in the segment before it`;
    throw brokenChain(backupId, { entry, problem: text });
  }
  const sum = (value: (part: QueueEntry) => number) =>
    parts.reduce((total, part) => total + value(part), 0);
  const partial = parts.flatMap((part) => part.partial ?? []);
  return {
    ...entry,
    segments,
    message_count: sum((part) => part.message_count),
    body_bytes: sum((part) => part.body_bytes),
    largest_body: Math.max(...parts.map((part) => part.largest_body)),
    first_message_timestamp: segments[0]?.first_timestamp ?? null,
    last_message_timestamp: segments.at(-1)?.last_timestamp ?? null,
    stream: {
      ...entry.stream!,
      first_offset: parts[0]!.stream!.first_offset,
      gaps: parts.flatMap((part) => part.stream!.gaps),
      filtered_messages: sum((part) => part.stream!.filtered_messages),
    },
    ...(partial.length === 0 ? {} : { partial: partial.join("; ") }),
  };
}

function brokenChain(
  backupId: string,
  { entry: { vhost, name }, problem }: { entry: QueueEntry; problem: string },
): AppError {
  return new AppError(
    "damaged",
    `Cannot use what backup "${backupId}" has of stream "${name}" of vhost "${vhost}": it stands ` +
      `on others, and ${problem}`,
    {
      hint: `bring it back from a copy; or leave the stream out; or use a backup that stands on ` +
        "none: describe shows it",
    },
  );
}
