/** Numbers of the stream protocol (rabbitmq-server, deps/rabbitmq_stream/docs/PROTOCOL.adoc). */
import { AppError, type ErrorCode } from "../../errors.ts";

/** Keys of commands; a response has the highest bit set. */
export const COMMAND = {
  declarePublisher: 0x01,
  publish: 0x02,
  publishConfirm: 0x03,
  publishError: 0x04,
  queryPublisherSequence: 0x05,
  subscribe: 0x07,
  deliver: 0x08,
  credit: 0x09,
  storeOffset: 0x0a,
  queryOffset: 0x0b,
  unsubscribe: 0x0c,
  metadata: 0x0f,
  metadataUpdate: 0x10,
  peerProperties: 0x11,
  saslHandshake: 0x12,
  saslAuthenticate: 0x13,
  tune: 0x14,
  open: 0x15,
  close: 0x16,
  heartbeat: 0x17,
  exchangeCommandVersions: 0x1b,
} as const;

export const RESPONSE_BIT = 0x8000;

/** Codes of responses that are told apart. */
export const CODE = {
  ok: 1,
  noStream: 2,
  authenticationFailure: 8,
  noLoopback: 11,
  vhostAccessFailure: 12,
  preconditionFailed: 17,
  noOffset: 19,
} as const;

const TEXTS: Readonly<Record<number, readonly [ErrorCode, string, hint?: string]>> = {
  2: ["broker_missing", "there is no such stream"],
  3: ["failed", "the subscription exists already"],
  4: ["failed", "there is no such subscription"],
  5: ["failed", "the stream exists already"],
  6: ["broker_unreachable", "the stream is not available now", "wait until it has a leader again"],
  7: ["broker_denied", "the broker does not offer this way to log in"],
  8: ["broker_denied", "the user was refused (wrong name or password)"],
  9: ["broker_denied", "the login failed"],
  11: ["broker_denied", "this user may only log in from localhost"],
  12: ["broker_denied", "the user has no permission on the vhost, or there is no such vhost"],
  13: ["failed", "the broker does not know the command"],
  14: ["failed", "a frame is larger than the broker takes", "raise stream.frame_max of the broker"],
  15: ["failed", "the broker had an internal error", "its log says more"],
  16: ["broker_denied", "the user has no permission"],
  17: ["refused", "the broker does not take it now", "has a node a memory or disk alarm?"],
  18: ["failed", "there is no such publisher"],
  19: ["failed", "there is no stored offset"],
};

/** The error of a response. `action` reads as in "Cannot <action>: …". */
export function responseError(code: number, action: string): AppError {
  const [errorCode, text, hint] = TEXTS[code] ??
    ["failed", `the broker answered with code ${code}`];
  return new AppError(errorCode, `Cannot ${action}: ${text}`, {
    cause: new ResponseCodeError(code),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Keeps the code of a response as the cause of the error that it was made into. */
export class ResponseCodeError extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`response code ${code} of the stream protocol`);
    this.name = "ResponseCodeError";
    this.code = code;
  }
}

/** The response code behind an error, if it came from one. */
export function responseCodeOf(error: unknown): number | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof ResponseCodeError ? cause.code : undefined;
}
