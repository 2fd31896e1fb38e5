/** Where a backup begins with a stream, and where it ends. */
import type { ChunkMark, StreamBaseEntry } from "../../archive/manifest.ts";
import { chunkAt, lastChunk } from "../../broker/stream/commands.ts";
import type { StreamConnection } from "../../broker/stream/connection.ts";
import type { BackupOptions } from "../../config/config.ts";
import { canonicalJson } from "../../definitions/document.ts";
import { parseStreamFrom, type StreamFrom } from "../../config/stream_from.ts";
import { type ChunkHeader, nextOffset } from "../../message/stream_chunk.ts";
import type { Storage } from "../../storage/storage.ts";
import { queueKey } from "../queue_key.ts";
import { findBases, type StreamBase } from "./bases.ts";

/** What is to be read of a stream, and in what relation it is to another backup. */
export interface StreamStart {
  /** Offsets. The first is behind the last when there is nothing to read. */
  readonly first: bigint;
  readonly last: bigint;
  /** The chunk that holds the last offset. */
  readonly lastChunk: ChunkMark;
  /** The backup that this one stands on. */
  readonly base?: StreamBaseEntry;
  /** Names of consumers that the base has. */
  readonly consumers?: readonly string[];
  /** Why it begins there, for a plan; absent where it is the first offset that there is. */
  readonly note?: string;
  /** The note tells of something that was not asked for. */
  readonly isWarning?: boolean;
}

/** A stream of the source, as it was declared. */
export interface DeclaredStream {
  readonly vhost: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A stream as a backup finds it. */
interface Place {
  readonly connection: StreamConnection;
  readonly queue: DeclaredStream;
}

/** Decides where a backup begins with each stream. */
export class StreamStarts {
  readonly #from: StreamFrom;
  readonly #isIncremental: boolean;
  readonly #bases: ReadonlyMap<string, StreamBase>;
  /** Why a stream has no base. */
  readonly #none: string;

  private constructor(
    from: StreamFrom,
    { isIncremental, bases, named }: {
      isIncremental: boolean;
      bases: ReadonlyMap<string, StreamBase>;
      named: string | undefined;
    },
  ) {
    this.#from = from;
    this.#isIncremental = isIncremental;
    this.#bases = bases;
    this.#none = named === undefined
      ? "no backup in this storage has it"
      : `backup "${named}" does not have it`;
  }

  /** Reads what configuration and storage say. `now`: epoch milliseconds, for times from now. */
  static async of(
    options: BackupOptions,
    context: {
      storage: Storage;
      cluster: string;
      backupId: string;
      now: number;
      signal: AbortSignal;
    },
  ): Promise<StreamStarts> {
    const { stream_base: named, stream_from, format, stream_enabled } = options;
    const isIncremental = options.stream_incremental || named !== undefined;
    const from = parseStreamFrom(stream_from, context.now);
    // Version 1 has no streams.
    const mayStand = stream_enabled && format === "v2" && (isIncremental || from === "next");
    const bases = mayStand ? await findBases(context.storage, { ...context, named }) : new Map();
    return new StreamStarts(from, { isIncremental, bases, named });
  }

  /** What is to be read of a stream now; undefined when it is empty. */
  async find({ connection, queue }: Place): Promise<StreamStart | undefined> {
    const last = await lastChunk(connection, queue.name);
    if (last === undefined) return undefined;
    const end = { last: nextOffset(last) - 1n, lastChunk: markOf(last) };
    const isNext = this.#isIncremental || this.#from === "next";
    const base = this.#bases.get(queueKey(queue));
    if (!isNext) return await this.#fromPlace({ connection, queue }, end);
    if (base === undefined) {
      return await this.#whole({ connection, queue }, { end, why: this.#none });
    }
    const mark = base.lastChunk;
    const found = await chunkAt(connection, queue.name, { offset: BigInt(mark.first_offset) });
    const why = base.problem ?? anewBecause(base, { queue, found });
    if (why !== undefined) {
      return { ...await this.#whole({ connection, queue }, { end, why }), isWarning: true };
    }
    return this.#behind(base, { found: found!, end });
  }

  /** Without a base. */
  async #whole(
    place: Place,
    { end, why }: { end: Pick<StreamStart, "last" | "lastChunk">; why: string },
  ): Promise<StreamStart> {
    const start = await this.#fromPlace(place, end);
    return { ...start, note: `${start.note ?? "all that it holds"}: ${why}` };
  }

