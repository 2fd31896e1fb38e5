import { RestError } from "@azure/storage-blob";
import { messageOf } from "../../errors.ts";
import { HttpFailure } from "../http.ts";
import { httpObjectFailure } from "../http_object_failure.ts";
import { type FailureKind, ObjectFailure } from "../object_driver.ts";
import { retryAfterMs } from "../retry_after.ts";
import { kindOfStatus } from "../status_kind.ts";

/** By the service's codes; what is not listed goes by its status. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  BlobNotFound: "missing",
  ResourceNotFound: "missing",
  ContainerNotFound: "no_bucket",
  ContainerBeingDeleted: "transient",
  BlobAlreadyExists: "exists",
  ConditionNotMet: "exists",
  TargetConditionNotMet: "exists",
  InvalidRange: "range",
  ServerBusy: "transient",
  OperationTimedOut: "transient",
  InternalError: "transient",
  // Damaged on the way.
  Md5Mismatch: "transient",
  AccountIsDisabled: "denied",
};

const HINTS: Readonly<Record<string, string>> = {
  AuthenticationFailed: "The account key, SAS token or sign-in is wrong or has expired, or the " +
    "clock of this machine is wrong",
  AuthorizationPermissionMismatch: "Give the identity the role Storage Blob Data Contributor on " +
    "the container; it takes some minutes to hold. See docs/storage.md",
  AuthorizationFailure:
    "See whether the account's firewall lets this machine in, and what the SAS " +
    "token or role allows: docs/storage.md",
  InsufficientAccountPermissions: "The SAS token or role does not allow that; see docs/storage.md",
  BlobArchived: "Bring the blob back to the Hot or Cool tier first",
  BlobImmutableDueToPolicy: "An immutability policy holds this blob; choose another backup_id",
};

/** What an error of Azure's libraries means; `undefined` when it is none. */
export function azureFailure(error: unknown): ObjectFailure | undefined {
  if (error instanceof ObjectFailure) return error;
  if (error instanceof HttpFailure) return httpObjectFailure(error);
  if (isRestError(error)) return serviceFailure(error);
  if (!(error instanceof Error)) return undefined;
  if (/Credential|Authentication/.test(error.name)) {
    return new ObjectFailure("denied", `there are no Azure credentials: ${firstLine(error)}`, {
      hint: "Set storage.account_key or sas_token, or AZURE_CLIENT_ID, AZURE_TENANT_ID and " +
        "AZURE_CLIENT_SECRET, run az login, or give this machine an identity",
      cause: error,
    });
  }
  // A body that was cut off.
  if (
    /Data corruption failure|aborted|premature/i.test(error.message) && error.name !== "AbortError"
  ) {
    return new ObjectFailure("transient", firstLine(error), { cause: error });
  }
  return undefined;
}

function isRestError(error: unknown): error is RestError {
  return error instanceof RestError || (error instanceof Error && error.name === "RestError");
}

function serviceFailure(error: RestError): ObjectFailure {
  const status = error.statusCode ?? 0;
  const headers = error.response?.headers;
  const code = headers?.get("x-ms-error-code") ?? error.code ?? "error";
  const kind = status === 0 ? "transient" : KINDS[code] ?? kindOfStatus(status);
  return new ObjectFailure(kind, `${code} (${status}): ${firstLine(error)}`, {
    requestId: headers?.get("x-ms-request-id"),
    retryAfterMs: retryAfterMs(headers?.get("retry-after")),
    hint: HINTS[code],
    // The error itself holds the request with its headers.
    cause: new Error(firstLine(error)),
  });
}

/** The others repeat the request's id and time. */
function firstLine(error: Error): string {
  return messageOf(error).trim().split("\n")[0]!;
}
