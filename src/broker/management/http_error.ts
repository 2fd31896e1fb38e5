import { AppError, messageOf } from "../../errors.ts";
import { type HttpAnswer, TimeoutError } from "./http.ts";

/** What was tried, for the message; no secrets. */
export interface Attempt {
  /** "list queues", for "Cannot <action> at http://host:15672: ...". */
  readonly action: string;
  /** Base URL of the management API. */
  readonly url: string;
  readonly username: string;
}

const PORT_HINT =
  "Is the management plugin enabled (rabbitmq-plugins enable rabbitmq_management)? " +
  "Set management_url to its address, with no path unless a proxy adds one; where it is not set, it is " +
  "the host of amqp_url with port 15672, or 15671 with TLS";

const HOST_HINT = "Correct the host in management_url, or in amqp_url, whose host is taken where " +
  "management_url is not set";

/** Errors of the network that a second try may not meet. */
const TRANSIENT = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** Answers that a second try may not get: overload, or a proxy whose broker restarts. */
const TRANSIENT_STATUS = new Set([429, 502, 503, 504]);

/** The tags that a user needs, by the word in RabbitMQ's "Not ... user". */
const TAGS: Readonly<Record<string, string>> = {
  management: "management",
  policymaker: "policymaker",
  monitor: "monitoring",
  monitoring: "monitoring",
  administrator: "administrator",
};

/** A translated error, and whether trying again makes sense. */
export class ManagementError extends AppError {
  readonly transient: boolean;

  constructor(error: AppError, transient: boolean) {
    const { hint, cause } = error;
    super(error.code, error.message, { ...(hint === undefined ? {} : { hint }), cause });
    this.transient = transient;
  }
}

/** What a failed request means to the operator. */
export function requestError(error: unknown, attempt: Attempt): AppError {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const { problem, hint } = explain(error, code, attempt);
  const message = `Cannot ${attempt.action} at ${attempt.url}: ${problem}`;
  const translated = new AppError("broker_unreachable", message, { hint, cause: error });
  return new ManagementError(translated, code !== undefined && TRANSIENT.has(code));
}

/** What an answer other than success means to the operator. */
export function statusError(answer: HttpAnswer, attempt: Attempt): ManagementError {
  const { status } = answer;
  const translated = isOfAnother(answer)
    ? notManagementApi(attempt, `status ${status}${isHtml(answer) ? ", a page in HTML" : ""}`)
    : status === 401 || status === 403
    ? deniedError(answer, attempt)
    : otherStatusError(answer, attempt);
  return new ManagementError(translated, TRANSIENT_STATUS.has(status));
}

/** An answer that RabbitMQ does not give: another service is there. */
export function notManagementApi(attempt: Attempt, detail: string, cause?: unknown): AppError {
  return new AppError(
    "broker_unreachable",
    `Cannot ${attempt.action} at ${attempt.url}: the answer is not of RabbitMQ's management API ` +
      `(${detail})`,
    { hint: PORT_HINT, cause },
  );
}

interface Explanation {
  readonly problem: string;
  readonly hint: string;
}

function explain(error: unknown, code: string | undefined, attempt: Attempt): Explanation {
  if (error instanceof TimeoutError) {
    return { problem: error.message, hint: "See whether a firewall is in the way, or retry later" };
  }
  return networkProblem(code) ?? certificateProblem(code) ??
    protocolProblem(error, code, attempt) ??
    { problem: messageOf(error), hint: PORT_HINT };
}

function networkProblem(code: string | undefined): Explanation | undefined {
  switch (code) {
    case "ECONNREFUSED":
      return { problem: "connection refused; nothing listens there", hint: PORT_HINT };
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
      return { problem: "the host name is not known", hint: HOST_HINT };
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return {
        problem: "the host cannot be reached",
        hint: "See whether a firewall is in the way",
      };
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
      return { problem: "the connection was closed before the answer was there", hint: PORT_HINT };
  }
  return undefined;
}

function certificateProblem(code: string | undefined): Explanation | undefined {
  switch (code) {
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return {
        problem: "its TLS certificate is signed by an authority that is not trusted here",
        hint: "Set tls.ca_cert to the certificate of that authority (PEM)",
      };
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        problem: "its TLS certificate is for another host name",
        hint:
          "Use the name in the certificate in management_url (or in amqp_url, whose host is taken " +
          "where it is not set), or set tls.server_name to it",
      };
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return {
        problem: `its TLS certificate ${code === "CERT_HAS_EXPIRED" ? "has" : "is"} ` +
          (code === "CERT_HAS_EXPIRED" ? "expired" : "not valid yet"),
        hint: "Renew the certificate, and see whether the clock here is right",
      };
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
    case "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE":
      return {
        problem: "it asks for a client certificate",
        hint: "Set tls.client_cert and tls.client_key",
      };
    case "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE":
    case "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA":
      return {
        problem: "it does not accept the client certificate",
        hint: "Set tls.client_cert and tls.client_key to what this broker trusts",
      };
  }
  return undefined;
}

