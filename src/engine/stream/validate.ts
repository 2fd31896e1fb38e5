import { ChunkRecords } from "../../archive/chunk_record.ts";
import type { QueueEntry, SegmentEntry, StreamReport } from "../../archive/manifest.ts";
import { RecordParser } from "../../archive/record.ts";
import { expectedOf, openSegment } from "../../archive/segment.ts";
import { CHUNK_TYPE, type ChunkHeader, nextOffset } from "../../message/stream_chunk.ts";
import type { QueueWork } from "../progress.ts";
import type { CheckSource } from "../stored/validate_content.ts";

/** What reading all segments of one stream, in order, tells about its content. */
export class StreamContent {
  /** Messages. */
  records = 0;
  readonly #work: QueueWork;
  #bodyBytes = 0;
  #largestBody = 0;
  #filtered = 0;
  #gaps: { first: number; last: number }[] = [];
  /** The offset of the first chunk, and the one behind the last. */
  #first: bigint | undefined;
  #next: bigint | undefined;

  /** `work` is kept up to date while reading. */
  constructor(work: QueueWork) {
    this.#work = work;
  }

  /**
   * Reads one segment whole, each chunk against its own CRC; returns what disagrees with the manifest.
   *
   * @throws {AppError} `damaged` when the segment is, or a chunk in it.
   */
  async read({ storage, signal }: CheckSource, segment: SegmentEntry): Promise<string[]> {
    const reader = openSegment(storage.get(segment.key, { signal }), {
      name: segment.key,
      expected: expectedOf(segment),
    });
    const before = this.records;
    let first: ChunkHeader | undefined;
    let last: ChunkHeader | undefined;
    const problems: string[] = [];
    const parser = new RecordParser(
      new ChunkRecords({
        header: (header) => {
          first ??= header;
          last = header;
          if (this.#next !== undefined && header.offset < this.#next) {
            problems.push(`its chunk at offset ${header.offset} stands behind ${this.#next - 1n}`);
          }
        },
        entry: ({ size }) => {
          this.#bodyBytes += size;
          this.#largestBody = Math.max(this.#largestBody, size);
        },
        end: (header) => this.#chunk(header),
      }),
    );
    for await (const piece of reader.records()) {
      signal.throwIfAborted();
      parser.push(piece);
      this.#work.messagesDone = this.records;
      this.#work.bytesDone += piece.length;
    }
    const { stream, first_timestamp, last_timestamp } = segment;
    const compare = (what: string, found: unknown, wanted: unknown) => {
      if (found !== wanted) problems.push(`its ${what} is ${found}, the manifest says ${wanted}`);
    };
    compare("number of messages", this.records - before, stream?.message_count);
    compare("first offset", Number(first?.offset), stream?.first_offset);
    compare("last offset", Number((this.#next ?? 0n) - 1n), stream?.last_offset);
    compare("first time", first?.timestamp, first_timestamp);
    compare("last time", last?.timestamp, last_timestamp);
    return problems;
  }

  /** What disagrees with the manifest once all segments are read. */
  problems(queue: QueueEntry): string[] {
    const problems: string[] = [];
    const compare = (what: string, found: unknown, wanted: unknown) => {
      if (found === wanted) return;
      problems.push(`its segments have ${what} ${found}, the manifest says ${wanted}`);
    };
    const { stream } = queue;
    compare("message count", this.records, queue.message_count);
    compare("a sum of entry sizes of", this.#bodyBytes, queue.body_bytes);
    compare("a largest entry of", this.#largestBody, queue.largest_body);
    compare("messages with filter values", this.#filtered, stream?.filtered_messages);
    for (const gap of stream === undefined ? this.#gaps : this.#allGaps(stream)) {
      const isTold = stream?.gaps.some(({ first, last }) => first <= gap.first && last >= gap.last);
      if (!isTold) problems.push(`offsets ${gap.first} to ${gap.last} are missing in its segments`);
    }
    return problems;
  }

  /** Also those in front of the first chunk and behind the last one. */
  #allGaps({ first_offset, last_offset }: StreamReport): { first: number; last: number }[] {
    const first = Number(this.#first ?? last_offset + 1);
    const next = Number(this.#next ?? last_offset + 1);
    return [
      { first: first_offset, last: first - 1 },
      ...this.#gaps,
      { first: next, last: last_offset },
    ].filter((gap) => gap.last >= gap.first);
  }

  #chunk(header: ChunkHeader): void {
    this.#first ??= header.offset;
    if (this.#next !== undefined && header.offset > this.#next) {
      this.#gaps.push({ first: Number(this.#next), last: Number(header.offset - 1n) });
    }
    this.#next = nextOffset(header);
    if (header.type !== CHUNK_TYPE.messages) return;
    this.records += header.records;
    if (header.filterSize > 0) this.#filtered += header.records;
  }
}
