/** When the messages of a backup were read, as far as its manifest tells: by segment. */
import { messagesIn, type SegmentEntry } from "../../archive/manifest.ts";

/** Epoch milliseconds; both ends belong to it. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** A span is at least so long, so that it has parts. */
const LEAST_MS = 1_000;

/** The time in which all messages of segments were read; undefined where there are none. */
export function spanOf(segments: readonly SegmentEntry[]): TimeSpan | undefined {
  if (segments.length === 0) return undefined;
  let from = Infinity;
  let to = -Infinity;
  for (const segment of segments) {
    const times = timesOf(segment);
    from = Math.min(from, times.from);
    to = Math.max(to, times.to);
  }
  return { from, to: Math.max(to, from + LEAST_MS - 1) };
}

/**
 * How many messages fall into each of so many equal parts of a span. The messages of a segment are
 * taken to be spread evenly over its time.
 */
export function densityOf(
  segments: readonly SegmentEntry[],
  { from, to, parts }: TimeSpan & { readonly parts: number },
): number[] {
  const density = new Array<number>(parts).fill(0);
  const step = (to + 1 - from) / parts;
  for (const segment of segments) {
    const times = timesOf(segment);
    const length = times.to - times.from + 1;
    const first = Math.max(0, Math.floor((times.from - from) / step));
    const last = Math.min(parts, Math.ceil((times.to + 1 - from) / step)) - 1;
    for (let part = first; part <= last; part++) {
      const begin = Math.max(times.from, from + part * step);
      const end = Math.min(times.to + 1, from + (part + 1) * step);
      density[part]! += messagesIn(segment) * Math.max(0, end - begin) / length;
    }
  }
  return density;
}

/** The clock may have been set back while a segment was read. */
function timesOf({ first_timestamp: first, last_timestamp: last }: SegmentEntry): TimeSpan {
  return { from: Math.min(first, last), to: Math.max(first, last) };
}
