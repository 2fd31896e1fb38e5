/** Offsets of a stream, both ends among them. */
export interface OffsetWindow {
  readonly first: number;
  /** Infinity: to the end. */
  readonly last: number;
}

/**
 * Reads `100..200`, `100..` or `..200`.
 *
 * @throws {RangeError} that says what is expected
 */
export function parseOffsetWindow(written: string): OffsetWindow {
  const match = /^\s*(\d*)\s*\.\.\s*(\d*)\s*$/.exec(written);
  const [from, to] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (from === "" && to === "") {
    throw new RangeError('expected offsets, such as "100..200", "100.." or "..200"');
  }
  const first = from === "" ? 0 : Number(from);
  const last = to === "" ? Infinity : Number(to);
  if ([first, last].some((offset) => offset > Number.MAX_SAFE_INTEGER && offset !== Infinity)) {
    throw new RangeError("no offset is that great");
  }
  if (last < first) throw new RangeError(`it ends (${last}) before it begins (${first})`);
  return { first, last };
}
