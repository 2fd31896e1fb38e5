import { z } from "zod";
import { parseByteSize } from "../byte_size.ts";
import { parseStreamFrom } from "../stream_from.ts";
import { parseTimePoint } from "../time_point.ts";

/** Text that says something. */
export const text = () => z.string().min(1);

/** A whole number in a range. */
export const count = (min: number, max: number) => z.int().min(min).max(max);

/** A number of bytes, or text with a unit; the result is the number. */
export function byteSize(limits: { min: number; max: number; shown: string }) {
  const expected = `expected a size from ${limits.shown}, such as 128MiB`;
  return z.union([z.int().min(limits.min).max(limits.max), z.string()], { error: expected })
    .transform((size, context) => {
      const bytes = typeof size === "number" ? size : parseByteSize(size);
      if (bytes !== undefined && bytes >= limits.min && bytes <= limits.max) return bytes;
      context.issues.push({ code: "custom", message: expected, input: size });
      return z.NEVER;
    });
}

/** Patterns of names; one pattern may stand without brackets. */
export const patterns = () =>
  z.union([z.array(text()), text()], { error: "expected a list of name patterns" })
    .transform((list) => typeof list === "string" ? [list] : list);

/** The name of a message header: short enough for AMQP, and printable. */
export const headerName = () =>
  z.string().regex(/^[A-Za-z$#_][A-Za-z0-9$#_.-]{0,127}$/, {
    error: "expected the name of a header, such as x-restore-id",
  });
/** A point in time as `time_point.ts` reads it; the result is what was written. */
export const timePoint = () =>
  z.union([z.number(), z.string()], { error: "expected a point in time" })
    .superRefine((written, context) => {
      try {
        parseTimePoint(written);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom", message: error.message, input: written });
      }
    });

/** Where to begin with a stream, as `stream_from.ts` reads it; the result is what was written. */
export const streamFrom = () =>
  z.union([z.int().min(0), z.string()], { error: "expected first, next, an offset or a time" })
    .superRefine((written, context) => {
      try {
        parseStreamFrom(written);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom", message: error.message, input: written });
      }
    });

/** Names or patterns and what takes their place: keys with values, or texts "from=to" (flags). */
export const mapping = ({ to = text() }: { to?: z.ZodType<string, string> } = {}) =>
  z.union([z.record(text(), to), z.array(z.string().regex(/.=/s))], {
    error: 'expected names with their new names, or a list of "from=to"',
  }).transform((given) =>
    Array.isArray(given) ? Object.fromEntries(given.map(splitAtLast)) : given
  );

/** At the last one: a regular expression may hold others. */
function splitAtLast(text: string): [string, string] {
  const at = text.lastIndexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}
