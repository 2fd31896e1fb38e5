/** Chunks of streams as records (FORMAT.md, "Records of a stream"). */
import { type ChunkHeader, ChunkParser, type ChunkSink } from "../message/stream_chunk.ts";
import { AppError } from "../errors.ts";
import { encodeRecordHead, MAX_RECORD_BYTES, type RecordSink } from "./record.ts";

/** Bytes of a record in front of the chunk. */
const RECORD_HEAD_BYTES = 21;
const NONE = new Uint8Array(0);
/** A property list that names no property. */
const NO_PROPERTIES = Uint8Array.of(0, 0);

/**
 * Writes the head of the record of a chunk of `size` bytes, which must follow; returns the offset
 * behind it.
 */
export function encodeChunkHead(
  { timestamp, offset }: ChunkHeader,
  size: number,
  to: { target: Uint8Array; offset: number },
): number {
  if (size > MAX_RECORD_BYTES - RECORD_HEAD_BYTES) {
    throw new AppError(
      "failed",
      `Cannot keep the chunk at offset ${offset}: it has ${size} bytes, more than the format holds`,
    );
  }
  return encodeRecordHead(
    {
      capturedAt: timestamp,
      redelivered: false,
      exchange: NONE,
      routingKey: NONE,
      properties: NO_PROPERTIES,
      bodySize: size,
    },
    to.target,
    to.offset,
  );
}

/** Takes records of a stream apart into their chunks, verified. */
export class ChunkRecords implements RecordSink {
  readonly #parser: ChunkParser;

  constructor(sink: ChunkSink) {
    this.#parser = new ChunkParser(sink);
  }

  head({ bodySize }: { bodySize: number }): void {
    this.#parser.begin(bodySize);
  }

  /** @throws {AppError} `damaged` */
  body(chunk: Uint8Array): void {
    this.#parser.push(chunk);
  }

  /** @throws {AppError} `damaged` */
  end(): void {
    this.#parser.end();
  }
}