function protocolProblem(
  error: unknown,
  code: string | undefined,
  attempt: Attempt,
): Explanation | undefined {
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return {
      problem: "it does not speak TLS",
      hint: `Use http:// in management_url, or the port with TLS (15671). ${PORT_HINT}`,
    };
  }
  if (code?.startsWith("ERR_SSL_")) {
    return {
      problem: `TLS failed: ${messageOf(error)}`,
      hint: "See the broker's log for its reason",
    };
  }
  if (!code?.startsWith("HPE_")) return undefined;
  const start = firstBytes(error);
  if (start.startsWith("AMQP")) {
    return { problem: "that is the port of AMQP, not of the management API", hint: PORT_HINT };
  }
  if (start.startsWith("\x15\x03") && attempt.url.startsWith("http:")) {
    return { problem: "it speaks TLS", hint: "Use https:// in management_url" };
  }
  return { problem: "it does not speak HTTP", hint: PORT_HINT };
}

function deniedError(answer: HttpAnswer, attempt: Attempt): AppError {
  const cannot = `Cannot ${attempt.action} at ${attempt.url}: user "${attempt.username}"`;
  const { reason } = brokerReason(answer);
  const needed = TAGS[/^Not (\w+) user$/i.exec(reason)?.[1]?.toLowerCase() ?? ""];
  if (needed !== undefined) {
    return new AppError("broker_denied", `${cannot} needs the tag "${needed}"`, {
      hint: `rabbitmqctl set_user_tags ${shellWord(attempt.username)} ${needed} ` +
        "(backups need monitoring, definitions need administrator)",
    });
  }
  if (/virtual host/i.test(reason)) {
    return new AppError("broker_denied", `${cannot} has no permission on that virtual host`, {
      hint: `rabbitmqctl set_permissions -p VHOST ${shellWord(attempt.username)} '^$' '^$' '.*'`,
    });
  }
  const detail = /^not.?authori[sz]ed$/i.test(reason) || reason === "" ? "" : ` (${reason})`;
  return new AppError("broker_denied", `${cannot} was refused${detail}`, {
    hint:
      "Correct management_username and management_password, or amqp_url, whose user and password " +
      "are taken where they are not set; guest is let in from the broker's own host only",
  });
}

function otherStatusError(answer: HttpAnswer, attempt: Attempt): AppError {
  const { status } = answer;
  const cannot = `Cannot ${attempt.action} at ${attempt.url}`;
  const { reason } = brokerReason(answer);
  if (status >= 300 && status < 400) {
    return new AppError("broker_unreachable", `${cannot}: it redirects ${redirect(answer)}`, {
      hint: "Set management_url to the address it redirects to",
    });
  }
  if (reason === "vhost_not_found") {
    return new AppError("broker_missing", `${cannot}: there is no such vhost`, {
      hint: "Correct its name, or create it first",
    });
  }
  if (status === 404) {
    const detail = reason === "" || /not found$/i.test(reason) ? "" : ` (${reason})`;
    return new AppError("broker_missing", `${cannot}: there is no such object${detail}`);
  }
  const text = reason === "" ? "" : `, ${reason}`;
  if (status >= 500) {
    return new AppError("broker_unreachable", `${cannot}: the broker answers ${status}${text}`, {
      hint: "See the broker's log, and try again",
    });
  }
  return new AppError("failed", `${cannot}: the broker answers ${status}${text}`);
}

/** Whether something else than RabbitMQ's API refuses; its own refusals are JSON. */
function isOfAnother(answer: HttpAnswer): boolean {
  const { status } = answer;
  if (status < 400 || status >= 500 || TRANSIENT_STATUS.has(status)) return false;
  const isUnknownPath = status === 404 || status === 405 || status === 406;
  return isHtml(answer) || isUnknownPath && brokerReason(answer).error === "";
}

function isHtml({ headers, text }: HttpAnswer): boolean {
  return /^text\/html\b/i.test(headers["content-type"] ?? "") || /^\s*<(!doctype|html)/i.test(text);
}

/** The fields of RabbitMQ's error answers; empty when it is none. */
function brokerReason(answer: HttpAnswer): { error: string; reason: string } {
  try {
    const { error, reason } = JSON.parse(answer.text) as Record<string, unknown>;
    return { error: shortText(error), reason: shortText(reason) };
  } catch {
    return { error: "", reason: "" };
  }
}

function shortText(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value, (_key, each) => {
    return isErlangText(each) ? String.fromCharCode(...each) : each;
  });
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

/** Erlang's texts are lists of characters, and before 4.0 come as such. */
function isErlangText(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((char) => Number.isInteger(char) && char >= 32 && char < 127);
}

/** Where to, without what a query could hold. */
function redirect(answer: HttpAnswer): string {
  try {
    const url = new URL(answer.headers.location ?? "");
    return `to ${url.origin}${url.pathname}`;
  } catch {
    return "elsewhere";
  }
}

function shellWord(name: string): string {
  return /^[\w.@-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

function firstBytes(error: unknown): string {
  const packet = (error as { rawPacket?: unknown }).rawPacket;
  if (!(packet instanceof Uint8Array)) return "";
  return String.fromCharCode(...packet.subarray(0, 8));
}
