import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { Secret, SecretUrl } from "./secret.ts";

const CANARY = "canary-8f2e";

/** Everything by which a value commonly ends up in a log. */
function printed(value: object): string {
  return [
    String(value),
    `${value}`,
    "" + value,
    JSON.stringify(value),
    JSON.stringify({ nested: [value] }),
    Deno.inspect(value),
    Deno.inspect({ nested: [value] }, { depth: 10, showHidden: true }),
    inspect(value, { depth: 10, showHidden: true }),
    inspect(value, { customInspect: false, showHidden: true }),
    Object.entries(value).join(),
    new Error(`Cannot connect: ${value}`, { cause: value }).message,
    Deno.inspect(new Error("Cannot connect", { cause: value })),
  ].join("\n");
}

Deno.test("Secret shows itself through reveal() only", () => {
  const secret = new Secret(CANARY);
  assert.equal(secret.reveal(), CANARY);
  assert.ok(!printed(secret).includes(CANARY), printed(secret));
  assert.equal(`${secret}`, "***");
});

Deno.test("SecretUrl hides password and query, and shows the rest", () => {
  const url = new SecretUrl(`amqp://me:${CANARY}@mq.example:5673/v%2F1?password=${CANARY}`);
  assert.ok(!printed(url).includes(CANARY), printed(url));
  assert.equal(`${url}`, "amqp://me:***@mq.example:5673/v%2F1");
  assert.equal(url.reveal(), `amqp://me:${CANARY}@mq.example:5673/v%2F1?password=${CANARY}`);
  assert.equal(url.password?.reveal(), CANARY);
  assert.deepEqual([url.hostname, url.port, url.username, url.vhost, url.secure], [
    "mq.example",
    5673,
    "me",
    "v/1",
    false,
  ]);
});

Deno.test("SecretUrl applies the defaults of the AMQP URI specification", () => {
  const plain = new SecretUrl("amqp://mq");
  assert.deepEqual([plain.port, plain.username, plain.password, plain.vhost, plain.masked], [
    5672,
    "guest",
    undefined,
    "/",
    "amqp://mq",
  ]);
  assert.equal(new SecretUrl("amqps://mq/").port, 5671);
  assert.equal(new SecretUrl("amqps://mq/").vhost, "/");
});

Deno.test("SecretUrl takes IPv6 addresses", () => {
  const url = new SecretUrl("amqp://u:p@[::1]:5000/x");
  assert.deepEqual([url.hostname, url.port, url.address], ["::1", 5000, "[::1]:5000"]);
  assert.equal(url.masked, "amqp://u:***@[::1]:5000/x");
});

Deno.test("SecretUrl.withTls() changes the scheme and with it the default port", () => {
  const url = new SecretUrl(`amqp://u:${CANARY}@mq/x`).withTls();
  assert.deepEqual([url.secure, url.port, url.password?.reveal()], [true, 5671, CANARY]);
  assert.equal(new SecretUrl("amqp://mq:7000").withTls().port, 7000);
});

Deno.test("SecretUrl decodes any user and password that are percent-encoded", () => {
  fc.assert(fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (text) => {
    const encoded = encodeURIComponent(text);
    const url = new SecretUrl(`amqp://${encoded}:${encoded}@mq`);
    assert.equal(url.username, text);
    assert.equal(url.password?.reveal(), text);
  }));
});

Deno.test("SecretUrl refuses malformed URLs without repeating them", () => {
  const malformed = [
    CANARY,
    `http://${CANARY}@mq`,
    `amqp://u:${CANARY}#x@mq`,
    `amqp://u:${CANARY}@mq/a/b`,
    `amqp://u:${CANARY}%zz@mq`,
    `amqp://u:${CANARY}/x@mq`,
    `amqp://u:${CANARY}@`,
    `amqp://mq#${CANARY}`,
    "",
  ];
  for (const text of malformed) {
    assert.throws(() => new SecretUrl(text), (error) => {
      assert.ok(error instanceof AppError);
      assert.ok(!Deno.inspect(error).includes(CANARY), Deno.inspect(error));
      return true;
    }, text);
  }
});
