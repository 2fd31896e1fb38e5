import { messageOf } from "../../errors.ts";
import { type HttpAnswer, HttpFailure } from "../http.ts";
import { httpObjectFailure } from "../http_object_failure.ts";
import { type FailureKind, ObjectFailure } from "../object_driver.ts";
import { retryAfterMs } from "../retry_after.ts";
import { isTransientStatus, kindOfStatus } from "../status_kind.ts";

const CREDENTIALS_HINT =
  "Set storage.service_account_path or GOOGLE_APPLICATION_CREDENTIALS, run " +
  "gcloud auth application-default login, or give this machine a service account";

/** What an error of the driver means; `undefined` when it is none of the service. */
export function gcsFailure(error: unknown): ObjectFailure | undefined {
  if (error instanceof ObjectFailure) return error;
  if (error instanceof HttpFailure) return httpObjectFailure(error);
  return undefined;
}

/** An answer that is no success. */
export async function gcsStatusFailure(answer: HttpAnswer): Promise<ObjectFailure> {
  const { status, headers } = answer;
  const { message, reason } = reasonOf(await answer.text().catch(() => ""));
  const kind = kindOf(status, reason, message);
  return new ObjectFailure(kind, `${reason ?? "error"} (${status}): ${message}`, {
    requestId: headers.get("x-guploader-uploadid") ?? undefined,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
    hint: hintOf(status, message),
  });
}

/** Why Google's library gives no token. */
export function gcsCredentialsFailure(error: unknown): ObjectFailure {
  const { code, status = code } = error as { code?: unknown; status?: unknown };
  const isTransient = isTransientStatus(Number(status)) ||
    typeof code === "string" && /^E(CONN|TIMEDOUT|AI_AGAIN|PIPE)/.test(code);
  return new ObjectFailure(
    isTransient ? "transient" : "denied",
    `there are no Google credentials: ${messageOf(error)}`,
    { hint: CREDENTIALS_HINT, cause: error },
  );
}

function kindOf(status: number, reason: string | undefined, message: string): FailureKind {
  if (status === 403) {
    // Quotas of requests a second come as 403, too.
    if (/rateLimitExceeded/i.test(reason ?? "")) return "transient";
    if (/quotaExceeded/i.test(reason ?? "")) return "full";
  }
  return status === 404 && /bucket/i.test(message) ? "no_bucket" : kindOfStatus(status);
}

function hintOf(status: number, message: string): string | undefined {
  if (status === 401) {
    return `The credentials are wrong or have expired. ${CREDENTIALS_HINT}`;
  }
  if (/requester pays/i.test(message)) {
    return "The bucket lets requesters pay; set storage.user_project";
  }
  return status === 403
    ? "Give the account the role roles/storage.objectUser on the bucket; see docs/storage.md"
    : undefined;
}

/** The answers are JSON, or text of a proxy on the way. */
function reasonOf(text: string): { message: string; reason?: string } {
  try {
    const { error } = JSON.parse(text);
    return { message: String(error.message), reason: error.errors?.[0]?.reason };
  } catch {
    return { message: text.trim().split("\n")[0]!.slice(0, 200) };
  }
}
