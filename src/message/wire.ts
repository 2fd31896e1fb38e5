/** Reads AMQP's primitives, never past its end. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `size` bytes and returns where they began. */
  skip(size: number): number {
    const start = this.at;
    if (size > this.end - start) throw new RangeError("Cannot decode properties: they end early");
    this.at = start + size;
    return start;
  }

  octet(): number {
    return this.bytes[this.skip(1)]!;
  }

  uint16(): number {
    return this.#view.getUint16(this.skip(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.skip(8));
  }

  /** A view, not a copy. */
  take(size: number): Uint8Array {
    const start = this.skip(size);
    return this.bytes.subarray(start, this.at);
  }

  shortString(): Uint8Array {
    return this.take(this.octet());
  }

  /** A reader of the next `size` bytes, which are skipped here. */
  part(size: number): WireReader {
    return new WireReader(this.bytes, this.skip(size), this.at);
  }
}

/** Collects AMQP's primitives. */
export class WireWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;

  get length(): number {
    return this.#end;
  }

  octet(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  uint16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
  }

  uint32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
  }

  uint64(value: bigint): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
  }

  raw(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  shortString(value: Uint8Array): void {
    if (value.length > 255) throw new RangeError("Cannot encode properties: a name is too long");
    this.octet(value.length);
    this.raw(value);
  }

  /** What `content` writes, behind its length as uint32. */
  sized(content: () => void): void {
    const at = this.#grow(4);
    content();
    this.#view.setUint32(at, this.#end - at - 4);
  }

  /** A copy of all that was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }

  #grow(size: number): number {
    const start = this.#end;
    this.#end += size;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#end, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}

/** Pieces of `size` bytes in all, as one; a single piece is not copied. */
export function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
