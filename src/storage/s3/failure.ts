import { S3ServiceException } from "@aws-sdk/client-s3";
import { messageOf } from "../../errors.ts";
import { HttpFailure } from "../http.ts";
import { httpObjectFailure } from "../http_object_failure.ts";
import { type FailureKind, ObjectFailure } from "../object_driver.ts";
import { retryAfterMs } from "../retry_after.ts";
import { kindOfStatus } from "../status_kind.ts";

/** By the service's codes; what is not listed goes by its status. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  NoSuchKey: "missing",
  NotFound: "missing",
  NoSuchBucket: "no_bucket",
  NoSuchUpload: "permanent",
  PreconditionFailed: "exists",
  InvalidRange: "range",
  // Another write of the same key was under way.
  ConditionalRequestConflict: "transient",
  OperationAborted: "transient",
  RequestTimeout: "transient",
  RequestTimeTooSkewed: "transient",
  SlowDown: "transient",
  // Damaged on the way.
  BadDigest: "transient",
  InvalidDigest: "transient",
  XAmzContentChecksumMismatch: "transient",
  XAmzContentSHA256Mismatch: "transient",
  IncompleteBody: "transient",
  // Told as a bad request.
  ExpiredToken: "denied",
  InvalidToken: "denied",
  TokenRefreshRequired: "denied",
  QuotaExceeded: "full",
  XMinioAdminBucketQuotaExceeded: "full",
  XMinioStorageFull: "full",
  // 403, and another region would be right.
  AuthorizationHeaderMalformed: "permanent",
  InvalidObjectState: "permanent",
};

const WRONG_REGION = [
  "PermanentRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
];

/** What an error of AWS's library means; `undefined` when it is none. */
export function s3Failure(error: unknown): ObjectFailure | undefined {
  if (error instanceof ObjectFailure) return error;
  if (error instanceof HttpFailure) return httpObjectFailure(error);
  if (error instanceof S3ServiceException) return serviceFailure(error);
  if (!(error instanceof Error)) return undefined;
  if (/^(CredentialsProviderError|TokenProviderError|ProviderError)$/.test(error.name)) {
    return new ObjectFailure("denied", `there are no AWS credentials: ${error.message}`, {
      hint: "Set storage.access_key and secret_key, or AWS_ACCESS_KEY_ID and " +
        "AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give this machine a role",
      cause: error,
    });
  }
  if (/^Region is missing/.test(error.message)) {
    return new ObjectFailure("permanent", "the region of the bucket is not known", {
      hint: "Set storage.region, or AWS_REGION",
      cause: error,
    });
  }
  // An answer that could not be read: cut off, or a proxy's page.
  if ("$response" in error) {
    const message = `the service's answer cannot be read: ${messageOf(error)}`;
    return new ObjectFailure("transient", message, { cause: error });
  }
  return undefined;
}

function serviceFailure(error: S3ServiceException): ObjectFailure {
  const status = error.$metadata.httpStatusCode ?? 0;
  const headers = error.$response?.headers ?? {};
  const code = codeOf(error, status);
  const region = regionOf(error, headers);
  const wrongRegion = WRONG_REGION.includes(code) || status === 301 || status === 307;
  const kind = wrongRegion ? "permanent" : KINDS[code] ?? kindOfStatus(status);
  const text = [`${code} (${status})`, error.message].filter((part) =>
    part !== "" && part !== "UnknownError"
  ).join(": ");
  const message = wrongRegion ? `the bucket is in another region (${text})` : text;
  return new ObjectFailure(kind, message, {
    requestId: error.$metadata.requestId,
    retryAfterMs: retryAfterMs(headers["retry-after"]),
    hint: wrongRegion
      ? `Set storage.region${region === undefined ? "" : ` to ${region}`}, or the endpoint of it`
      : hintOf(code, kind),
    cause: error,
  });
}

/** Answers to HEAD have no body, so only the status tells. */
function codeOf(error: S3ServiceException, status: number): string {
  if (!/^(Error|Unknown|UnknownError|\d+)$/.test(error.name)) return error.name;
  const names: Record<number, string> = {
    403: "AccessDenied",
    404: "NotFound",
    412: "PreconditionFailed",
  };
  return names[status] ?? "error";
}

function regionOf(
  error: S3ServiceException,
  headers: Record<string, string>,
): string | undefined {
  const fields = error as { Region?: unknown };
  return headers["x-amz-bucket-region"] ??
    (typeof fields.Region === "string" ? fields.Region : undefined);
}

const HINTS: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: "The service does not know this access key; see storage.access_key, or " +
    "AWS_ACCESS_KEY_ID and AWS_PROFILE",
  SignatureDoesNotMatch:
    "The secret key does not belong to the access key; see storage.secret_key, " +
    "or AWS_SECRET_ACCESS_KEY",
  ExpiredToken: "The temporary credentials have expired; get new ones, then run it again",
  InvalidToken: "See storage.session_token, or AWS_SESSION_TOKEN",
  AccessDenied: "These credentials may not do that; docs/storage.md has the policy that is needed",
  RequestTimeTooSkewed: "The clock of this machine is wrong; set it, best by NTP",
  NotImplemented: "This store lacks what is asked for; see docs/storage.md for what is needed",
  InvalidObjectState: "The object is archived; restore it to a class that can be read first",
};

function hintOf(code: string, kind: FailureKind): string | undefined {
  return HINTS[code] ?? (kind === "denied" ? HINTS.AccessDenied : undefined);
}
