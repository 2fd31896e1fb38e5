/** Values of AMQP 1.0 (specification, 1.6), read to be shown. */
import {
  lossyText,
  type Shown,
  shownBytes,
  shownInteger,
  shownNumber,
  shownTime,
} from "./shown_value.ts";
import type { WireReader } from "./wire.ts";

/** A value, what the specification calls its type, and bytes where it is binary. */
export interface Amqp10Value {
  readonly type: string;
  readonly value: Shown;
  readonly bytes?: Uint8Array;
  /** Of a map: its entries in order, also where keys repeat or are no text. */
  readonly entries?: readonly (readonly [key: Amqp10Value, value: Amqp10Value])[];
  /** Of a list or an array. */
  readonly items?: readonly Amqp10Value[];
}

/** Values may be nested this deep; a deeper one is refused. */
const MAX_DEPTH = 64;
const DESCRIBED = 0x00;

type Read = (reader: WireReader, depth: number) => Amqp10Value;

/**
 * Reads a constructor and its value.
 *
 * @throws {RangeError} when it is malformed, of an unknown type, or nested deeper than 64 levels
 */
export function readAmqp10Value(reader: WireReader, depth = 0): Amqp10Value {
  if (depth > MAX_DEPTH) throw tooDeep();
  const constructor = reader.octet();
  if (constructor !== DESCRIBED) return readBy(constructor)(reader, depth);
  readAmqp10Value(reader, depth + 1);
  return readAmqp10Value(reader, depth + 1);
}

function readBy(constructor: number): Read {
  const read = READERS[constructor];
  if (read === undefined) throw new RangeError("Cannot read the message: an unknown type");
  return read;
}

const whole = (type: string, read: (reader: WireReader) => number): Read => (reader) => ({
  type,
  value: read(reader),
});
const large = (type: string, read: (reader: WireReader) => bigint): Read => (reader) => ({
  type,
  value: shownInteger(read(reader)),
});
const constant = (type: string, value: Shown): Read => () => ({ type, value });
const text = (type: string, length: (reader: WireReader) => number): Read => (reader) => ({
  type,
  value: lossyText(reader.take(length(reader))),
});
const binary = (length: (reader: WireReader) => number): Read => (reader) => {
  const bytes = reader.take(length(reader));
  return { type: "binary", value: shownBytes(bytes), bytes };
};
const float = (type: string, size: 4 | 8): Read => (reader) => {
  const bytes = reader.take(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  return { type, value: shownNumber(size === 4 ? view.getFloat32(0) : view.getFloat64(0)) };
};
/** Decimal floating point, which is told by its digits in base 16. */
const opaque = (type: string, size: number): Read => (reader) => ({
  type,
  value: `0x${hexOf(reader.take(size))}`,
});
const octet = (reader: WireReader) => reader.octet();
const uint32 = (reader: WireReader) => reader.uint32();
const int64 = (reader: WireReader) => BigInt.asIntN(64, reader.uint64());

const READERS: Readonly<Record<number, Read>> = {
  0x40: constant("null", null),
  0x41: constant("boolean", true),
  0x42: constant("boolean", false),
  0x43: constant("uint", 0),
  0x44: constant("ulong", 0),
  0x45: () => ({ type: "list", value: [], items: [] }),
  0x50: whole("ubyte", octet),
  0x51: whole("byte", (reader) => reader.octet() << 24 >> 24),
  0x52: whole("uint", octet),
  0x53: whole("ulong", octet),
  0x54: whole("int", (reader) => reader.octet() << 24 >> 24),
  0x55: whole("long", (reader) => reader.octet() << 24 >> 24),
  0x56: (reader) => ({ type: "boolean", value: reader.octet() !== 0 }),
  0x60: whole("ushort", (reader) => reader.uint16()),
  0x61: whole("short", (reader) => reader.uint16() << 16 >> 16),
  0x70: whole("uint", uint32),
  0x71: whole("int", (reader) => reader.uint32() | 0),
  0x72: float("float", 4),
  0x73: (reader) => ({ type: "char", value: charOf(reader.uint32()) }),
  0x74: opaque("decimal32", 4),
  0x80: large("ulong", (reader) => reader.uint64()),
  0x81: large("long", int64),
  0x82: float("double", 8),
  0x83: (reader) => ({ type: "timestamp", value: shownTime(int64(reader)) }),
  0x84: opaque("decimal64", 8),
  0x94: opaque("decimal128", 16),
  0x98: (reader) => ({ type: "uuid", value: uuidOf(reader.take(16)) }),
  0xa0: binary(octet),
  0xa1: text("string", octet),
  0xa3: text("symbol", octet),
  0xb0: binary(uint32),
  0xb1: text("string", uint32),
  0xb3: text("symbol", uint32),
  0xc0: (reader, depth) => list(reader.part(reader.octet()), { count: octet, depth }),
  0xc1: (reader, depth) => map(reader.part(reader.octet()), { count: octet, depth }),
  0xd0: (reader, depth) => list(reader.part(reader.uint32()), { count: uint32, depth }),
  0xd1: (reader, depth) => map(reader.part(reader.uint32()), { count: uint32, depth }),
  0xe0: (reader, depth) => array(reader.part(reader.octet()), { count: octet, depth }),
  0xf0: (reader, depth) => array(reader.part(reader.uint32()), { count: uint32, depth }),
};

interface Compound {
  readonly count: (reader: WireReader) => number;
  readonly depth: number;
}

function list(part: WireReader, { count, depth }: Compound): Amqp10Value {
  const items: Amqp10Value[] = [];
  for (let left = count(part); left > 0; left--) items.push(readAmqp10Value(part, depth + 1));
  return { type: "list", value: items.map(({ value }) => value), items };
}

function map(part: WireReader, { count, depth }: Compound): Amqp10Value {
  const entries: [Amqp10Value, Amqp10Value][] = [];
  for (let left = count(part); left >= 2; left -= 2) {
    const key = readAmqp10Value(part, depth + 1);
    entries.push([key, readAmqp10Value(part, depth + 1)]);
  }
  const value = Object.fromEntries(entries.map(([key, one]) => [textOfKey(key), one.value]));
  return { type: "map", value, entries };
}

/** One constructor for all items, in front of them. */
function array(part: WireReader, { count, depth }: Compound): Amqp10Value {
  if (depth > MAX_DEPTH) throw tooDeep();
  const left = count(part);
  const constructor = part.octet();
  if (constructor === DESCRIBED) throw new RangeError("Cannot read the message: an unknown array");
  const read = readBy(constructor);
  const items: Amqp10Value[] = [];
  // Items may take no bytes at all, so that no length bounds their number.
  for (let index = 0; index < left; index++) {
    if (part.at === part.end) break;
    items.push(read(part, depth + 1));
  }
  return { type: "array", value: items.map(({ value }) => value), items };
}

/** A key of a map as a name. */
export function textOfKey({ value }: Amqp10Value): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function tooDeep(): RangeError {
  return new RangeError("Cannot read the message: it nests too deep");
}

function charOf(code: number): Shown {
  return code <= 0x10ffff ? String.fromCodePoint(code) : code;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function uuidOf(bytes: Uint8Array): string {
  return hexOf(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
