import assert from "node:assert/strict";
import { AppError, type ErrorCode } from "../../errors.ts";
import { connectError } from "./connect_error.ts";

const TARGET = { address: "broker:5672", vhost: "orders", username: "backup", secure: false };

/** What brokers, TLS and sockets say, and what a person is to be told. */
const CASES: [said: string | { message: string; code: string }, ErrorCode, told: RegExp][] = [
  [
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"',
    "broker_denied",
    /Cannot log in to broker:5672: user "backup" was refused/,
  ],
  [
    "NOT_ALLOWED - vhost orders not found",
    "broker_missing",
    /Cannot open vhost "orders" on broker:5672: there is no such vhost/,
  ],
  [
    "NOT_ALLOWED - access to vhost 'orders' refused for user 'backup'",
    "broker_denied",
    /user "backup" has no permission on it/,
  ],
  [
    "NOT_ALLOWED - access to vhost 'orders' refused for user 'backup': connection limit (5) is reached",
    "broker_denied",
    /too many connections/,
  ],
  [
    "NOT_ALLOWED - connection refused for user 'backup': user connection limit (5) is reached",
    "broker_denied",
    /too many connections/,
  ],
  [
    "NOT_ALLOWED - access to vhost 'orders' refused for user 'backup': vhost 'orders' is down",
    "broker_unreachable",
    /it is down/,
  ],
  ["NOT_ALLOWED - something new", "broker_denied", /does not allow it \(NOT_ALLOWED - something/],
  [
    { message: "connect ECONNREFUSED 127.0.0.1:5672", code: "ECONNREFUSED" },
    "broker_unreachable",
    /nothing listens there/,
  ],
  [{ message: "", code: "ECONNREFUSED" }, "broker_unreachable", /nothing listens there/],
  // Ports that look like reply codes.
  ["connect ECONNREFUSED 127.0.0.1:403", "broker_unreachable", /nothing listens there/],
  ["connect ECONNREFUSED 127.0.0.1:530", "broker_unreachable", /nothing listens there/],
  ["getaddrinfo ENOTFOUND broker", "broker_unreachable", /host name is unknown/],
  ["getaddrinfo EAI_AGAIN broker", "broker_unreachable", /host name is unknown/],
  ["connect ETIMEDOUT", "broker_unreachable", /no answer in time/],
  ["connect EHOSTUNREACH 10.0.0.1:5672", "broker_unreachable", /no answer in time/],
  [
    { message: "self-signed certificate in chain", code: "SELF_SIGNED_CERT_IN_CHAIN" },
    "broker_unreachable",
    /not signed by a known authority/,
  ],
  [
    "invalid peer certificate: UnknownIssuer",
    "broker_unreachable",
    /not signed by a known authority/,
  ],
  [
    {
      message: "Hostname/IP does not match certificate's altnames: Host: broker.",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    },
    "broker_unreachable",
    /certificate is for another name/,
  ],
  [
    { message: "certificate has expired", code: "CERT_HAS_EXPIRED" },
    "broker_unreachable",
    /not valid now/,
  ],
  [
    "received fatal alert: CertificateRequired",
    "broker_denied",
    /did not accept our TLS certificate/,
  ],
  [
    "received corrupt message of type InvalidContentType (wrong version number)",
    "broker_unreachable",
    /it does not speak TLS/,
  ],
  [
    "Socket closed abruptly during opening handshake",
    "broker_unreachable",
    /ended the connection during the handshake/,
  ],
  [
    { message: "read ECONNRESET", code: "ECONNRESET" },
    "broker_unreachable",
    /ended the connection during the handshake/,
  ],
  ["something else", "broker_unreachable", /Cannot connect to broker:5672: something else/],
];

for (const [said, code, told] of CASES) {
  const text = typeof said === "string" ? said : `${said.message} ${said.code}`;
  Deno.test(`connect error: ${text}`, () => {
    const cause = typeof said === "string"
      ? new Error(said)
      : Object.assign(new Error(said.message), { code: said.code });
    const error = connectError(cause, TARGET);
    assert.equal(error.code, code);
    assert.match(error.message, told);
    assert.match(error.message, /^Cannot /);
    assert.equal(error.cause, cause);
  });
}

Deno.test("connect error: the hint for a broken handshake depends on whether TLS was spoken", () => {
  const closed = new Error("read ECONNRESET");
  assert.match(connectError(closed, TARGET).hint!, /A TLS port needs amqps/);
  assert.match(connectError(closed, { ...TARGET, secure: true }).hint!, /broker's TLS port/);
});

Deno.test("connect error: what has been said already stays", () => {
  const known = new AppError("config", "Cannot read the key");
  assert.equal(connectError(known, TARGET), known);
});

Deno.test("connect error: not only errors are thrown", () => {
  assert.match(connectError("text", TARGET).message, /text$/);
  assert.match(connectError(undefined, TARGET).message, /undefined$/);
});
