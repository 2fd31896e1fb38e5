import { parseByteSize } from "../config/byte_size.ts";
import type { BodyForm } from "../console/text/message_text.ts";
import { type CommandContext, usageError } from "./context.ts";

export const DEFAULT_LIMIT = 20;
export const DEFAULT_BODY = "64KiB";

/** What the flags ask for. */
export interface MessageWish {
  readonly queue: string;
  readonly vhost: string | undefined;
  readonly from: number;
  readonly limit: number;
  readonly search: string | undefined;
  readonly hasDetails: boolean;
  readonly form: BodyForm | undefined;
  readonly bodyBytes: number;
}

/** Reads the flags; throws `usage` where one cannot be read. */
export function wishOf(flags: CommandContext["flags"]): MessageWish {
  const form = flags.body as BodyForm | undefined;
  const size = parseByteSize(String(flags.maxBody ?? DEFAULT_BODY));
  if (size === undefined) {
    throw usageError("Cannot read the size of --max-body", "write it like --max-body 1MiB");
  }
  return {
    queue: String(flags.queue),
    vhost: flags.vhost as string | undefined,
    from: numberOf("--from", flags.from, { least: 1, otherwise: 1 }),
    limit: numberOf("--limit", flags.limit, { least: 0, otherwise: DEFAULT_LIMIT }) || Infinity,
    search: flags.search as string | undefined,
    hasDetails: flags.details === true || form !== undefined,
    form,
    bodyBytes: form === undefined ? 0 : size,
  };
}

function numberOf(
  flag: string,
  written: unknown,
  { least, otherwise }: { least: number; otherwise: number },
): number {
  if (written === undefined) return otherwise;
  const value = Number(written);
  if (Number.isSafeInteger(value) && value >= least && String(written).trim() !== "") return value;
  throw usageError(`Cannot read the number of ${flag}`, `write it like ${flag} ${DEFAULT_LIMIT}`);
}
