import { ChunkRecords } from "../../archive/chunk_record.ts";
import { messagesIn, type QueueEntry } from "../../archive/manifest.ts";
import { RecordParser } from "../../archive/record.ts";
import { expectedOf, openSegment } from "../../archive/segment.ts";
import type { Storage } from "../../storage/storage.ts";
import { behind } from "../restore/segment_feed.ts";
import { damagedSegment } from "../stored/segment_fetch.ts";
import { ChunkCollector } from "./chunk_collector.ts";
import { type Collecting, RecordCollector } from "./collector.ts";
import type { StoredMessage } from "./stored_message.ts";

/** Options of {@linkcode readStored}. */
export interface InspectOptions extends Partial<Omit<Collecting, "next">> {
  readonly signal: AbortSignal;
}

/** A part of a queue that was looked at. */
export interface InspectedPart {
  /** Number of the last message that was looked at. */
  readonly looked: number;
  readonly found: readonly StoredMessage[];
}

/**
 * Reads messages of a queue of a backup, in order, straight from the segments in the storage: from the
 * one that has the first that is wanted, and no further than it is asked. `entry` has the segments of
 * all backups that a stream stands on (`loadWhole`). Memory: some pieces of a segment, and what is
 * kept of bodies.
 *
 * A segment is checked when it has been read to its end; what was given out before is not certain.
 *
 * @throws {AppError} `damaged` when a segment is, or is missing
 */
export async function* readStored(
  storage: Storage,
  entry: Pick<QueueEntry, "segments" | "stream">,
  { from = 1, bodyBytes = 0, search, signal }: InspectOptions,
): AsyncGenerator<InspectedPart> {
  const counted = entry.segments.map((segment) => ({ segment, record_count: messagesIn(segment) }));
  const { segments, skip } = behind(counted, from - 1);
  const collecting = { next: from - skip, from, bodyBytes, search };
  const records = new RecordCollector(collecting);
  const chunks = new ChunkCollector(collecting);
  const isStream = entry.stream !== undefined;
  const { messages } = isStream ? chunks : records;
  for (const { segment } of segments) {
    const parser = new RecordParser(isStream ? new ChunkRecords(chunks) : records);
    try {
      const stored = storage.get(segment.key, { signal });
      const reader = openSegment(stored, { name: segment.key, expected: expectedOf(segment) });
      for await (const piece of reader.records()) {
        signal.throwIfAborted();
        parser.push(piece);
        yield { looked: messages.next - 1, found: messages.drain() };
      }
    } catch (error) {
      throw damagedSegment(error, segment.key);
    }
  }
}

/** The first `limit` messages that {@linkcode readStored} finds. */
export async function firstStored(
  storage: Storage,
  entry: Pick<QueueEntry, "segments" | "stream">,
  { limit, ...options }: InspectOptions & { limit: number },
): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  for await (const { found } of readStored(storage, entry, options)) {
    all.push(...found);
    if (all.length >= limit) break;
  }
  return all.slice(0, limit);
}
