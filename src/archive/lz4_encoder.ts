/**
 * LZ4 blocks, written piece by piece (lz4_Block_format.md of the LZ4 project). Our own, as the
 * libraries want a block as a whole, and a segment of format version 1 is one block of any size.
 */

const WINDOW = 65535;
const MIN_MATCH = 4;
/** The last bytes of a block are literals, and no match begins in the last twelve. */
const LAST_LITERALS = 5;
const MATCH_LIMIT = 12;
const HASH_BITS = 14;
const STEP_BYTES = 256 * 1024;

/** Writes one block. Holds the last 64 KiB and what could not be written yet. */
export class Lz4BlockEncoder {
  #buffer = new Uint8Array(WINDOW + STEP_BYTES);
  #end = 0;
  /** First byte that is not written yet. */
  #anchor = 0;
  /** Where the search for matches goes on. */
  #position = 0;
  readonly #table = new Int32Array(1 << HASH_BITS).fill(-1);
  #out = new Uint8Array(STEP_BYTES);
  #outEnd = 0;

  /** Bytes of the block that are ready; possibly none. */
  push(chunk: Uint8Array): Uint8Array {
    let at = 0;
    while (at < chunk.length) {
      if (this.#end === this.#buffer.length) {
        this.#search();
        this.#slide();
      }
      const count = Math.min(chunk.length - at, this.#buffer.length - this.#end);
      this.#buffer.set(chunk.subarray(at, at + count), this.#end);
      this.#end += count;
      at += count;
    }
    return this.#take();
  }

  /** The rest of the block. The encoder is then ready for another block. */
  finish(): Uint8Array {
    this.#search();
    this.#writeSequence(this.#end, 0, 0);
    this.#end = this.#anchor = this.#position = 0;
    this.#table.fill(-1);
    return this.#take();
  }

  #search(): void {
    const buffer = this.#buffer;
    const table = this.#table;
    const limit = this.#end - MATCH_LIMIT;
    const matchEnd = this.#end - LAST_LITERALS;
    let position = this.#position;
    let misses = 1 << 6;
    while (position <= limit) {
      const word = read32(buffer, position);
      const slot = Math.imul(word, -1640531535) >>> (32 - HASH_BITS);
      let match = table[slot]!;
      table[slot] = position;
      if (match < 0 || position - match > WINDOW || read32(buffer, match) !== word) {
        position += misses++ >> 6;
        continue;
      }
      misses = 1 << 6;
      let end = position + MIN_MATCH;
      let from = match + MIN_MATCH;
      while (end < matchEnd && buffer[end] === buffer[from]) {
        end++;
        from++;
      }
      while (position > this.#anchor && match > 0 && buffer[position - 1] === buffer[match - 1]) {
        position--;
        match--;
      }
      this.#writeSequence(position, position - match, end - position);
      this.#anchor = position = end;
    }
    this.#position = position;
  }

  /** Literals up to `literalsEnd`, then a match; a match of length 0 is none (the last sequence). */
  #writeSequence(literalsEnd: number, offset: number, matchLength: number): void {
    const literals = literalsEnd - this.#anchor;
    this.#reserve(literals + Math.ceil((literals + matchLength) / 255) + 16);
    const out = this.#out;
    const token = this.#outEnd++;
    out[token] = Math.min(literals, 15) << 4;
    if (literals >= 15) this.#writeLength(literals - 15);
    out.set(this.#buffer.subarray(this.#anchor, literalsEnd), this.#outEnd);
    this.#outEnd += literals;
    this.#anchor = literalsEnd;
    if (matchLength === 0) return;
    out[this.#outEnd++] = offset;
    out[this.#outEnd++] = offset >>> 8;
    const length = matchLength - MIN_MATCH;
    out[token]! |= Math.min(length, 15);
    if (length >= 15) this.#writeLength(length - 15);
  }

  #writeLength(length: number): void {
    while (length >= 255) {
      this.#out[this.#outEnd++] = 255;
      length -= 255;
    }
    this.#out[this.#outEnd++] = length;
  }

  #reserve(size: number): void {
    if (this.#outEnd + size <= this.#out.length) return;
    const larger = new Uint8Array(Math.max(this.#out.length * 2, this.#outEnd + size));
    larger.set(this.#out.subarray(0, this.#outEnd));
    this.#out = larger;
  }

  #take(): Uint8Array {
    const taken = this.#out.slice(0, this.#outEnd);
    this.#outEnd = 0;
    return taken;
  }

  /** Makes room behind `#end`: drops what no match can reach, or grows where literals pile up. */
  #slide(): void {
    const drop = Math.min(this.#anchor, Math.max(0, this.#end - WINDOW));
    if (drop < STEP_BYTES / 2) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
      return;
    }
    this.#buffer.copyWithin(0, drop, this.#end);
    this.#end -= drop;
    this.#anchor -= drop;
    this.#position -= drop;
    const table = this.#table;
    for (let slot = 0; slot < table.length; slot++) {
      table[slot]! = Math.max(-1, table[slot]! - drop);
    }
  }
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
}
