/** Messages of a backup, one by one, on real brokers. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { assertOk } from "./helpers/failure.ts";
import { GO_CODECS, goPublish } from "./helpers/go_streams.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { pikaGenerate, pikaPublish } from "./helpers/pika.ts";
import { testVhost } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;

/** Runs the command on the job's backup. */
function look(job: Job, queue: string, flags: string[] = []): Promise<CliResult> {
  return runCli(["messages", "-p", job.backups, "-b", "test", "--queue", queue, ...flags]);
}

const ALL = ["--limit", "0", "--body", "text", "--max-body", "1GiB", "--json"];

type Header = Record<"name" | "type" | "value", unknown>;

function base64Body({ body = "", body_base64 }: Record<string, string>): string {
  return body_base64 ?? Buffer.from(body, "utf8").toString("base64");
}

testOnEach("messages are shown as they were published", async (broker) => {
  await using vhost = await testVhost(broker, "messages");
  await using job = await newJob(broker);
  const queue = await vhost.queue("orders");
  const sent = await pikaGenerate(broker, queue, { count: 60 });
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const result = await look(job, "orders", ALL);
  assertOk(result);
  const told = jsonLines(result, "message");
  assert.equal(told.length, sent.length);
  for (const [index, one] of told.entries()) {
    const { routing_key, body, body_size, headers, properties } = sent[index]!;
    assert.equal(one.number, index + 1);
    assert.deepEqual([one.routing_key, one.body_size], [routing_key, body_size]);
    if (body !== undefined) assert.equal(base64Body(one), body);
    const names = new Set(one.headers.map(({ name }: Header) => name));
    for (const name of Object.keys(headers)) assert.ok(names.has(name), `${index}: ${name}`);
    assert.equal(one.properties.length, Object.keys(properties).length);
  }
  const [summary] = jsonLines(result, "summary");
  assert.deepEqual([summary.messages_shown, summary.messages_total], [60, 60]);
  const one = await look(job, "orders", ["--from", "7", "--limit", "1", "--json"]);
  assert.deepEqual(jsonLines(one, "message").map(({ number }) => number), [7]);
  assert.doesNotMatch(one.stdout, /"(body|body_base64|headers|properties)"/);
});

testOnEach("messages of streams are shown out of their chunks and batches", async (broker) => {
  await using vhost = await testVhost(broker, "messages");
  await using job = await newJob(broker);
  for (const codec of GO_CODECS) {
    await goPublish(broker, await vhost.queue(codec, { type: "stream" }), { count: 45, codec });
  }
  const plain = await vhost.queue("plain", { type: "stream" });
  const body = Buffer.from("by AMQP 0-9-1").toString("base64");
  const message = { routing_key: plain.name, body, headers: { tenant: { str: "a" } } };
  await pikaPublish(broker, vhost.name, [message]);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const codec of GO_CODECS) {
    const result = await look(job, codec, ALL);
    assertOk(result);
    const told = jsonLines(result, "message");
    assert.deepEqual(told.map(({ offset }) => offset), Array.from({ length: 45 }, (_, at) => at));
    for (const [number, one] of told.entries()) {
      if (number % 5 === 4) {
        assert.equal(one.body_type, "amqp-value");
        assert.deepEqual(JSON.parse(one.body), { number, list: ["a", "b"], null: null });
        continue;
      }
      const data = Uint8Array.from({ length: number * 37 % 900 }, (_, at) => at * number);
      const whole = Buffer.concat([data, Buffer.from("a second section")]);
      assert.equal(base64Body(one), whole.toString("base64"), `${codec} ${number}`);
      const values = new Map(
        one.headers.map(({ name, type, value }: Header) => [name, [type, value]]),
      );
      assert.deepEqual(values.get("ulong"), ["ulong", "18446744073709551615"]);
      assert.deepEqual(values.get("bytes"), ["binary", { base64: "AP8=" }]);
    }
    const found = await look(job, codec, ["--search", "x-number=17", "--json"]);
    assert.deepEqual(jsonLines(found, "message").map(({ number }) => number), [18], codec);
  }
  const [told] = jsonLines(await look(job, "plain", ALL), "message");
  assert.deepEqual([told.routing_key, told.body], ["plain", "by AMQP 0-9-1"]);
  assert.deepEqual(told.headers.map(({ name, value }: Header) => [name, value]), [
    ["tenant", "a"],
  ]);
});

Deno.test("text of a message moves nothing on a terminal, and is shown on request only", async () => {
  await using vhost = await testVhost(shared, "messages");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  const nasty = "\u001b[2Jsecret\u009b31m";
  const message = {
    routing_key: queue.name,
    headers: { [nasty]: { str: nasty } },
    properties: { message_id: nasty },
    body: Buffer.from(`{"a":${JSON.stringify(nasty)}}`).toString("base64"),
  };
  await pikaPublish(shared, vhost.name, [message, message, message]);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const list = await look(job, "orders", ["--limit", "2", "-vv"]);
  assert.match(list.stdout, /^# +TIME +SIZE +ROUTING KEY\n1 .* orders\n2 .* orders\n$/);
  assert.match(list.stderr, /2 shown of 3; --from 3 goes on/);
  assert.doesNotMatch(list.stdout + list.stderr, /secret/);
  const details = await look(job, "orders", ["--details"]);
  assert.match(details.stdout, /header \\u\{1b\}\[2Jsecret/);
  for (const form of ["auto", "text", "json", "hex"]) {
    const { stdout } = await look(job, "orders", ["--body", form]);
    assert.match(stdout, /secret/);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
  }
  const { stdout } = await look(job, "orders", ALL);
  assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
  assert.equal(jsonLines(await look(job, "orders", ALL), "message")[0].headers[0].name, nasty);
});

Deno.test("what cannot be shown is told, with the way out", async () => {
  await using one = await testVhost(shared, "messages");
  await using two = await testVhost(shared, "messages");
  await using job = await newJob(shared);
  for (const vhost of [one, two]) await vhost.queue("orders");
  await one.queue("emails");
  assertOk(await job.backup({ vhosts: [one.name, two.name] }));
  const refused = async (queue: string, flags: string[], pattern: RegExp) => {
    const { code, stderr } = await look(job, queue, flags);
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  };
  await refused("orders", [], new RegExp(`2 virtual hosts .*\nHint: .*--vhost.*"${one.name}"`));
  await refused("email", [], /it is not in it; did you mean "emails"\?/);
  await refused("emails", ["--from", "0"], /number of --from/);
  await refused("emails", ["--limit", "x"], /number of --limit/);
  await refused("emails", ["--max-body", "much"], /size of --max-body/);
  await refused("emails", ["--body", "xml"], /--body/);
  const empty = await look(job, "orders", ["--vhost", two.name]);
  assert.deepEqual([empty.code, empty.stdout], [0, ""]);
});
