/** Snappy in its framing format (framing_format.txt and format_description.txt of the Snappy project). */

const COMPRESSED = 0x00;
const PLAIN = 0x01;
/** Chunks from here on may be passed over. */
const SKIPPABLE = 0x80;
const CHECKSUM_BYTES = 4;

/**
 * Unpacks frames that have at most `size` bytes of content. Checksums are passed over: chunks of
 * streams have one of their own.
 *
 * @throws {RangeError} when the bytes are malformed
 */
export function unpackSnappy(frames: Uint8Array, size: number): Uint8Array {
  const content = new Uint8Array(size);
  let filled = 0;
  for (let at = 0; at < frames.length;) {
    const type = octetAt(frames, at);
    const length = littleEndian(frames, at + 1, 3);
    const end = at + 4 + length;
    if (end > frames.length) throw malformed();
    const data = frames.subarray(at + 4 + CHECKSUM_BYTES, end);
    if (type === PLAIN) {
      content.set(data, filled);
      filled += data.length;
    } else if (type === COMPRESSED) filled = unpackBlock(data, content, filled);
    else if (type < SKIPPABLE) throw malformed();
    at = end;
  }
  return content.subarray(0, filled);
}

/** Unpacks one block into `target`, and returns where its content ends. */
function unpackBlock(block: Uint8Array, target: Uint8Array, start: number): number {
  const { value: length, next } = varint(block);
  const end = start + length;
  if (end > target.length) throw malformed();
  let to = start;
  for (let at = next; at < block.length;) {
    const tag = octetAt(block, at++);
    if ((tag & 3) === 0) {
      const wide = (tag >> 2) - 59;
      const count = (wide > 0 ? littleEndian(block, at, wide) : tag >> 2) + 1;
      at += Math.max(0, wide);
      if (to + count > end || at + count > block.length) throw malformed();
      target.set(block.subarray(at, at + count), to);
      at += count;
      to += count;
      continue;
    }
    const copy = copyOf(tag, block, at);
    at += copy.bytes;
    if (copy.offset === 0 || to - copy.offset < start || to + copy.length > end) throw malformed();
    for (const stop = to + copy.length; to < stop; to++) target[to] = target[to - copy.offset]!;
  }
  if (to !== end) throw malformed();
  return end;
}

/** What a copy element says, and how many bytes it has behind its tag. */
function copyOf(
  tag: number,
  block: Uint8Array,
  at: number,
): { length: number; offset: number; bytes: number } {
  if ((tag & 3) === 1) {
    return {
      length: (tag >> 2 & 7) + 4,
      offset: (tag >> 5) << 8 | octetAt(block, at),
      bytes: 1,
    };
  }
  const bytes = (tag & 3) === 2 ? 2 : 4;
  return { length: (tag >> 2) + 1, offset: littleEndian(block, at, bytes), bytes };
}

function varint(bytes: Uint8Array): { value: number; next: number } {
  let value = 0;
  for (let at = 0; at < 5; at++) {
    const octet = octetAt(bytes, at);
    value += (octet & 0x7f) * 2 ** (7 * at);
    if (octet < 0x80) return { value, next: at + 1 };
  }
  throw malformed();
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = count - 1; index >= 0; index--) value = value * 256 + octetAt(bytes, at + index);
  return value;
}

function octetAt(bytes: Uint8Array, at: number): number {
  const octet = bytes[at];
  if (octet === undefined) throw malformed();
  return octet;
}

function malformed(): RangeError {
  return new RangeError("Cannot unpack: the Snappy frames are malformed");
}
