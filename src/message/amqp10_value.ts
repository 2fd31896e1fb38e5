/** Values of AMQP 1.0 with their types (specification, 1.6). */
import { DESCRIBED } from "./amqp10_sections.ts";
import type { WireReader } from "./wire.ts";

/** A value as it is on the wire. */
export type Amqp10Value =
  | { readonly type: "null" }
  | { readonly type: "boolean"; readonly value: boolean }
  | {
    readonly type: "ubyte" | "ushort" | "uint" | "byte" | "short" | "int" | "char";
    readonly value: number;
  }
  /** Milliseconds, of a timestamp. */
  | { readonly type: "ulong" | "long" | "timestamp"; readonly value: bigint }
  /** Bytes as they are, numbers big endian. */
  | {
    readonly type: "float" | "double" | "decimal" | "uuid" | "binary" | "string" | "symbol";
    readonly value: Uint8Array;
  }
  | { readonly type: "list" | "array"; readonly value: readonly Amqp10Value[] }
  | { readonly type: "map"; readonly value: readonly Amqp10Pair[] }
  | { readonly type: "described"; readonly descriptor: Amqp10Value; readonly value: Amqp10Value };

export type Amqp10Pair = readonly [key: Amqp10Value, value: Amqp10Value];

/** Lists, maps, arrays and descriptors may be nested this deep; a deeper one is refused. */
const MAX_DEPTH = 64;
/** Elements without a byte of their own that an array may have: it could claim any number. */
const MAX_EMPTY = 16;

type Read = (reader: WireReader, depth: number) => Amqp10Value;

const TRUE: Amqp10Value = { type: "boolean", value: true };
const FALSE: Amqp10Value = { type: "boolean", value: false };

const signed = (value: number, bits: number) => value << (32 - bits) >> (32 - bits);
const bytesOf = (
  type: "float" | "double" | "decimal" | "uuid" | "binary" | "string" | "symbol",
  size: (reader: WireReader) => number,
): Read =>
(reader) => ({ type, value: reader.take(size(reader)) });
const short = (reader: WireReader) => reader.octet();
const long = (reader: WireReader) => reader.uint32();

/** What stands behind each constructor. */
const READ: Readonly<Record<number, Read>> = {
  0x40: () => ({ type: "null" }),
  0x41: () => TRUE,
  0x42: () => FALSE,
  0x43: () => ({ type: "uint", value: 0 }),
  0x44: () => ({ type: "ulong", value: 0n }),
  0x45: () => ({ type: "list", value: [] }),
  0x50: (reader) => ({ type: "ubyte", value: reader.octet() }),
  0x51: (reader) => ({ type: "byte", value: signed(reader.octet(), 8) }),
  0x52: (reader) => ({ type: "uint", value: reader.octet() }),
  0x53: (reader) => ({ type: "ulong", value: BigInt(reader.octet()) }),
  0x54: (reader) => ({ type: "int", value: signed(reader.octet(), 8) }),
  0x55: (reader) => ({ type: "long", value: BigInt(signed(reader.octet(), 8)) }),
  0x56: (reader) => reader.octet() === 0 ? FALSE : TRUE,
  0x60: (reader) => ({ type: "ushort", value: reader.uint16() }),
  0x61: (reader) => ({ type: "short", value: signed(reader.uint16(), 16) }),
  0x70: (reader) => ({ type: "uint", value: reader.uint32() }),
  0x71: (reader) => ({ type: "int", value: reader.uint32() | 0 }),
  0x72: bytesOf("float", () => 4),
  0x73: (reader) => ({ type: "char", value: reader.uint32() }),
  0x74: bytesOf("decimal", () => 4),
  0x80: (reader) => ({ type: "ulong", value: reader.uint64() }),
  0x81: (reader) => ({ type: "long", value: BigInt.asIntN(64, reader.uint64()) }),
  0x82: bytesOf("double", () => 8),
  0x83: (reader) => ({ type: "timestamp", value: BigInt.asIntN(64, reader.uint64()) }),
  0x84: bytesOf("decimal", () => 8),
  0x94: bytesOf("decimal", () => 16),
  0x98: bytesOf("uuid", () => 16),
  0xa0: bytesOf("binary", short),
  0xa1: bytesOf("string", short),
  0xa3: bytesOf("symbol", short),
  0xb0: bytesOf("binary", long),
  0xb1: bytesOf("string", long),
  0xb3: bytesOf("symbol", long),
  0xc0: (reader, depth) => readList(reader.part(reader.octet()), { count: short, depth }),
  0xc1: (reader, depth) => readMap(reader.part(reader.octet()), { count: short, depth }),
  0xd0: (reader, depth) => readList(reader.part(reader.uint32()), { count: long, depth }),
  0xd1: (reader, depth) => readMap(reader.part(reader.uint32()), { count: long, depth }),
  0xe0: (reader, depth) => readArray(reader.part(reader.octet()), { count: short, depth }),
  0xf0: (reader, depth) => readArray(reader.part(reader.uint32()), { count: long, depth }),
};

interface Compound {
  readonly count: (reader: WireReader) => number;
  readonly depth: number;
}

/**
 * Reads a value with its constructor.
 *
 * @throws {RangeError} when it is malformed or nested deeper than 64 levels
 */
export function readAmqp10(reader: WireReader, depth = 0): Amqp10Value {
  return readerOf(reader, depth)(reader, depth);
}

/** Takes a constructor; what it returns reads a value of it. */
function readerOf(reader: WireReader, depth: number): Read {
  if (depth > MAX_DEPTH) throw new RangeError("Cannot read a value: nested too deep");
  const constructor = reader.octet();
  if (constructor === DESCRIBED) {
    const descriptor = readAmqp10(reader, depth + 1);
    const read = readerOf(reader, depth + 1);
    return (from, at) => ({ type: "described", descriptor, value: read(from, at + 1) });
  }
  const read = READ[constructor];
  if (read === undefined) throw new RangeError("Cannot read a value: an unknown type");
  return read;
}

function readList(part: WireReader, { count, depth }: Compound): Amqp10Value {
  const value: Amqp10Value[] = [];
  for (let left = count(part); left > 0; left--) value.push(readAmqp10(part, depth + 1));
  return { type: "list", value };
}

function readMap(part: WireReader, { count, depth }: Compound): Amqp10Value {
  const value: Amqp10Pair[] = [];
  for (let left = count(part); left > 0; left -= 2) {
    value.push([readAmqp10(part, depth + 1), readAmqp10(part, depth + 1)]);
  }
  return { type: "map", value };
}

function readArray(part: WireReader, { count, depth }: Compound): Amqp10Value {
  const value: Amqp10Value[] = [];
  const elements = count(part);
  const read = readerOf(part, depth + 1);
  if (elements > part.end - part.at + MAX_EMPTY) {
    throw new RangeError("Cannot read a value: an array has more elements than bytes");
  }
  for (let left = elements; left > 0; left--) value.push(read(part, depth + 1));
  return { type: "array", value };
}
