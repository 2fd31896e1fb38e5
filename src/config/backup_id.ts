import { AppError } from "../errors.ts";
import { didYouMean } from "./nearest.ts";

/** What a backup is called when nobody names it. */
export const DEFAULT_BACKUP_ID = "backup-%Y%m%dT%H%M%SZ";

/** Stands for the newest finished backup wherever one is read. */
export const LATEST = "latest";

/** Longer readable forms of the `%` codes. */
const WORDS: Readonly<Record<string, string>> = {
  date: "%Y%m%d",
  time: "%H%M%S",
  timestamp: "%Y%m%dT%H%M%SZ",
};

const RULE = "at most 128 letters, digits, '.', '_' and '-' are allowed, with a letter or digit " +
  "first and no '.' last";

/**
 * Makes the id of a backup from a name with an optional time in it, so that a scheduled job needs no
 * shell: `%Y %m %d %H %M %S %s %%` as in strftime, `{date} {time} {timestamp}`; all in UTC.
 *
 * Throws an {@linkcode AppError} with code `config` for unknown codes and for a result that is no
 * valid id.
 */
export function expandBackupId(pattern: string, now: Date): string {
  const codes = pattern.replace(/\{([^{}]*)\}/g, (_, word: string) => {
    const code = WORDS[word];
    if (code !== undefined) return code;
    const known = Object.keys(WORDS).map((known) => `{${known}}`).join(", ");
    throw badId(pattern, `"{${word}}" is unknown${didYouMean(word, Object.keys(WORDS))}`, known);
  });
  const id = codes.replace(/%(.?)/gs, (_, code: string) => {
    const text = timeCode(code, now);
    if (text !== undefined) return text;
    throw badId(pattern, `"%${code}" is unknown`, "%Y %m %d %H %M %S %s %%");
  });
  return checkBackupId(id);
}

/** Whether a name changes with the time, so that each run starts a backup of its own. */
export function isIdPattern(text: string): boolean {
  return /[%{]/.test(text);
}

/** Returns the id when it may name a backup, else throws an {@linkcode AppError} with code `config`. */
export function checkBackupId(id: string): string {
  if (id === LATEST) throw badId(id, `"${LATEST}" stands for the newest backup`);
  if (isValidBackupId(id)) return id;
  throw badId(id, RULE);
}

/** Whether a text can be the id of a backup, and so a folder's name on every store. */
export function isValidBackupId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id) && !id.endsWith(".") && id !== LATEST;
}

function timeCode(code: string, now: Date): string | undefined {
  const two = (value: number) => String(value).padStart(2, "0");
  switch (code) {
    case "Y":
      return String(now.getUTCFullYear());
    case "m":
      return two(now.getUTCMonth() + 1);
    case "d":
      return two(now.getUTCDate());
    case "H":
      return two(now.getUTCHours());
    case "M":
      return two(now.getUTCMinutes());
    case "S":
      return two(now.getUTCSeconds());
    case "s":
      return String(Math.floor(now.getTime() / 1000));
    case "%":
      return "%";
    default:
      return undefined;
  }
}

function badId(id: string, problem: string, known?: string): AppError {
  const message = `Cannot use the backup id ${JSON.stringify(id)}: ${problem}`;
  return new AppError("config", message, known === undefined ? {} : { hint: `known are ${known}` });
}
