/** What went wrong, as a class of causes; `src/console/exit_code.ts` maps each to an exit code. */
export type ErrorCode =
  | "failed"
  | "usage"
  | "config"
  | "damaged"
  | "broker_unreachable"
  | "broker_denied"
  | "broker_missing"
  | "storage_unreachable"
  | "storage_denied"
  | "storage_missing"
  | "storage_full"
  | "refused"
  | "backup_not_found"
  | "locked"
  | "declined"
  | "interrupted"
  | "terminated";

/** The hint of an error behind which the same command goes on. */
export const RUN_AGAIN = "run the same command again to go on where it stopped";

/**
 * Options of an {@linkcode AppError}: `hint` says what to do next, `cause` keeps the original, and
 * `canGoOn` says that the same command goes on where it stopped.
 */
export interface AppErrorOptions {
  hint?: string;
  cause?: unknown;
  canGoOn?: boolean;
}

/**
 * An error that is meant for the person at the keyboard: "Cannot <action>: <what is the case>",
 * with a hint what to do next and a code that decides the exit code. Holds no secrets.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly canGoOn: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    this.canGoOn = options.canGoOn ?? false;
  }
}

/** Whether a message is of the operating system and says that disk or quota are used up. */
export function saysDiskFull(message: string): boolean {
  return /ENOSPC|EDQUOT|No space left|quota exceeded|os error (28|122)\b/i.test(message);
}

/** The message of anything that was thrown, for use behind "Cannot <action>: ". */
export function messageOf(error: unknown): string {
  if (isOutOfReach(error)) {
    const [, place = "it"] = /"(.*)"/s.exec(error.message) ?? [];
    return `${place} lies below /dev, /proc or /sys, which this program may not use`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The same without the path at the end of what Deno reports, where the path was named before. */
export function reasonOf(error: unknown): string {
  return messageOf(error).replace(/ \(os error \d+\)(: \w+ '.*')?$/s, "");
}

/** Deno opens the system's own places only to programs that may do everything, which this one may not. */
export function isOutOfReach(error: unknown): error is Error {
  return error instanceof Deno.errors.NotCapable && error.message.startsWith("Requires all access");
}

/** What to do where {@linkcode isOutOfReach} is the case. */
export const OUT_OF_REACH_HINT = "name a place elsewhere, on a disk of this machine";
