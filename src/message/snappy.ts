/** Snappy as stream clients write it: framed (framing_format.txt and format_description.txt of Snappy). */
import { damagedBatch, Unpacked } from "./unpacked.ts";

const COMPRESSED = 0x00;
const PLAIN = 0x01;
/** Kinds of chunks from here on may be passed over. */
const SKIPPABLE = 0x80;
const HEAD_BYTES = 4;
/** In front of the data of a chunk; the chunk of the stream has a checksum of its own. */
const CHECKSUM_BYTES = 4;

/**
 * Unpacks a framed stream that has `size` bytes when unpacked.
 *
 * @throws {AppError} `failed`
 */
export function unpackSnappy(bytes: Uint8Array, size: number): Uint8Array {
  const unpacked = new Unpacked(size);
  for (let at = 0; at < bytes.length;) {
    const begin = at + HEAD_BYTES;
    if (begin > bytes.length) throw damagedBatch("its Snappy frame is cut off");
    const kind = bytes[at]!;
    const end = begin + (bytes[at + 1]! | bytes[at + 2]! << 8 | bytes[at + 3]! << 16);
    if (end > bytes.length) throw damagedBatch("its Snappy frame is cut off");
    const data = bytes.subarray(begin + CHECKSUM_BYTES, end);
    if (kind === COMPRESSED) unpackBlock(data, unpacked);
    else if (kind === PLAIN) unpacked.literal(data);
    else if (kind < SKIPPABLE) throw damagedBatch("its Snappy frame has a part of unknown kind");
    at = end;
  }
  return unpacked.finish();
}

function unpackBlock(block: Uint8Array, unpacked: Unpacked): void {
  let at = 0;
  const octet = () => {
    if (at >= block.length) throw damagedBatch("its Snappy block is cut off");
    return block[at++]!;
  };
  const little = (octets: number) => {
    let value = 0;
    for (let place = 0; place < octets; place++) value += octet() * 2 ** (8 * place);
    return value;
  };
  // The length of the whole, which is known.
  while ((octet() & 0x80) !== 0);
  while (at < block.length) {
    const tag = octet();
    const upper = tag >> 2;
    switch (tag & 3) {
      case 0: {
        const length = 1 + (upper < 60 ? upper : little(upper - 59));
        if (length > block.length - at) throw damagedBatch("its Snappy block is cut off");
        unpacked.literal(block.subarray(at, at + length));
        at += length;
        break;
      }
      case 1:
        unpacked.match((upper >> 3) << 8 | octet(), 4 + (upper & 7));
        break;
      case 2:
        unpacked.match(little(2), 1 + upper);
        break;
      default:
        unpacked.match(little(4), 1 + upper);
    }
  }
}
