/** Values of AMQP 1.0 as fields of AMQP 0-9-1, as RabbitMQ makes them (mc_amqpl.erl), and further. */
import type { Amqp10Pair, Amqp10Value } from "./amqp10_value.ts";
import {
  type FieldTable,
  type FieldValue,
  floatValue,
  type SmallIntegerTag,
} from "./field_table.ts";

/** Names of headers and short strings have at most so many bytes. */
export const MAX_SHORT = 255;

const SMALL: Readonly<Record<string, SmallIntegerTag>> = {
  ubyte: "B",
  ushort: "u",
  uint: "i",
  byte: "b",
  short: "s",
  int: "I",
};
const encoder = new TextEncoder();

/** What is told of a value that is not the same in AMQP 0-9-1; it is called for each. */
export type OnInexact = () => void;

/** A value as a field; where AMQP 0-9-1 has no such type, what comes near. */
export function fieldOf(from: Amqp10Value, onInexact: OnInexact): FieldValue {
  switch (from.type) {
    case "null":
      return { tag: "V" };
    case "boolean":
      return { tag: "t", value: from.value };
    case "long":
      return { tag: "l", value: from.value };
    case "timestamp":
      if (from.value % 1000n !== 0n) onInexact();
      return { tag: "T", value: BigInt.asUintN(64, secondsOf(from.value)) };
    case "string":
      return { tag: "S", value: from.value };
    case "binary":
      return { tag: "x", value: from.value };
    case "float":
    case "double":
      if (Number.isFinite(floatValue(from.value))) {
        return { tag: from.type === "float" ? "f" : "d", bits: from.value };
      }
      // Brokers end the connection over these.
      onInexact();
      return { tag: "S", value: encoder.encode(String(floatValue(from.value))) };
    case "list":
      return { tag: "A", value: from.value.map((one) => fieldOf(one, onInexact)) };
    case "map":
      return { tag: "F", value: tableOf(from.value, onInexact) };
    case "ubyte":
    case "ushort":
    case "uint":
    case "byte":
    case "short":
    case "int":
      return { tag: SMALL[from.type]!, value: from.value };
    // AMQP 0-9-1 has none of these.
    case "ulong":
      onInexact();
      return { tag: "l", value: BigInt.asIntN(64, from.value) };
    case "symbol":
      onInexact();
      return { tag: "S", value: from.value };
    case "char":
      onInexact();
      return { tag: "S", value: encoder.encode(characterOf(from.value)) };
    case "uuid":
      onInexact();
      return { tag: "S", value: uuidText(from.value) };
    case "decimal":
      onInexact();
      return { tag: "x", value: from.value };
    case "array":
      onInexact();
      return { tag: "A", value: from.value.map((one) => fieldOf(one, onInexact)) };
    case "described":
      onInexact();
      return fieldOf(from.value, onInexact);
  }
}

/** The entries whose names have a place; others are told. */
export function tableOf(pairs: readonly Amqp10Pair[], onInexact: OnInexact): FieldTable {
  const table: (readonly [Uint8Array, FieldValue])[] = [];
  for (const [key, value] of pairs) {
    const name = key.type === "string" || key.type === "symbol" ? key.value : undefined;
    if (name === undefined || name.length > MAX_SHORT) onInexact();
    else table.push([name, fieldOf(value, onInexact)]);
  }
  return table;
}

/** Whole seconds, as RabbitMQ has them: towards zero. */
export function secondsOf(milliseconds: bigint): bigint {
  return milliseconds / 1000n;
}

/** The text that RabbitMQ writes for a UUID. */
export function uuidText(bytes: Uint8Array): Uint8Array {
  const hex = bytes.toHex();
  const parts = [0, 8, 12, 16, 20].map((at, index, all) => hex.slice(at, all[index + 1]));
  return encoder.encode(`urn:uuid:${parts.join("-")}`);
}

function characterOf(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : String(code);
}
