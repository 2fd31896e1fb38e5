import assert from "node:assert/strict";
import { parse } from "yaml";
import { connectionOf } from "./connection.ts";
import { NOT_FILLED } from "./state.ts";

const filled = (values: Partial<typeof NOT_FILLED.values>) =>
  connectionOf({ ...NOT_FILLED.values, ...values });
const urlOf = (values: Partial<typeof NOT_FILLED.values>) =>
  filled(values).overrides("source").find(({ path }) => path[1] === "amqp_url")?.value;

Deno.test("a host and a password are enough for a URL, and a URL stays what it is", () => {
  assert.equal(urlOf({}), undefined);
  assert.equal(urlOf({ host: "mq", password: "p@ss:/" }), "amqp://guest:p%40ss%3A%2F@mq");
  assert.equal(urlOf({ host: "mq:5673", user: "me" }), "amqp://me@mq:5673");
  assert.equal(urlOf({ host: "amqps://mq/shop", password: "x" }), "amqps://guest:x@mq/shop");
  assert.equal(urlOf({ host: "amqp://a:b@mq", user: "me", password: "x" }), "amqp://a:b@mq");
});

Deno.test("the management API is a host, with or without a port, or a URL", () => {
  const urlOf = (management: string, host = "mq") =>
    filled({ host, management }).overrides("source")
      .find(({ path }) => path[1] === "management_url")?.value;
  assert.equal(urlOf(""), undefined);
  assert.equal(urlOf(" mq:8080 "), "http://mq:8080");
  assert.equal(urlOf("mq"), "http://mq:15672");
  assert.equal(urlOf("[::1]"), "http://[::1]:15672");
  assert.equal(urlOf("mq", "amqps://mq"), "https://mq:15671");
  assert.equal(urlOf("me:pw@mq:8080"), "http://me:pw@mq:8080");
  assert.equal(urlOf("https://mq/api-of"), "https://mq/api-of");
});

Deno.test("a password inside a URL is not saved either", () => {
  const { source } = parse(filled({ host: "amqp://a:topsecret@mq" }).yaml);
  assert.equal(source.amqp_url, "amqp://a:${RABBITMQ_PASSWORD}@mq");
  const managed = filled({ host: "mq", management: "http://a:topsecret@mq:15672" });
  assert.match(managed.yaml, /http:\/\/a:\$\{RABBITMQ_PASSWORD\}@mq:15672/);
  assert.doesNotMatch(managed.flags.broker.join(" "), /topsecret/);
});

Deno.test("what is left as it was is no configuration by itself", () => {
  assert.equal(filled({ storage: "/backups" }).lacks, "broker");
  assert.equal(filled({ host: "mq" }).lacks, "storage");
  assert.equal(filled({ host: "mq", storage: "/backups" }).lacks, undefined);
});

Deno.test("neither flags nor the file that is saved hold the password", () => {
  const connection = filled({
    host: "mq",
    password: "topsecret",
    management: "http://mq:8080",
    storage: "/var/my backups",
  });
  assert.deepEqual(connection.flags, {
    broker: [
      "--amqp-url",
      '"$RABBITMQ_BACKUP_AMQP_URL"',
      "--management-url",
      "http://mq:8080",
    ],
    storage: ["--path", "'/var/my backups'"],
  });
  assert.doesNotMatch(connection.yaml, /topsecret/);
  const endpoint = {
    amqp_url: "amqp://guest:${RABBITMQ_PASSWORD}@mq",
    management_url: "http://mq:8080",
  };
  assert.deepEqual(parse(connection.yaml), {
    source: endpoint,
    target: endpoint,
    storage: "/var/my backups",
  });
});