  #behind(
    { entry, lastChunk, consumers }: StreamBase,
    { found, end }: { found: ChunkHeader; end: Pick<StreamStart, "last" | "lastChunk"> },
  ): StreamStart {
    const first = BigInt(entry.last_offset) + 1n;
    const dropped = found.offset > first
      ? `its retention has dropped offsets ${first} to ${found.offset - 1n}, which are in no backup`
      : "its retention has dropped all that is in that one; by offsets and times it is the same stream";
    // Only the chunk itself proves it.
    const gap = found.offset === BigInt(lastChunk.first_offset) ? "" : `; ${dropped}`;
    const stands = this.#isIncremental ? { base: entry, consumers } : { consumers };
    const what = this.#isIncremental ? "what is new since backup" : "what is behind backup";
    return {
      ...end,
      ...stands,
      first,
      note: `${what} "${entry.backup_id}", from offset ${first} on${gap}`,
      isWarning: gap !== "",
    };
  }

  async #fromPlace(
    { connection, queue }: Place,
    end: Pick<StreamStart, "last" | "lastChunk">,
  ): Promise<StreamStart> {
    const place = this.#from === "next" ? "first" : this.#from;
    const found = await chunkAt(connection, queue.name, place);
    // Chunks are taken whole.
    const isThere = found !== undefined && found.offset <= end.last && !isBefore(found, place);
    const first = isThere ? found.offset : end.last + 1n;
    if (place === "first") return { ...end, first };
    return { ...end, first, note: `from offset ${first} on (stream_from)` };
  }
}

/** Asked for what is behind its end, a broker may send its last chunk. */
function isBefore(chunk: ChunkHeader, place: Exclude<StreamFrom, "next">): boolean {
  if (place === "first") return false;
  return "offset" in place ? nextOffset(chunk) <= place.offset : chunk.timestamp < place.timestamp;
}

/** What a chunk is known by. */
export function markOf({ offset, timestamp, epoch, crc }: ChunkHeader): ChunkMark {
  return { first_offset: Number(offset), timestamp, epoch: Number(epoch), crc };
}

/**
 * Why a stream is not the one that a chunk was read of, whose last offset was `last`; `found` is what is
 * in its place now.
 */
export function otherStream(
  mark: ChunkMark,
  { found, last }: { found: ChunkHeader | undefined; last: bigint },
): string | undefined {
  const offset = mark.first_offset;
  if (found === undefined || isBefore(found, { offset: BigInt(offset) })) {
    return `it ends before offset ${offset} now`;
  }
  const now = markOf(found);
  if (now.first_offset === offset) {
    const isSame = now.crc === mark.crc && now.timestamp === mark.timestamp &&
      now.epoch === mark.epoch;
    return isSame ? undefined : `it has something else at offset ${offset} now`;
  }
  // Retention drops chunks whole.
  if (now.first_offset > offset && found.offset <= last) {
    return `a chunk begins at offset ${now.first_offset} now, inside of what was one`;
  }
  // Dropped by retention, if what is behind it is younger.
  const isYounger = now.first_offset > offset && now.timestamp >= mark.timestamp &&
    now.epoch >= mark.epoch;
  return isYounger ? undefined : `what it has at offset ${now.first_offset} is older`;
}

/** Whether two declarations differ. Some versions tell the type among the arguments, others do not. */
export function isDeclaredAnew(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): boolean {
  const [one, other] = [before, now].map(({ "x-queue-type": _, ...others }) =>
    canonicalJson(others)
  );
  return one !== other;
}

function anewBecause(
  { entry: { backup_id, last_offset }, lastChunk, arguments: before }: StreamBase,
  { queue, found }: { queue: DeclaredStream; found: ChunkHeader | undefined },
): string | undefined {
  const why = isDeclaredAnew(before, queue.arguments)
    ? "its arguments are others now"
    : otherStream(lastChunk, { found, last: BigInt(last_offset) });
  if (why === undefined) return undefined;
  return `it was deleted and made anew since backup "${backup_id}" (${why})`;
}
