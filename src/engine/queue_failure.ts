import { AppError, type ErrorCode } from "../errors.ts";

const CODES: readonly ErrorCode[] = ["failed", "refused", "broker_missing", "broker_denied"];

/**
 * Whether an error is of one queue, and the others go on; all others (connection, storage, spool) end
 * the run. `also`: further codes of which that is so.
 */
export function isQueueFailure(
  error: unknown,
  also: readonly ErrorCode[] = [],
): error is AppError {
  return error instanceof AppError && [...CODES, ...also].includes(error.code);
}
