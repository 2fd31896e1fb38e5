/** A point in time as a person writes it; see {@linkcode parseTimePoint}. */
export type TimePoint =
  /** Epoch milliseconds. */
  | { readonly kind: "absolute"; readonly epochMs: number }
  /** So long before now; 0 is now. */
  | { readonly kind: "ago"; readonly ms: number }
  /** A time of a day, so many days before today; without an offset in the zone of this machine. */
  | {
    readonly kind: "day";
    readonly daysAgo: number;
    readonly secondOfDay: number;
    /** Minutes east of UTC. */
    readonly offsetMinutes?: number;
  };

const EXPECTED =
  'epoch milliseconds, RFC 3339 such as "2025-03-04T05:06:07Z", or a time from now ' +
  'such as "-2h", "-7d", "now", "today 09:30", "yesterday 14:00"';
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|UTC|[+-]\d\d:\d\d)?$/i;
const DAY = /^(today|yesterday)(?:\s+(\d\d?):(\d\d)(?::(\d\d))?)?\s*(Z|UTC|[+-]\d\d:\d\d)?$/i;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
/** Below it a number is seconds rather than milliseconds: as milliseconds it would be 1973. */
const LEAST_MS = 100_000_000_000;
/** The last millisecond that a date can hold (ECMA-262, 21.4.1.1). */
const LARGEST_MS = 8_640_000_000_000_000;

/**
 * Reads a point in time; what depends on now is resolved by {@linkcode resolveTimePoint}. Units are
 * `s`, `m`, `h`, `d`, `w`, and may follow each other: `-1d12h`.
 *
 * @throws {RangeError} that says what is expected, without repeating the value
 */
export function parseTimePoint(written: string | number): TimePoint {
  const text = String(written).trim();
  if (/^\d+$/.test(text)) return { kind: "absolute", epochMs: epochMsOf(Number(text)) };
  if (/^now$/i.test(text)) return { kind: "ago", ms: 0 };
  if (/^-(\d+[smhdw])+$/.test(text)) return { kind: "ago", ms: durationOf(text) };
  const day = DAY.exec(text);
  if (day !== null) return dayOf(day);
  const [, date, time, zone] = DATE_TIME.exec(text) ?? [];
  if (date !== undefined && zone !== undefined) {
    return { kind: "absolute", epochMs: dateTimeOf({ date, time: time!, zone }) };
  }
  if (date !== undefined || /^\d{4}-\d\d-\d\d$/.test(text)) {
    const missing = date === undefined ? "the time and the zone are" : "the zone is";
    throw new RangeError(`${missing} missing; write 2025-03-04T05:06:07Z or …+01:00`);
  }
  throw new RangeError(`expected ${EXPECTED}`);
}

/** The point in time as epoch milliseconds, seen from `now`, which is such a number as well. */
export function resolveTimePoint(point: TimePoint, now: number): number {
  if (point.kind === "absolute") return point.epochMs;
  if (point.kind === "ago") return now - point.ms;
  const { daysAgo, secondOfDay, offsetMinutes } = point;
  if (offsetMinutes === undefined) {
    const local = new Date(now);
    const day = local.getDate() - daysAgo;
    return new Date(local.getFullYear(), local.getMonth(), day, 0, 0, secondOfDay).getTime();
  }
  const shifted = now + offsetMinutes * 60_000;
  const midnight = shifted - modulo(shifted, UNIT_MS.d!) - daysAgo * UNIT_MS.d!;
  return midnight + secondOfDay * 1000 - offsetMinutes * 60_000;
}

function epochMsOf(number: number): number {
  if (number > LARGEST_MS) throw new RangeError("it is later than any date");
  if (number > 0 && number < LEAST_MS) {
    throw new RangeError("it looks like seconds; epoch times are in milliseconds here");
  }
  return number;
}

function durationOf(text: string): number {
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) {
    ms += Number(count) * UNIT_MS[unit!]!;
  }
  if (ms > LARGEST_MS / 2) throw new RangeError("it is longer ago than any date");
  return ms;
}

function dayOf(match: RegExpExecArray): TimePoint {
  const [, day, hours = "0", minutes = "0", seconds = "0", zone] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) {
    throw new RangeError("there is no such time of day; write it from 00:00 to 23:59");
  }
  return {
    kind: "day",
    daysAgo: day!.toLowerCase() === "today" ? 0 : 1,
    secondOfDay: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
    ...(zone === undefined ? {} : { offsetMinutes: offsetOf(zone) }),
  };
}

function dateTimeOf({ date, time, zone }: { date: string; time: string; zone: string }): number {
  const offset = /^[+-]/.test(zone) ? zone : "Z";
  const epochMs = Date.parse(`${date}T${time}${offset}`);
  // The 30th of February would be taken for the 2nd of March.
  const [year, month, day] = date.split("-").map(Number);
  const isDay = new Date(Date.UTC(year!, month! - 1, day)).getUTCDate() === day;
  if (Number.isNaN(epochMs) || !isDay) throw new RangeError("there is no such date or time");
  offsetOf(zone);
  return epochMs;
}

function offsetOf(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(zone) ?? [];
  if (sign === undefined) return 0;
  if (Number(hours) > 23 || Number(minutes) > 59) throw new RangeError("there is no such zone");
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
