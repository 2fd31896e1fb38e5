/** A window of time as it is written in one line: `start .. end`, either of which may be missing. */
export function windowText(start: string, end: string): string {
  if (start === "" && end === "") return "";
  return `${start} .. ${end}`.trim();
}

/**
 * The two times of such a line; one alone is the start.
 *
 * @throws {RangeError} for more than two
 */
export function timesOf(text: string): readonly [start: string, end: string] {
  const [start = "", end = "", ...others] = text.split("..").map((time) => time.trim());
  if (others.length > 0) throw new RangeError('expected two times with one ".." between them');
  return [start, end];
}

/** RFC 3339, without milliseconds where there are none. */
export function isoText(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}
