import { AppError } from "../../errors.ts";
import { COMMAND } from "./protocol.ts";

/** Largest frame that is taken whole; deliveries pass through in pieces and have no limit. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Length, key, version. */
const HEAD_BYTES = 8;

/** Hears the frames of a connection, in order. */
export interface FrameSink {
  /** A whole frame, from its key on; its bytes are the receiver's to keep. */
  frame(frame: Uint8Array): void;
  /** A delivery begins: a chunk of so many bytes for a subscription follows. */
  delivery(subscription: number, size: number): void;
  /** A piece of the chunk; a view that holds until the next push. */
  chunkBytes(piece: Uint8Array): void;
  deliveryEnd(): void;
}

/**
 * Cuts the bytes of a connection, split anywhere, into frames. Chunks are handed on as they come, so
 * that memory does not depend on their size.
 */
export class FrameSplitter {
  readonly #sink: FrameSink;
  readonly #head = new Uint8Array(HEAD_BYTES + 1);
  #filled = 0;
  /** The frame that is being filled. */
  #frame: Uint8Array | undefined;
  #frameFilled = 0;
  /** Bytes of the delivery's chunk that are still to come. */
  #chunkLeft: number | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws {AppError} `broker_unreachable` when a length is impossible. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#chunkLeft !== undefined) at = this.#passChunk(bytes, at);
      else if (this.#frame !== undefined) at = this.#fillFrame(bytes, at);
      else {
        this.#head[this.#filled++] = bytes[at++]!;
        if (this.#filled >= HEAD_BYTES) this.#takeHead();
      }
    }
  }

  #takeHead(): void {
    const view = new DataView(this.#head.buffer);
    const size = view.getUint32(0);
    const key = view.getUint16(4);
    if (key === COMMAND.deliver && view.getUint16(6) === 1) {
      if (this.#filled === HEAD_BYTES) return;
      this.#filled = 0;
      const left = size - (HEAD_BYTES + 1 - 4);
      if (left <= 0) throw impossible(size);
      this.#chunkLeft = left;
      this.#sink.delivery(this.#head[HEAD_BYTES]!, left);
      return;
    }
    this.#filled = 0;
    if (size < HEAD_BYTES - 4 || size > MAX_FRAME_BYTES) throw impossible(size);
    const frame = new Uint8Array(size);
    frame.set(this.#head.subarray(4, HEAD_BYTES));
    this.#frameFilled = HEAD_BYTES - 4;
    if (this.#frameFilled === size) this.#sink.frame(frame);
    else this.#frame = frame;
  }

  #fillFrame(bytes: Uint8Array, at: number): number {
    const frame = this.#frame!;
    const end = Math.min(bytes.length, at + frame.length - this.#frameFilled);
    frame.set(bytes.subarray(at, end), this.#frameFilled);
    this.#frameFilled += end - at;
    if (this.#frameFilled === frame.length) {
      this.#frame = undefined;
      this.#sink.frame(frame);
    }
    return end;
  }

  #passChunk(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#chunkLeft!);
    this.#chunkLeft! -= end - at;
    this.#sink.chunkBytes(bytes.subarray(at, end));
    if (this.#chunkLeft === 0) {
      this.#chunkLeft = undefined;
      this.#sink.deliveryEnd();
    }
    return end;
  }
}

function impossible(size: number): AppError {
  return new AppError(
    "broker_unreachable",
    `Cannot go on with the stream protocol: a frame claims ${size} bytes`,
    { hint: "is stream_port the port of the stream protocol (5552, 5551 with TLS)?" },
  );
}
