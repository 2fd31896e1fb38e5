import { ChunkRecords } from "../../archive/chunk_record.ts";
import { RecordParser } from "../../archive/record.ts";
import type { OutgoingEntry } from "../../broker/stream/publisher.ts";
import type { OffsetWindow } from "../../config/offset_window.ts";
import { AppError } from "../../errors.ts";
import { textAnnotation } from "../../message/amqp10.ts";
import { unpackBatch } from "../../message/stream_batch.ts";
import type { TimeWindow } from "../restore/selection.ts";
import type { ChunkHeader, ChunkSink, StreamEntry } from "../../message/stream_chunk.ts";
import { joined } from "../../message/wire.ts";

/** In a message that was published by AMQP, its filter value. */
const FILTER_ANNOTATION = "x-stream-filter-value";

/** Where a message stood in the stream that it is from. */
export interface Origin {
  readonly offset: bigint;
  /** When its chunk was written, epoch milliseconds. */
  readonly timestamp: number;
}

/** What is taken of a stream's chunks, and how. */
export interface EntryChoice {
  /** By when the broker wrote the chunks. */
  readonly time?: TimeWindow | undefined;
  /** Of a batch that is in it in part, its messages one by one. */
  readonly offsets?: OffsetWindow | undefined;
  /** All batches are taken apart, and this makes of each message what is given out. */
  readonly change?: ((message: Uint8Array, origin: Origin) => Uint8Array) | undefined;
}

/**
 * Reads the entries of a stream's records, to be published as they were: the id of each is the offset
 * of its first message and one, as 0 means none to a broker.
 *
 * @throws {AppError} `damaged` when a chunk is; what of it was given out is not certain then. `failed`
 * when a batch cannot be taken apart and has to
 */
export async function* readEntries(
  records: AsyncIterable<Uint8Array>,
  choice: EntryChoice = {},
): AsyncGenerator<OutgoingEntry[]> {
  const collector = new EntryCollector(choice);
  const parser = new RecordParser(new ChunkRecords(collector));
  for await (const piece of records) {
    parser.push(piece);
    const { entries } = collector;
    collector.entries = [];
    if (entries.length > 0) yield entries;
  }
  parser.finish();
}

class EntryCollector implements ChunkSink {
  entries: OutgoingEntry[] = [];
  readonly #choice: EntryChoice;
  /** Of the chunk that is coming. */
  #isTaken = true;
  #timestamp = 0;
  #mayFilter = false;
  /** Offset of the entry that is coming. */
  #offset = 0n;
  #entry: StreamEntry | undefined;
  #pieces: Uint8Array[] = [];

  constructor(choice: EntryChoice) {
    this.#choice = choice;
  }

  header({ timestamp, offset, filterSize }: ChunkHeader): void {
    const { time } = this.#choice;
    this.#isTaken = time === undefined || (timestamp >= time.start && timestamp <= time.end);
    this.#timestamp = timestamp;
    this.#offset = offset;
    this.#mayFilter = filterSize > 0;
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
    const { records, size, batch } = this.#entry!;
    const body = joined(this.#pieces, size);
    this.#pieces = [];
    const offset = this.#offset;
    this.#offset += BigInt(records);
    const part = partIn(this.#choice.offsets, { offset, records });
    if (part === "none") return;
    if (batch === undefined) return this.#give(body, offset);
    if (part === "all" && this.#choice.change === undefined) {
      this.entries.push({ records, size, batch, body, id: offset + 1n });
      return;
    }
    for (const [index, message] of unpacked(body, { offset, records, batch }).entries()) {
      const at = offset + BigInt(index);
      const isIn = partIn(this.#choice.offsets, { offset: at, records: 1 }) === "all";
      if (isIn) this.#give(message, at);
    }
  }

  end(): void {}

  #give(message: Uint8Array, offset: bigint): void {
    const { change } = this.#choice;
    const filter = this.#mayFilter ? textAnnotation(message, FILTER_ANNOTATION) : undefined;
    const body = change === undefined
      ? message
      : change(message, { offset, timestamp: this.#timestamp });
    this.entries.push({ records: 1, size: body.length, body, id: offset + 1n, filter });
  }
}

function partIn(
  window: OffsetWindow | undefined,
  { offset, records }: { offset: bigint; records: number },
): "all" | "some" | "none" {
  if (window === undefined) return "all";
  const first = Number(offset);
  const last = first + records - 1;
  if (last < window.first || first > window.last) return "none";
  return first >= window.first && last <= window.last ? "all" : "some";
}

function unpacked(
  body: Uint8Array,
  { offset, ...batch }: { offset: bigint } & Required<Pick<StreamEntry, "records" | "batch">>,
): Uint8Array[] {
  try {
    return unpackBatch(body, batch);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError("failed", `${error.message}, at offset ${offset}`, {
      cause: error.cause,
      hint: "it goes back as it is where all of the stream is restored as a stream, without " +
        "restore.stream_offsets and stream_origin_annotations",
    });
  }
}
