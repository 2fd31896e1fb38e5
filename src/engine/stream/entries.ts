import { ChunkRecords } from "../../archive/chunk_record.ts";
import { RecordParser } from "../../archive/record.ts";
import type { OutgoingEntry } from "../../broker/stream/publisher.ts";
import { textAnnotation } from "../../message/amqp10.ts";
import type { TimeWindow } from "../restore/selection.ts";
import type { ChunkHeader, ChunkSink, StreamEntry } from "../../message/stream_chunk.ts";
import { joined } from "../../message/wire.ts";

/** In a message that was published by AMQP, its filter value. */
const FILTER_ANNOTATION = "x-stream-filter-value";

/**
 * Reads the entries of a stream's records, to be published as they were: the id of each is the offset
 * of its first message and one, as 0 means none to a broker.
 *
 * `takes` chooses among the chunks.
 *
 * @throws {AppError} `damaged` when a chunk is; what of it was given out is not certain then
 */
export async function* readEntries(
  records: AsyncIterable<Uint8Array>,
  takes: (chunk: ChunkHeader) => boolean = () => true,
): AsyncGenerator<OutgoingEntry[]> {
  const collector = new EntryCollector(takes);
  const parser = new RecordParser(new ChunkRecords(collector));
  for await (const piece of records) {
    parser.push(piece);
    const { entries } = collector;
    collector.entries = [];
    if (entries.length > 0) yield entries;
  }
  parser.finish();
}

/** Whether a restore takes a chunk, by when the broker wrote it. */
export function isInTime(
  window: TimeWindow | undefined,
): (chunk: Pick<ChunkHeader, "timestamp">) => boolean {
  return ({ timestamp }) =>
    window === undefined || (timestamp >= window.start && timestamp <= window.end);
}

class EntryCollector implements ChunkSink {
  entries: OutgoingEntry[] = [];
  readonly #takes: (chunk: ChunkHeader) => boolean;
  #isTaken = true;
  #id = 0n;
  #mayFilter = false;
  #entry: StreamEntry | undefined;
  #pieces: Uint8Array[] = [];

  constructor(takes: (chunk: ChunkHeader) => boolean) {
    this.#takes = takes;
  }

  header(header: ChunkHeader): void {
    this.#isTaken = this.#takes(header);
    this.#id = header.offset + 1n;
    this.#mayFilter = header.filterSize > 0;
  }

  entry(entry: StreamEntry): void {
    this.#entry = entry;
  }

  body(piece: Uint8Array): void {
    if (!this.#isTaken) return;
    // A piece of a larger entry would keep all that it is a view of until the entry is complete.
    this.#pieces.push(piece.length === this.#entry!.size ? piece : new Uint8Array(piece));
  }

  entryEnd(): void {
    if (!this.#isTaken) return;
    const entry = this.#entry!;
    const body = joined(this.#pieces, entry.size);
    this.#pieces = [];
    const filter = this.#mayFilter && entry.batch === undefined
      ? textAnnotation(body, FILTER_ANNOTATION)
      : undefined;
    this.entries.push({ ...entry, id: this.#id, body, filter });
    this.#id += BigInt(entry.records);
  }

  end(): void {}
}
