/** JSON of format version 1: reading with checks, writing with all digits. */
import { AppError } from "../errors.ts";

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** JSON.parse, with integers beyond 2^53 as bigint instead of rounded. */
export function parseJson(json: string): unknown {
  const keepDigits = (_: string, value: unknown, context?: { source: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context!.source)
      ? BigInt(context!.source)
      : value;
  try {
    return JSON.parse(json, keepDigits);
  } catch (error) {
    throw new AppError("damaged", "Cannot read record: it is no JSON", { cause: error });
  }
}

export function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw damaged(`${what} is no object`);
}

export function asList(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw damaged(`${what} is no list`);
}

export function asText(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw damaged(`${what} is no text`);
}

export function asShortString(value: unknown, what: string): Uint8Array {
  const bytes = encoder.encode(asText(value, what));
  if (bytes.length > 255) throw damaged(`${what} is longer than 255 bytes`);
  return bytes;
}

export function asInteger(value: unknown, min: bigint, max: bigint, what: string): bigint {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    const number = BigInt(value as number | bigint);
    if (number >= min && number <= max) return number;
  }
  throw damaged(`${what} is no integer of its type`);
}

/** A float; null, which stands for what is not finite, is NaN. */
export function asFloat(value: unknown, what: string): number {
  if (value === null) return NaN;
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw damaged(`${what} is no number`);
}

export function asBoolean(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw damaged(`${what} is no boolean`);
}

export function asOctets(value: unknown, what: string): Uint8Array {
  const numbers = asList(value, what);
  for (const number of numbers) asInteger(number, 0n, 255n, what);
  return Uint8Array.from(numbers as number[]);
}

/** Text of bytes; what is no UTF-8 is replaced, and told in `inexact`. */
export function textOf(bytes: Uint8Array, inexact: Set<string>): string {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    inexact.add("a name or property that is no valid UTF-8");
    return lenientDecoder.decode(bytes);
  }
}

/** The decimal with the fewest digits that is this float32. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Object.is(Math.fround(shorter), value)) return shorter; // 0 and -0 are two
  }
  return value;
}

/** A float as a JSON number that is read as a float; null when it is none. */
export function floatToJson(value: number, inexact: Set<string>): unknown {
  if (!Number.isFinite(value)) {
    inexact.add("a float that is no finite number");
    return null;
  }
  if (Object.is(value, -0)) return rawJson("-0.0");
  if (!Number.isInteger(value)) return value;
  const small = Math.abs(value) < 1e16;
  return rawJson(small ? value.toFixed(1) : value.toExponential().replace("+", ""));
}

/** A number with exactly these digits, where JSON.stringify would round or shorten it. */
export function rawJson(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}

/** An error about a record of version 1. */
export function damaged(what: string): AppError {
  return new AppError("damaged", `Cannot read record: ${what}`);
}
