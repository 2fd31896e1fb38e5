import { parseTimePoint, resolveTimePoint } from "./time_point.ts";

/** Where to begin with a stream. */
export type StreamFrom =
  | "first"
  /** Behind the newest backup of it. */
  | "next"
  | { readonly offset: bigint }
  /** Epoch milliseconds. */
  | { readonly timestamp: bigint };

/**
 * Reads `first`, `next`, an offset (digits), or a point in time, which is seen from `now` (epoch
 * milliseconds). Times in epoch milliseconds cannot be told from offsets, and are none here.
 *
 * @throws {RangeError} that says what is expected, without repeating the value
 */
export function parseStreamFrom(written: string | number, now = 0): StreamFrom {
  const text = String(written).trim();
  if (text === "first" || text === "next") return text;
  if (/^\d+$/.test(text)) {
    const offset = BigInt(text);
    if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError("no offset is that great");
    return { offset };
  }
  try {
    return { timestamp: BigInt(resolveTimePoint(parseTimePoint(text), now)) };
  } catch (error) {
    if (!(error instanceof RangeError) || /^expected/.test(error.message)) {
      throw new RangeError(
        'expected "first", "next", an offset, or a time: RFC 3339 such as "2025-03-04T05:06:07Z", ' +
          'or from now such as "-2h", "yesterday 14:00"',
        { cause: error },
      );
    }
    throw error;
  }
}
