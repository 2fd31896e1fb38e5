import assert from "node:assert/strict";
import { AppError, type ErrorCode } from "../../src/errors.ts";

/** The {@linkcode AppError} that a promise is rejected with; fails when it is of another code. */
export async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<AppError> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`no ${code}`);
}
