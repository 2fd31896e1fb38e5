/** A window of time as it is written in one line: `start .. end`, either of which may be missing. */
export function windowText(start: string, end: string): string {
  if (start === "" && end === "") return "";
  return `${start} .. ${end}`.trim();
}

/** The two times of such a line; one alone is the start. */
export function timesOf(text: string): readonly [start: string, end: string] {
  const [start = "", end = ""] = text.split("..").map((time) => time.trim());
  return [start, end];
}
