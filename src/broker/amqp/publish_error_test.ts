import assert from "node:assert/strict";
import type { ErrorCode } from "../../errors.ts";
import { publishError } from "./publish_error.ts";

const CASES: [words: string, code: ErrorCode, message: RegExp, hint: RegExp][] = [
  [
    "PRECONDITION_FAILED - user_id property set to 'a' but authenticated user was 'b'",
    "broker_denied",
    /^Cannot publish: a message has user_id "a", .* not from "b"$/,
    /give "b" the tag "impersonator"/,
  ],
  [
    "PRECONDITION_FAILED - message size 17825792 is larger than configured max size 16777216",
    "broker_denied",
    /^Cannot publish: a message of 17825792 bytes is larger than the 16777216 that the target takes$/,
    /max_message_size/,
  ],
  [
    "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'b'",
    "broker_denied",
    /^Cannot publish: the user may not write to it \(ACCESS_REFUSED - write access .*\)$/,
    /grant write permission/,
  ],
];

for (const [words, code, message, hint] of CASES) {
  Deno.test(`publish error: ${words}`, () => {
    const amqplib = new Error(`Channel closed by server: 4xx (…) with message "${words}"`);
    const error = publishError(amqplib, "Cannot publish");
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.hint ?? "", hint);
    assert.equal(error.cause, amqplib);
  });
}

Deno.test("publish error: anything else is told as it is", () => {
  const error = publishError(new Error("Channel closed by server: 541"), "Cannot publish");
  assert.equal(error.code, "failed");
  assert.equal(error.message, "Cannot publish: Channel closed by server: 541");
});
