import { AppError } from "../errors.ts";
import { compileName, type NameMatcher } from "./name_pattern.ts";

/** A header that is looked for. */
export interface HeaderPattern {
  readonly name: string;
  /** Tells whether its value, as text, is meant; undefined when any is. */
  readonly matches: NameMatcher | undefined;
}

/**
 * Reads `name=value`, the value a pattern as in `name_pattern.ts`, or `name` for any value.
 *
 * Throws an {@linkcode AppError} with code `config`.
 */
export function parseHeaderPattern(text: string): HeaderPattern {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  if (name === "") {
    throw new AppError("config", "Cannot look for a header: it has no name; write name=value");
  }
  const value = text.slice(at + 1);
  if (at < 0) return { name, matches: undefined };
  return { name, matches: value === "" ? (found) => found === "" : compileName(value) };
}
