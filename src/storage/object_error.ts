import { AppError, type ErrorCode } from "../errors.ts";
import type { FailureKind, ObjectFailure } from "./object_driver.ts";

const CODES: Readonly<Record<FailureKind, ErrorCode>> = {
  missing: "storage_missing",
  no_bucket: "storage_missing",
  exists: "refused",
  changed: "refused",
  range: "failed",
  denied: "storage_denied",
  permanent: "storage_denied",
  full: "storage_full",
  transient: "storage_unreachable",
  untrusted: "storage_unreachable",
};

const HINTS: Partial<Readonly<Record<FailureKind, string>>> = {
  changed: "Another process writes to this key; see which",
  denied: "See whether the credentials are the right ones, and what they may do: docs/storage.md",
  full: "Raise the quota, or remove old backups; then run it again",
  transient: "Run it again when the storage answers; what is done is not done again",
  untrusted: "Set storage.ca_cert to a PEM file with the certificate that signed the service's",
  no_bucket: "Create it, or correct its name; the tool creates none",
};

/**
 * What a failure of an object store means to the operator.
 *
 * @param action "store \"a/b\" in s3://bucket", for "Cannot <action>: ..."
 */
export function explainFailure(failure: ObjectFailure, action: string): AppError {
  const { kind, message, requestId } = failure;
  const request = requestId === undefined ? "" : ` (request ${requestId})`;
  const hint = failure.hint ?? HINTS[kind];
  return new AppError(CODES[kind], `Cannot ${action}: ${message}${request}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: failure,
  });
}
