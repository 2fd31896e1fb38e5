import { AppError, messageOf } from "../../errors.ts";

/** What was being connected to, for the message; no secrets. */
export interface ConnectTarget {
  /** host:port */
  address: string;
  vhost: string;
  username: string;
  secure: boolean;
}

type Translation = (target: ConnectTarget, text: string) => AppError;

const denied = (message: string, hint: string) => new AppError("broker_denied", message, { hint });
const unreachable = (message: string, hint: string) =>
  new AppError("broker_unreachable", message, { hint });

/** First pattern that fits the error's text decides; order matters. */
const TRANSLATIONS: readonly [RegExp, Translation][] = [
  [/connection limit \(/i, (t, text) =>
    denied(
      `Cannot connect to ${t.address}: too many connections (${text})`,
      "close others, or raise the limit: rabbitmqctl set_vhost_limits, set_user_limits",
    )],
  [/vhost .* is down/i, (t) =>
    unreachable(
      `Cannot open vhost "${t.vhost}" on ${t.address}: it is down`,
      "see the broker's log; rabbitmqctl restart_vhost starts it again",
    )],
  [/access to vhost .* refused/i, (t) =>
    denied(
      `Cannot open vhost "${t.vhost}" on ${t.address}: user "${t.username}" has no permission on it`,
      `grant read permission for a backup: rabbitmqctl set_permissions -p '${t.vhost}' ` +
        `${t.username} '^$' '^$' '.*', configure, write and read permission for a restore: ` +
        "'.*' '.*' '.*'",
    )],
  [/vhost .* not found/i, (t) =>
    new AppError(
      "broker_missing",
      `Cannot open vhost "${t.vhost}" on ${t.address}: there is no such vhost`,
      {
        hint: "check the name; a vhost of a backup comes back with " +
          "definitions-import --backup-id ID --path STORAGE",
      },
    )],
  [/ACCESS[-_]REFUSED/, (t) =>
    denied(
      `Cannot log in to ${t.address}: user "${t.username}" was refused (wrong name or password)`,
      "check the user and password in amqp_url; user guest may only log in from localhost",
    )],
  [/NOT[-_]ALLOWED/, (t, text) =>
    denied(
      `Cannot connect to ${t.address}: the broker does not allow it (${text})`,
      "the broker's log says more",
    )],
  [/ECONNREFUSED/, (t) =>
    unreachable(
      `Cannot connect to ${t.address}: nothing listens there (connection refused)`,
      "is the broker running, and is the port right (amqp 5672, amqps 5671)?",
    )],
  [
    /ENOTFOUND|EAI_|getaddrinfo|failed to lookup/i,
    (t) =>
      unreachable(`Cannot connect to ${t.address}: the host name is unknown`, "check amqp_url"),
  ],
  [/ETIMEDOUT|timed? ?out|EHOSTUNREACH|ENETUNREACH/i, (t) =>
    unreachable(
      `Cannot connect to ${t.address}: no answer in time`,
      "check the address and what lies between (firewall, VPN)",
    )],
  [/UnknownIssuer|self[- ]signed|unable to (get|verify)|UNABLE_TO_/i, (t) =>
    unreachable(
      `Cannot connect to ${t.address}: its TLS certificate is not signed by a known authority`,
      "name the authority's certificate in tls.ca_cert",
    )],
  [/NotValidForName|ALTNAME|does not match|hostname/i, (t) =>
    unreachable(
      `Cannot connect to ${t.address}: its TLS certificate is for another name`,
      "use the name that is in the certificate, or set tls.server_name",
    )],
  [/expired|not yet valid/i, (t) =>
    unreachable(
      `Cannot connect to ${t.address}: its TLS certificate is not valid now`,
      "renew the certificate, and check the clocks",
    )],
  [
    /CertificateRequired|certificate required|handshake ?failure|bad certificate|alert/i,
    (t) =>
      denied(
        `Cannot connect to ${t.address}: the broker did not accept our TLS certificate`,
        "set tls.client_cert and tls.client_key",
      ),
  ],
  [/wrong version|InvalidContentType|corrupt|packet length|InvalidMessage/i, (t) =>
    unreachable(
      `Cannot connect to ${t.address}: it does not speak TLS`,
      "use amqp:// with the plain port, or the port of the TLS listener (5671)",
    )],
  [
    /abruptly|ECONNRESET|EPIPE|Unexpected close|Invalid frame|Frame size|unexpected eof|peer closed/i,
    (t) =>
      unreachable(
        `Cannot connect to ${t.address}: it ended the connection during the handshake`,
        t.secure
          ? "is this the broker's TLS port, and does it want a client certificate?"
          : "is this the broker's AMQP port? A TLS port needs amqps:// or tls.enabled",
      ),
  ],
];

/** Says which of host, TLS, user or vhost kept us out. */
export function connectError(error: unknown, target: ConnectTarget): AppError {
  if (error instanceof AppError) return error;
  const text = describe(error);
  for (const [pattern, translate] of TRANSLATIONS) {
    if (pattern.test(text)) {
      const translated = translate(target, text);
      return new AppError(translated.code, translated.message, {
        ...(translated.hint === undefined ? {} : { hint: translated.hint }),
        cause: error,
      });
    }
  }
  return new AppError("broker_unreachable", `Cannot connect to ${target.address}: ${text}`, {
    cause: error,
  });
}

/** Whether a connection failed over the vhost alone: host, TLS, user and password were right. */
export function isVhostError(error: unknown): error is AppError {
  return error instanceof AppError && error.message.startsWith("Cannot open vhost ");
}

function describe(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return `${messageOf(error)}${typeof code === "string" ? ` (${code})` : ""}`;
}
