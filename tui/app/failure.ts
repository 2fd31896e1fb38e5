import type { Redactor } from "../../src/console/redact.ts";
import { AppError, messageOf } from "../../src/errors.ts";

/** An error as a screen shows it: without secrets. */
export interface Failure {
  readonly message: string;
  readonly hint?: string;
}

/** What is shown of anything that was thrown. */
export function failureOf(error: unknown, redactor: Redactor): Failure {
  const message = redactor.redact(messageOf(error));
  const hint = error instanceof AppError ? error.hint : undefined;
  return hint === undefined ? { message } : { message, hint: redactor.redact(hint) };
}
