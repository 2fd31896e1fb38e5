/** LZ4 frames (lz4_Frame_format.md of the LZ4 project), small enough for memory. */
import { Lz4BlockDecoder } from "../../archive/lz4_decoder.ts";

const MAGIC = 0x184d2204;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const DICTIONARY = 0x01;
const IS_PLAIN = 0x8000_0000;
/** Magic number, flags, block size; the header's checksum stands behind all of it. */
const HEAD_BYTES = 6;

/**
 * Unpacks a frame that has at most `size` bytes of content. Checksums are passed over: chunks of
 * streams have one of their own.
 *
 * @throws {RangeError} when it is no frame, or one of blocks that depend on each other;
 *   {AppError} `damaged` when a block is
 */
export function unpackLz4Frame(frame: Uint8Array, size: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError("Cannot unpack: no LZ4 frame");
  const flags = view.getUint8(4);
  const isLinked = (flags & INDEPENDENT_BLOCKS) === 0;
  let at = HEAD_BYTES + ((flags & CONTENT_SIZE) === 0 ? 0 : 8) +
    ((flags & DICTIONARY) === 0 ? 0 : 4) + 1;
  const content = new Uint8Array(size);
  let filled = 0;
  for (let block = 0;; block++) {
    const head = view.getUint32(at, true);
    if (head === 0) return content.subarray(0, filled);
    if (isLinked && block > 0) throw new RangeError("Cannot unpack: linked LZ4 blocks");
    const length = head % IS_PLAIN;
    const bytes = frame.subarray(at + 4, at + 4 + length);
    const pieces = head >= IS_PLAIN ? [bytes] : new Lz4BlockDecoder(size - filled).push(bytes);
    for (const piece of pieces) {
      content.set(piece, filled);
      filled += piece.length;
    }
    at += 4 + length + ((flags & BLOCK_CHECKSUM) === 0 ? 0 : 4);
  }
}
