/** Values of AMQP 1.0 as people and scripts are told of them. */
import { type Amqp10Value, readAmqp10 } from "./amqp10_value.ts";
import { floatValue } from "./field_table.ts";
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
export interface ShownAmqp10 {
  readonly type: string;
  readonly value: Shown;
  readonly bytes?: Uint8Array;
  /** Of a map: its entries in order, also where keys repeat or are no text. */
  readonly entries?: readonly (readonly [key: ShownAmqp10, value: ShownAmqp10])[];
  /** Of a list or an array. */
  readonly items?: readonly ShownAmqp10[];
}

/**
 * Reads a constructor and its value.
 *
 * @throws {RangeError} when it is malformed, of an unknown type, or nested deeper than 64 levels
 */
export function readShownAmqp10(reader: WireReader): ShownAmqp10 {
  return shownAmqp10(readAmqp10(reader));
}

/** A key of a map as a name. */
export function textOfKey({ value }: ShownAmqp10): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shownAmqp10(from: Amqp10Value): ShownAmqp10 {
  const { type } = from;
  switch (type) {
    case "null":
      return { type, value: null };
    case "ulong":
    case "long":
      return { type, value: shownInteger(from.value) };
    case "timestamp":
      return { type, value: shownTime(from.value) };
    case "float":
    case "double":
      return { type, value: shownNumber(floatValue(from.value)) };
    case "char":
      return { type, value: charOf(from.value) };
    case "string":
    case "symbol":
      return { type, value: lossyText(from.value) };
    case "binary":
      return { type, value: shownBytes(from.value), bytes: from.value };
    case "uuid":
      return { type, value: uuidOf(from.value) };
    case "decimal":
      // Told by its digits in base 16.
      return { type: `decimal${8 * from.value.length}`, value: `0x${from.value.toHex()}` };
    case "list":
    case "array": {
      const items = from.value.map(shownAmqp10);
      return { type, value: items.map(({ value }) => value), items };
    }
    case "map": {
      const entries = from.value.map(([key, value]) =>
        [shownAmqp10(key), shownAmqp10(value)] as const
      );
      const value = Object.fromEntries(entries.map(([key, one]) => [textOfKey(key), one.value]));
      return { type, value, entries };
    }
    case "described":
      return shownAmqp10(from.value);
    default:
      return { type, value: from.value };
  }
}

function charOf(code: number): Shown {
  return code <= 0x10ffff ? String.fromCodePoint(code) : code;
}

function uuidOf(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
