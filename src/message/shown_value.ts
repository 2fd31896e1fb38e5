/** Values of messages as people and scripts are told of them. */
import { type FieldTable, type FieldValue, floatValue } from "./field_table.ts";

/**
 * A value as JSON has it. Integers that JSON's numbers do not hold, and decimals, are text; times are
 * RFC 3339; bytes that are no text are `{ base64 }`.
 */
export type Shown =
  | null
  | boolean
  | number
  | string
  | readonly Shown[]
  | { readonly [name: string]: Shown };

/** A property or a header. Names may repeat. */
export interface ShownField {
  readonly name: string;
  /** As the protocol calls it: `int32`, `utf8`. */
  readonly type: string;
  readonly value: Shown;
}

const TYPES: Readonly<Record<FieldValue["tag"], string>> = {
  t: "boolean",
  b: "int8",
  B: "uint8",
  s: "int16",
  u: "uint16",
  I: "int32",
  i: "uint32",
  l: "int64",
  L: "int64",
  f: "float",
  d: "double",
  D: "decimal",
  S: "string",
  x: "bytes",
  T: "timestamp",
  A: "array",
  F: "table",
  V: "void",
};

/** The entries of a table of AMQP 0-9-1. */
export function shownTable(table: FieldTable): ShownField[] {
  return table.map(([name, field]) => ({
    name: lossyText(name),
    type: TYPES[field.tag],
    value: shownValue(field),
  }));
}

function shownValue(field: FieldValue): Shown {
  switch (field.tag) {
    case "S":
    case "x":
      return shownBytes(field.value);
    case "f":
    case "d":
      return shownNumber(floatValue(field.bits));
    case "D":
      return decimalText(field);
    case "l":
    case "L":
      return shownInteger(field.value);
    case "T":
      return shownTime(field.value * 1000n);
    case "A":
      return field.value.map(shownValue);
    case "F":
      return Object.fromEntries(shownTable(field.value).map(({ name, value }) => [name, value]));
    case "V":
      return null;
    default:
      return field.value;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as text where they are UTF-8, else as `{ base64 }`. */
export function shownBytes(bytes: Uint8Array): Shown {
  try {
    return strict.decode(bytes);
  } catch {
    return { base64: base64Of(bytes) };
  }
}

/** Bytes as text, with U+FFFD in place of what is not UTF-8. */
export function lossyText(bytes: Uint8Array): string {
  return lossy.decode(bytes);
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

export function shownInteger(value: bigint): Shown {
  return BigInt.asIntN(54, value) === value ? Number(value) : String(value);
}

/** JSON has no NaN and no infinity. */
export function shownNumber(value: number): Shown {
  return Number.isFinite(value) ? value : String(value);
}

/** The last millisecond that a date can hold (ECMA-262, 21.4.1.1). */
const LARGEST_MS = 8_640_000_000_000_000n;

/** Epoch milliseconds as RFC 3339; a time that no date can hold as its number. */
export function shownTime(epochMs: bigint): Shown {
  const isDate = epochMs <= LARGEST_MS && epochMs >= -LARGEST_MS;
  return isDate ? new Date(Number(epochMs)).toISOString() : shownInteger(epochMs);
}

function decimalText({ scale, value }: { scale: number; value: number }): string {
  if (scale === 0) return String(value);
  const digits = String(value).padStart(scale + 1, "0");
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
