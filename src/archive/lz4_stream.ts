/** How LZ4 blocks are framed: in version 2 many small ones, in version 1 a single one. */
import { damaged, Lz4BlockDecoder } from "./lz4_decoder.ts";
import { Lz4BlockEncoder } from "./lz4_encoder.ts";

/** Uncompressed bytes of a block that is written, and the most that is accepted. */
const BLOCK_BYTES = 1024 * 1024;
const MAX_BLOCK_BYTES = 4 * 1024 * 1024;

/** Compresses in the form of version 2. */
export async function* lz4Blocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const encoder = new Lz4BlockEncoder();
  let parts: Uint8Array[] = [];
  let size = 0;
  const block = () => {
    parts.push(encoder.finish());
    const result = [uint32s(size, lengthOf(parts)), ...parts];
    parts = [];
    size = 0;
    return result;
  };
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + BLOCK_BYTES - size);
      parts.push(encoder.push(part));
      at += part.length;
      size += part.length;
      if (size === BLOCK_BYTES) yield* block();
    }
  }
  if (size > 0) yield* block();
}

/** Version 1 has one block behind its uncompressed size, so its compressed form is held whole. */
export async function* lz4Single(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const encoder = new Lz4BlockEncoder();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    parts.push(encoder.push(piece));
    size += piece.length;
  }
  parts.push(encoder.finish());
  if (size > 0xffff_ffff) throw new RangeError("Cannot compress with lz4: longer than 4 GiB");
  yield uint32s(size);
  yield* parts;
}

/** @throws {AppError} `damaged` */
export async function* unpackLz4Blocks(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = new HeaderReader(8);
  let decoder: Lz4BlockDecoder | undefined;
  let left = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) {
      if (decoder === undefined) {
        at = reader.take(piece, at);
        if (!reader.complete) continue;
        const [size, packed] = [reader.uint32(0), reader.uint32(4)];
        if (size > MAX_BLOCK_BYTES || packed > MAX_BLOCK_BYTES * 2 || packed === 0) {
          throw damaged(`an LZ4 block claims ${packed} bytes for ${size}`);
        }
        decoder = new Lz4BlockDecoder(size);
        left = packed;
        reader.reset();
        continue;
      }
      const part = piece.subarray(at, at + left);
      yield* decoder.push(part);
      at += part.length;
      left -= part.length;
      if (left > 0) continue;
      decoder.finish();
      decoder = undefined;
    }
  }
  if (decoder !== undefined || !reader.empty) throw damaged("it ends within an LZ4 block");
}

/** @throws {AppError} `damaged` */
export async function* unpackLz4Single(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = new HeaderReader(4);
  let decoder: Lz4BlockDecoder | undefined;
  for await (const piece of source) {
    let at = 0;
    if (decoder === undefined) {
      at = reader.take(piece, 0);
      if (!reader.complete) continue;
      decoder = new Lz4BlockDecoder(reader.uint32(0));
    }
    yield* decoder.push(piece.subarray(at));
  }
  if (decoder === undefined) throw damaged("it ends within an LZ4 block");
  decoder.finish();
}

/** Collects a few bytes that may be split over pieces. */
class HeaderReader {
  readonly #bytes: Uint8Array;
  #filled = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  get complete(): boolean {
    return this.#filled === this.#bytes.length;
  }

  get empty(): boolean {
    return this.#filled === 0;
  }

  take(piece: Uint8Array, at: number): number {
    const part = piece.subarray(at, at + this.#bytes.length - this.#filled);
    this.#bytes.set(part, this.#filled);
    this.#filled += part.length;
    return at + part.length;
  }

  uint32(at: number): number {
    return new DataView(this.#bytes.buffer).getUint32(at, true);
  }

  reset(): void {
    this.#filled = 0;
  }
}

function uint32s(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(index * 4, value, true));
  return bytes;
}

function lengthOf(parts: Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
