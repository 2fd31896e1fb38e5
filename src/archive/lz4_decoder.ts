/** LZ4 blocks, read piece by piece (lz4_Block_format.md of the LZ4 project). */
import { AppError } from "../errors.ts";

const WINDOW = 65535;
const MIN_MATCH = 4;
const STEP_BYTES = 256 * 1024;

const enum Expect {
  Token,
  LiteralLength,
  Literals,
  OffsetLow,
  OffsetHigh,
  MatchLength,
}

/** Reads one block in pieces; holds the last 64 KiB and at most one piece. */
export class Lz4BlockDecoder {
  readonly #buffer = new Uint8Array(WINDOW + STEP_BYTES);
  /** How much of the buffer is filled, and how much of that was handed out. */
  #end = 0;
  #given = 0;
  #left: number;
  #expect = Expect.Token;
  #token = 0;
  #length = 0;
  #offset = 0;

  /** `size` is the block's length before compression. */
  constructor(size: number) {
    this.#left = size;
  }

  /** @throws {AppError} `damaged` when the block is damaged or longer than announced. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#expect === Expect.Literals) {
        const count = Math.min(this.#length, chunk.length - at, this.#buffer.length - this.#end);
        this.#buffer.set(chunk.subarray(at, at + count), this.#end);
        at += count;
        this.#end += count;
        this.#length -= count;
        if (this.#length === 0) this.#expect = Expect.OffsetLow;
      } else if (this.#takeOctet(chunk[at++]!)) {
        while (this.#copyMatch()) yield this.#flush();
      }
      if (this.#end === this.#buffer.length) yield this.#flush();
    }
    if (this.#end > this.#given) yield this.#flush();
  }

  /** @throws {AppError} `damaged` when the block is not complete. */
  finish(): void {
    const ended = this.#expect === Expect.OffsetLow || this.#expect === Expect.Token;
    if (!ended || this.#left !== 0) throw damaged("the LZ4 block is not complete");
  }

  /** One octet that is no literal; true when a match is to be copied. */
  #takeOctet(octet: number): boolean {
    switch (this.#expect) {
      case Expect.Token:
        this.#token = octet;
        this.#length = octet >>> 4;
        if (this.#length === 15) this.#expect = Expect.LiteralLength;
        else this.#beginLiterals();
        return false;
      case Expect.LiteralLength:
        this.#length += octet;
        if (octet !== 255) this.#beginLiterals();
        return false;
      case Expect.OffsetLow:
        this.#offset = octet;
        this.#expect = Expect.OffsetHigh;
        return false;
      case Expect.OffsetHigh:
        this.#offset |= octet << 8;
        if (this.#offset === 0 || this.#offset > this.#end) {
          throw damaged("the LZ4 block refers to before its beginning");
        }
        this.#length = this.#token & 15;
        if (this.#length < 15) return this.#beginMatch();
        this.#expect = Expect.MatchLength;
        return false;
      default:
        this.#length += octet;
        return octet !== 255 && this.#beginMatch();
    }
  }

  #beginLiterals(): void {
    this.#expect = this.#length === 0 ? Expect.OffsetLow : Expect.Literals;
    this.#spend(this.#length);
  }

  #beginMatch(): true {
    this.#length += MIN_MATCH;
    this.#spend(this.#length);
    this.#expect = Expect.Token;
    return true;
  }

  #spend(count: number): void {
    this.#left -= count;
    if (this.#left < 0) throw damaged("the LZ4 block is longer than it claims");
  }

  /** Copies as much of the match as there is room for; true when a rest is left. */
  #copyMatch(): boolean {
    const buffer = this.#buffer;
    const count = Math.min(this.#length, buffer.length - this.#end);
    let to = this.#end;
    let from = to - this.#offset;
    if (this.#offset >= count && count > 32) {
      buffer.copyWithin(to, from, from + count);
      to += count;
    } else {
      for (const end = to + count; to < end;) buffer[to++] = buffer[from++]!;
    }
    this.#end = to;
    this.#length -= count;
    return this.#length > 0;
  }

  #flush(): Uint8Array {
    const piece = this.#buffer.slice(this.#given, this.#end);
    if (this.#buffer.length - this.#end < STEP_BYTES / 2) {
      this.#buffer.copyWithin(0, this.#end - WINDOW, this.#end);
      this.#end = WINDOW;
    }
    this.#given = this.#end;
    return piece;
  }
}

/** An error about packed bytes. */
export function damaged(what: string): AppError {
  return new AppError("damaged", `Cannot decompress: ${what}`);
}
