import type { SummaryEvent } from "../engine/events.ts";
import { AppError } from "../errors.ts";
import { EXIT } from "./exit_code.ts";

/** The exit code that goes with a result. */
export function exitCodeOfSummary(summary: SummaryEvent): number {
  return summary.outcome === "ok" ? EXIT.ok : EXIT.partial;
}

/** Whatever a stopped run failed with: it was stopped, and this is how it goes on; likewise a lost one. */
export function stoppedError(
  error: unknown,
  signal: AbortSignal,
  resume: string | undefined,
): unknown {
  const reason: unknown = signal.reason;
  const hint = resume === undefined ? {} : { hint: `go on with: ${resume}` };
  if (error instanceof AppError && error.canGoOn && !signal.aborted && resume !== undefined) {
    return new AppError(error.code, error.message, { ...hint, cause: error.cause });
  }
  if (!signal.aborted) return withResume(error, resume);
  if (!(reason instanceof AppError)) return error;
  const cause = error === reason ? {} : { cause: error };
  return new AppError(reason.code, reason.message, { ...hint, ...cause });
}

/** What was read and not yet stored is kept, and a name with a time in it would begin anew. */
function withResume(error: unknown, resume: string | undefined): unknown {
  if (!(error instanceof AppError) || resume === undefined) return error;
  const { code, message, hint, cause } = error;
  if (!code.startsWith("storage_")) return error;
  const parts = [...(hint === undefined ? [] : [hint]), `go on with: ${resume}`];
  return new AppError(code, message, { hint: parts.join("; "), cause });
}
