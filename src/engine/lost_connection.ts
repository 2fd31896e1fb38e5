import { AppError, RUN_AGAIN } from "../errors.ts";

/** Between two tries to connect again, milliseconds: twice as long each time. */
export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 15_000;

/** Whether an error says that there is no connection to the broker, or none any more. */
export function isLoss(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "broker_unreachable";
}

/** What is told while it is tried to connect again. */
export function waitingFor({ message }: AppError, seconds: number): string {
  return `${message.replace(/^Cannot go on with/, "Waiting for")}; trying for up to ${seconds} s ` +
    "to connect again";
}

/** When it was tried long or often enough; `what` is "the backup" or "the restore". */
export function gaveUp(what: string, why: string, error: AppError): AppError {
  const message = `Cannot go on with ${what}: ${why} (${error.message})`;
  return new AppError("broker_unreachable", message, {
    cause: error,
    hint: RUN_AGAIN,
    canGoOn: true,
  });
}
