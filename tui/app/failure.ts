import type { Redactor } from "../../src/console/redact.ts";
import { AppError, type ErrorCode, messageOf } from "../../src/errors.ts";

/** An error as a screen shows it: without secrets. */
export interface Failure {
  readonly message: string;
  readonly hint?: string;
  readonly code?: ErrorCode;
}

/** What is shown of anything that was thrown. */
export function failureOf(error: unknown, redactor: Redactor): Failure {
  const message = redactor.redact(messageOf(error));
  if (!(error instanceof AppError)) return { message };
  const { code, hint } = error;
  return { message, code, ...hint === undefined ? {} : { hint: redactor.redact(hint) } };
}
