/** LZ4 as stream clients write it: frames (lz4_Frame_format.md, lz4_Block_format.md of the LZ4 project). */
import { damagedBatch, Unpacked } from "./unpacked.ts";
import { WireReader } from "./wire.ts";

const MAGIC = 0x184d2204;
const MIN_MATCH = 4;
const PLAIN_BLOCK = 0x8000_0000;
const FLAG = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 };

/**
 * Unpacks frames that have `size` bytes when unpacked. Blocks may refer to those before them. Checksums
 * are passed over: the chunk of the stream has one of its own.
 *
 * @throws {AppError} `failed`
 */
export function unpackLz4Frames(bytes: Uint8Array, size: number): Uint8Array {
  const unpacked = new Unpacked(size);
  const reader = new WireReader(bytes);
  try {
    while (reader.at < reader.end) unpackFrame(reader, unpacked);
  } catch (error) {
    if (error instanceof RangeError) throw damagedBatch("its LZ4 frame is cut off");
    throw error;
  }
  return unpacked.finish();
}

function unpackFrame(reader: WireReader, unpacked: Unpacked): void {
  if (little32(reader) !== MAGIC) throw damagedBatch("it does not begin like an LZ4 frame");
  const flags = reader.octet();
  if ((flags & FLAG.dictionary) !== 0) throw damagedBatch("its LZ4 frame wants a dictionary");
  // The largest size of a block, the size of the content, and a checksum of these.
  reader.skip(1 + ((flags & FLAG.contentSize) !== 0 ? 8 : 0) + 1);
  for (;;) {
    const head = little32(reader);
    if (head === 0) break;
    const isPlain = (head & PLAIN_BLOCK) !== 0;
    const block = reader.take(head & ~PLAIN_BLOCK);
    if (isPlain) unpacked.literal(block);
    else unpackBlock(new WireReader(block), unpacked);
    if ((flags & FLAG.blockChecksum) !== 0) reader.skip(4);
  }
  if ((flags & FLAG.contentChecksum) !== 0) reader.skip(4);
}

function unpackBlock(reader: WireReader, unpacked: Unpacked): void {
  while (reader.at < reader.end) {
    const token = reader.octet();
    const literals = reader.take(lengthOf(reader, token >> 4));
    unpacked.literal(literals);
    // The last sequence has literals only.
    if (reader.at === reader.end) return;
    const distance = reader.octet() | reader.octet() << 8;
    unpacked.match(distance, MIN_MATCH + lengthOf(reader, token & 15));
  }
}

function lengthOf(reader: WireReader, nibble: number): number {
  let length = nibble;
  if (nibble < 15) return length;
  for (let more = 255; more === 255;) length += more = reader.octet();
  return length;
}

function little32(reader: WireReader): number {
  const [a, b, c, d] = reader.take(4) as unknown as [number, number, number, number];
  return (a | b << 8 | c << 16 | d << 24) >>> 0;
}
