/**
 * What a stream's log keeps of its consumers (osiris_tracking.erl): the offsets that they stored, under
 * their names. A chunk of its own has it, or the trailer of a chunk of messages; each segment of the
 * log begins with a snapshot of all of it.
 */
import { CHUNK_TYPE, type ChunkHeader } from "./stream_chunk.ts";
import { WireReader } from "./wire.ts";

const TRACKED = { sequence: 0, offset: 1, timestamp: 2 } as const;
const VALUE_BYTES = 8;
const decoder = new TextDecoder();

/** Collects the names of consumers from the chunks of a stream. */
export class ConsumerNames {
  readonly names = new Set<string>();
  #isSnapshot = false;
  #hasHeads = false;
  /** Bytes of the chunk that are in front of what is tracked. */
  #skip = 0;
  /** Bytes that are wanted still. */
  #wanted = 0;
  #pieces: Uint8Array[] = [];

  header({ type, dataLength, trailerLength }: ChunkHeader): void {
    const isOfMessages = type === CHUNK_TYPE.messages;
    this.#isSnapshot = type === CHUNK_TYPE.trackingSnapshot;
    this.#hasHeads = !isOfMessages;
    this.#skip = isOfMessages ? dataLength : 0;
    this.#wanted = isOfMessages ? trailerLength : dataLength;
    this.#pieces = [];
  }

  /** What comes behind the header; a view that holds during the call only. */
  bytes(piece: Uint8Array): void {
    if (this.#wanted === 0) return;
    const skipped = Math.min(this.#skip, piece.length);
    this.#skip -= skipped;
    const taken = piece.subarray(skipped, skipped + this.#wanted);
    this.#wanted -= taken.length;
    if (taken.length > 0) this.#pieces.push(taken.slice());
  }

  /** The chunk is complete. */
  end(): void {
    if (this.#pieces.length === 0) return;
    const bytes = new Uint8Array(this.#pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    try {
      this.#read(new WireReader(bytes));
    } catch (error) {
      // A kind of entry that is not known: what is behind it cannot be read.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  #read(reader: WireReader): void {
    if (!this.#hasHeads) return this.#take(reader);
    while (reader.at < reader.end) this.#take(reader.part(reader.uint32()));
  }

  #take(reader: WireReader): void {
    while (reader.at < reader.end) {
      const kind = reader.octet();
      const name = reader.take(reader.octet());
      if (kind === TRACKED.offset) this.names.add(decoder.decode(name));
      else if (kind !== TRACKED.sequence && kind !== TRACKED.timestamp) return;
      reader.skip(kind === TRACKED.sequence && this.#isSnapshot ? 2 * VALUE_BYTES : VALUE_BYTES);
    }
  }
}
