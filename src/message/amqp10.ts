/** As much of AMQP 1.0 as it takes to find an annotation in a message (specification, 1.6 and 3.2). */
import { WireReader } from "./wire.ts";

const DESCRIBED = 0x00;
const SMALL_ULONG = 0x53;
const ULONG = 0x80;
/** Sections that may stand in front of the message annotations, and these. */
const HEADER = 0x70n;
const DELIVERY_ANNOTATIONS = 0x71n;
const MESSAGE_ANNOTATIONS = 0x72n;
const MAP8 = 0xc1;
const MAP32 = 0xd1;
/** Strings and symbols, with a length of 1 byte or of 4. */
const TEXTS8 = [0xa1, 0xa3];
const TEXTS32 = [0xb1, 0xb3];
/** Bytes of a value by the upper half of its constructor; negative: of a length in front of it. */
const SIZES: Readonly<Record<number, number>> = {
  0x4: 0,
  0x5: 1,
  0x6: 2,
  0x7: 4,
  0x8: 8,
  0x9: 16,
  0xa: -1,
  0xb: -4,
  0xc: -1,
  0xd: -4,
  0xe: -1,
  0xf: -4,
};

const decoder = new TextDecoder();

/** A message annotation that is a text; undefined when there is none, also in what is no message. */
export function textAnnotation(message: Uint8Array, name: string): string | undefined {
  try {
    const reader = new WireReader(message);
    while (reader.at < reader.end) {
      if (reader.octet() !== DESCRIBED) return undefined;
      const section = takeDescriptor(reader);
      if (section === MESSAGE_ANNOTATIONS) return find(reader, name);
      if (section !== HEADER && section !== DELIVERY_ANNOTATIONS) return undefined;
      skipValue(reader);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

function takeDescriptor(reader: WireReader): bigint | undefined {
  const constructor = reader.octet();
  if (constructor === SMALL_ULONG) return BigInt(reader.octet());
  return constructor === ULONG ? reader.uint64() : undefined;
}

function find(reader: WireReader, name: string): string | undefined {
  const constructor = reader.octet();
  if (constructor !== MAP8 && constructor !== MAP32) return undefined;
  const size = constructor === MAP8 ? reader.octet() : reader.uint32();
  const map = reader.part(size);
  let values = constructor === MAP8 ? map.octet() : map.uint32();
  for (; values >= 2; values -= 2) {
    const key = takeText(map);
    const value = takeText(map);
    if (key === name) return value;
  }
  return undefined;
}

/** A string or symbol; undefined for any other value, which is passed over. */
function takeText(reader: WireReader): string | undefined {
  const constructor = reader.bytes[reader.at];
  if (constructor !== undefined && reader.at < reader.end) {
    if (TEXTS8.includes(constructor)) {
      reader.skip(1);
      return decoder.decode(reader.take(reader.octet()));
    }
    if (TEXTS32.includes(constructor)) {
      reader.skip(1);
      return decoder.decode(reader.take(reader.uint32()));
    }
  }
  skipValue(reader);
  return undefined;
}

/** Values nest by descriptors only as deep as this in what is a message. */
const MAX_DEPTH = 8;

function skipValue(reader: WireReader, depth = 0): void {
  const constructor = reader.octet();
  if (constructor === DESCRIBED) {
    if (depth === MAX_DEPTH) throw new RangeError("Cannot read the message: it nests too deep");
    skipValue(reader, depth + 1);
    skipValue(reader, depth + 1);
    return;
  }
  const size = SIZES[constructor >> 4];
  if (size === undefined) throw new RangeError("Cannot read the message: an unknown type");
  if (size >= 0) reader.skip(size);
  else reader.skip(size === -1 ? reader.octet() : reader.uint32());
}
