import { AppError, isOutOfReach, messageOf, saysDiskFull } from "../errors.ts";

/** A checkpoint file that is whole, but not one for this program to write to. */
export class NotOursError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Says why the checkpoint cannot be opened or used; what SQLite reports is known by its words. */
export function storeError(path: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const text = messageOf(error);
  const problem =
    (code: "damaged" | "locked" | "storage_full" | "storage_denied", what: string) =>
    (hint: string) =>
      new AppError(code, `Cannot use checkpoint "${path}": ${what}`, { cause: error, hint });
  if (error instanceof NotOursError) return problem("damaged", text)(error.hint);
  if (saysDiskFull(text) || /database or disk is full/i.test(text)) {
    return problem("storage_full", "the disk is full")(
      "make room, or set offset_storage.db_path to another disk",
    );
  }
  if (/database( table)? is locked|database is busy/i.test(text)) {
    return problem("locked", "another process is writing to it")("wait for it to end");
  }
  if (
    isFileError(error) || isOutOfReach(error) || /readonly|read-only|unable to open/i.test(text)
  ) {
    return problem("storage_denied", text)(
      "set offset_storage.db_path to a place that can be written",
    );
  }
  return problem("damaged", `it is no intact checkpoint (${text})`)(
    "move the file away to start anew; a finished backup does not need it",
  );
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string" &&
    /^E[A-Z]+$/.test((error as { code?: string }).code!);
}
