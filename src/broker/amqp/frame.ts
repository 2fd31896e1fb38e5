/**
 * AMQP 0-9-1 frames: `type u8, channel u16, size u32, payload, 0xCE`, big endian (section 2.3.5).
 * Pure: bytes in, frame positions out.
 */

export const FRAME_METHOD = 1;
export const FRAME_HEADER = 2;
export const FRAME_BODY = 3;
export const FRAME_END = 0xce;
/** Bytes of a frame around its payload. */
export const FRAME_OVERHEAD = 8;

/** Class and method ids as one number, `class << 16 | method`. */
export const METHOD = {
  basicPublish: 0x003c0028,
  basicReturn: 0x003c0032,
  basicDeliver: 0x003c003c,
  basicGetOk: 0x003c0047,
  basicGetEmpty: 0x003c0048,
  basicAck: 0x003c0050,
  basicNack: 0x003c0078,
} as const;

/** The position of one frame in {@linkcode FrameSplitter.bytes}. */
export interface Frame {
  type: number;
  channel: number;
  /** Where the frame starts, its seven header bytes included. */
  start: number;
  /** Where the payload starts and ends (exclusive); the frame ends one byte later. */
  payloadStart: number;
  payloadEnd: number;
}

/**
 * Cuts a byte stream into frames. Positions point into `bytes` and hold until the next `push`.
 * One frame object is reused for all frames, so that a fast stream allocates nothing.
 */
export class FrameSplitter {
  bytes: Uint8Array;
  #view: DataView;
  #offset = 0;
  readonly #maxFrameSize: number;
  readonly #frame: Frame = { type: 0, channel: 0, start: 0, payloadStart: 0, payloadEnd: 0 };

  /** `maxFrameSize` in bytes, payload and overhead; larger frames are an error. */
  constructor(maxFrameSize: number, initial: Uint8Array = new Uint8Array(0)) {
    this.#maxFrameSize = maxFrameSize;
    this.bytes = initial;
    this.#view = viewOf(initial);
  }

  /** Adds what the socket gave. What was not yet taken as frames is kept. */
  push(chunk: Uint8Array): void {
    const left = this.bytes.length - this.#offset;
    if (left === 0) {
      this.bytes = chunk;
    } else {
      const joined = new Uint8Array(left + chunk.length);
      joined.set(this.bytes.subarray(this.#offset));
      joined.set(chunk, left);
      this.bytes = joined;
    }
    this.#view = viewOf(this.bytes);
    this.#offset = 0;
  }

  /** The next whole frame, or `undefined` until more is pushed. Throws a `RangeError` on garbage. */
  next(): Frame | undefined {
    const start = this.#offset;
    if (this.bytes.length - start < 7) return undefined;
    const size = this.#view.getUint32(start + 3);
    if (size + FRAME_OVERHEAD > this.#maxFrameSize) {
      throw new RangeError(
        `Cannot read frame: ${size} bytes where at most ${this.#maxFrameSize} were agreed`,
      );
    }
    const payloadEnd = start + 7 + size;
    if (this.bytes.length <= payloadEnd) return undefined;
    if (this.bytes[payloadEnd] !== FRAME_END) {
      throw new RangeError("Cannot read frame: it does not end with 0xCE");
    }
    const frame = this.#frame;
    frame.type = this.bytes[start]!;
    frame.channel = this.#view.getUint16(start + 1);
    frame.start = start;
    frame.payloadStart = start + 7;
    frame.payloadEnd = payloadEnd;
    this.#offset = payloadEnd + 1;
    return frame;
  }

  /** Unsigned 16, 32 and 64 bit numbers at a position of `bytes`. */
  u16(at: number): number {
    return this.#view.getUint16(at);
  }
  u32(at: number): number {
    return this.#view.getUint32(at);
  }
  /** As a number: delivery tags and body sizes stay far below 2^53. */
  u64(at: number): number {
    return this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
