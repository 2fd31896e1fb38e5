/** What went wrong, as a class of causes; `src/cli/exit_code.ts` maps each to an exit code. */
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
  | "interrupted"
  | "terminated";

/** Options of an {@linkcode AppError}: `hint` says what to do next, `cause` keeps the original. */
export interface AppErrorOptions {
  hint?: string;
  cause?: unknown;
}

/**
 * An error that is meant for the person at the keyboard: "Cannot <action>: <what is the case>",
 * with a hint what to do next and a code that decides the exit code. Holds no secrets.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
  }
}

/** The message of anything that was thrown, for use behind "Cannot <action>: ". */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
