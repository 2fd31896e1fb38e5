/**
 * Field tables of AMQP 0-9-1 (section 4.2.5.5) with the type tags that RabbitMQ uses
 * (https://www.rabbitmq.com/amqp-0-9-1-errata, section 3). What is read and written again has the
 * very same bytes.
 */

import type { WireReader, WireWriter } from "./wire.ts";

/** Integers of up to 32 bits: int8 `b`, uint8 `B`, int16 `s`, uint16 `u`, int32 `I`, uint32 `i`. */
export type SmallIntegerTag = "b" | "B" | "s" | "u" | "I" | "i";

/** A value of a field table or array, with the tag that it has on the wire. */
export type FieldValue =
  /** Boolean; `octet` is there when it is neither 0 nor 1. */
  | { readonly tag: "t"; readonly value: boolean; readonly octet?: number }
  | { readonly tag: SmallIntegerTag; readonly value: number }
  /** int64. RabbitMQ reads both tags so, and writes `l`. */
  | { readonly tag: "l" | "L"; readonly value: bigint }
  /** float32 and float64 as their 4 or 8 bytes, big endian; see {@linkcode floatValue}. */
  | { readonly tag: "f" | "d"; readonly bits: Uint8Array }
  /** Decimal: `value` (uint32) / 10^`scale`. */
  | { readonly tag: "D"; readonly scale: number; readonly value: number }
  /** Long string, byte array: any bytes. */
  | { readonly tag: "S" | "x"; readonly value: Uint8Array }
  /** Timestamp: uint64, seconds since 1970. */
  | { readonly tag: "T"; readonly value: bigint }
  | { readonly tag: "A"; readonly value: readonly FieldValue[] }
  | { readonly tag: "F"; readonly value: FieldTable }
  | { readonly tag: "V" };

/** Entries in wire order; names are bytes, at most 255, and may repeat. */
export type FieldTable = readonly (readonly [name: Uint8Array, value: FieldValue])[];

/** Tables and arrays may be nested this deep; a deeper one is refused. */
const MAX_DEPTH = 512;

/**
 * Reads a field table with its length in front.
 *
 * @throws {RangeError} when it is malformed or nested deeper than 512 levels.
 */
export function readTable(reader: WireReader, depth = 0): FieldTable {
  const part = reader.part(reader.uint32());
  const table: [Uint8Array, FieldValue][] = [];
  while (part.at < part.end) table.push([part.shortString(), readValue(part, depth)]);
  return table;
}

/** Writes a field table with its length in front. */
export function writeTable(writer: WireWriter, table: FieldTable): void {
  writer.sized(() => {
    for (const [name, value] of table) {
      writer.shortString(name);
      writeValue(writer, value);
    }
  });
}

/** Reads a tag and its value; throws as {@linkcode readTable}. */
export function readValue(reader: WireReader, depth = 0): FieldValue {
  if (depth > MAX_DEPTH) throw new RangeError("Cannot decode properties: nested too deep");
  const tag = String.fromCharCode(reader.octet());
  switch (tag) {
    case "S":
    case "x":
      return { tag, value: reader.take(reader.uint32()) };
    case "t": {
      const octet = reader.octet();
      return { tag, value: octet !== 0, ...(octet > 1 ? { octet } : {}) };
    }
    case "b":
      return { tag, value: reader.octet() << 24 >> 24 };
    case "B":
      return { tag, value: reader.octet() };
    case "s":
      return { tag, value: reader.uint16() << 16 >> 16 };
    case "u":
      return { tag, value: reader.uint16() };
    case "I":
      return { tag, value: reader.uint32() | 0 };
    case "i":
      return { tag, value: reader.uint32() };
    case "l":
    case "L":
      return { tag, value: BigInt.asIntN(64, reader.uint64()) };
    case "T":
      return { tag, value: reader.uint64() };
    case "f":
      return { tag, bits: reader.take(4) };
    case "d":
      return { tag, bits: reader.take(8) };
    case "D":
      return { tag, scale: reader.octet(), value: reader.uint32() };
    case "F":
      return { tag, value: readTable(reader, depth + 1) };
    case "A": {
      const part = reader.part(reader.uint32());
      const value: FieldValue[] = [];
      while (part.at < part.end) value.push(readValue(part, depth + 1));
      return { tag, value };
    }
    case "V":
      return { tag };
    default:
      throw unknownTag(tag);
  }
}

/** Writes a tag and its value. */
export function writeValue(writer: WireWriter, field: FieldValue): void {
  writer.octet(field.tag.charCodeAt(0));
  switch (field.tag) {
    case "S":
    case "x":
      writer.uint32(field.value.length);
      return writer.raw(field.value);
    case "t":
      return writer.octet(field.octet ?? Number(field.value));
    case "b":
    case "B":
      return writer.octet(field.value);
    case "s":
    case "u":
      return writer.uint16(field.value);
    case "I":
    case "i":
      return writer.uint32(field.value);
    case "l":
    case "L":
    case "T":
      return writer.uint64(BigInt.asUintN(64, field.value));
    case "f":
    case "d":
      return writer.raw(field.bits);
    case "D":
      writer.octet(field.scale);
      return writer.uint32(field.value);
    case "F":
      return writeTable(writer, field.value);
    case "A":
      return writer.sized(() => field.value.forEach((value) => writeValue(writer, value)));
    case "V":
      return;
  }
}

/** Passes over a tag and its value without reading it; nested values stay unchecked. */
export function skipValue(reader: WireReader): void {
  const tag = String.fromCharCode(reader.octet());
  switch (tag) {
    case "S":
    case "x":
    case "F":
    case "A":
      reader.skip(reader.uint32());
      return;
    case "t":
    case "b":
    case "B":
      reader.skip(1);
      return;
    case "s":
    case "u":
      reader.skip(2);
      return;
    case "I":
    case "i":
    case "f":
      reader.skip(4);
      return;
    case "D":
      reader.skip(5);
      return;
    case "l":
    case "L":
    case "T":
    case "d":
      reader.skip(8);
      return;
    case "V":
      return;
    default:
      throw unknownTag(tag);
  }
}

/** The number that a `f` or `d` value stands for. */
export function floatValue(bits: Uint8Array): number {
  const view = new DataView(bits.buffer, bits.byteOffset, bits.byteLength);
  return bits.length === 4 ? view.getFloat32(0) : view.getFloat64(0);
}

/** A `f` or `d` value from a number. */
export function floatField(tag: "f" | "d", value: number): FieldValue {
  const bits = new Uint8Array(tag === "f" ? 4 : 8);
  const view = new DataView(bits.buffer);
  if (tag === "f") view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return { tag, bits };
}

function unknownTag(tag: string): RangeError {
  return new RangeError(`Cannot decode properties: unknown type tag ${JSON.stringify(tag)}`);
}
