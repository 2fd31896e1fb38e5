import assert from "node:assert/strict";
import fc from "fast-check";
import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import type { Definitions } from "./document.ts";
import { exportDefinitions } from "./export.ts";
import { FakeBroker } from "./fake_broker.ts";
import { formatDefinitions } from "./format.ts";
import { checkComplete, parseDefinitions } from "./parse.ts";
import { partsOf, partText, placed } from "./parts.ts";

const BROKER = {
  zebra: 1,
  rabbitmq_version: "4.0.5",
  rabbit_version: "4.0.5",
  bindings: [
    {
      source: "x",
      vhost: "/",
      destination: "q",
      destination_type: "queue",
      routing_key: "b",
      arguments: {},
    },
    {
      source: "x",
      vhost: "/",
      destination: "q",
      destination_type: "queue",
      routing_key: "a",
      arguments: {},
    },
  ],
  queues: [
    { arguments: { z: 1, a: 2 }, name: "q2", vhost: "b", durable: true, auto_delete: false },
    { name: "q2", vhost: "a", durable: true, auto_delete: false, arguments: {} },
    { name: "q1", vhost: "b", durable: true, auto_delete: false, arguments: {} },
  ],
  exchanges: [{ name: "x", vhost: "/", type: "fanout", durable: true, arguments: {} }],
  vhosts: [{ name: "b" }, { name: "a" }, { name: "/" }],
  users: [{ name: "guest", tags: ["administrator"], password_hash: "h" }],
};

Deno.test("formatDefinitions: the same text for the same content in any order", () => {
  const shuffle = <T>(list: T[]) => fc.shuffledSubarray(list, { minLength: list.length });
  const keys = Object.keys(BROKER) as (keyof typeof BROKER)[];
  const expected = formatDefinitions(BROKER as Definitions);
  fc.assert(
    fc.property(
      shuffle(keys),
      shuffle(BROKER.queues),
      shuffle(BROKER.bindings),
      (order, queues, bindings) => {
        const shuffled: Record<string, unknown> = { ...BROKER, queues, bindings };
        const reordered = Object.fromEntries(order.map((key) => [key, shuffled[key]]));
        assert.equal(formatDefinitions(reordered as Definitions), expected);
      },
    ),
  );
});

Deno.test("formatDefinitions: versions first, lists by vhost and name", () => {
  const parsed = JSON.parse(formatDefinitions(BROKER as Definitions));
  assert.deepEqual(Object.keys(parsed).slice(0, 4), [
    "rabbit_version",
    "rabbitmq_version",
    "zebra",
    "users",
  ]);
  assert.deepEqual(
    parsed.queues.map((queue: { vhost: string; name: string }) => `${queue.vhost} ${queue.name}`),
    ["a q2", "b q1", "b q2"],
  );
  assert.deepEqual(Object.keys(parsed.queues[2]), [
    "vhost",
    "name",
    "durable",
    "auto_delete",
    "arguments",
  ]);
  assert.deepEqual(parsed.bindings.map((each: { routing_key: string }) => each.routing_key), [
    "a",
    "b",
  ]);
});

Deno.test("formatDefinitions: loses nothing that was read", () => {
  const text = `{"queues":[{"name":"q","vhost":"/","extra":{"deep":[1,null,{"b":1.0,"a":true}]},
    "arguments":{"x-max-length-bytes":9223372036854775807,"x-float":1.0,"10":-0.5}}],
    "unknown_list":[3,1,2]}`;
  const formatted = formatDefinitions(parseDefinitions(text));
  assert.match(formatted, /"x-max-length-bytes": 9223372036854775807\n/);
  assert.match(formatted, /"x-float": 1\.0[,\n]/);
  assert.deepEqual(JSON.parse(formatted), JSON.parse(text));
});

Deno.test("parseDefinitions: refuses what is none", () => {
  const bad: [string, RegExp][] = [
    ["", /it is no JSON/],
    ['{"queues":[', /it is no JSON/],
    ["[]", /no JSON object/],
    ["1.0", /no JSON object/],
    ["{}", /none of the lists/],
    ['{"queues":{}}', /its "queues" is no list/],
    ['{"queues":[1]}', /queues\[0\] is no object/],
    ['{"queues":[{"name":"a"},{"vhost":"/"}]}', /queues\[1\] has no text "name"/],
    ['{"queues":[{"name":"a","vhost":5}]}', /the "vhost" of queues\[0\] is no text/],
    ['{"bindings":[{"source":"a","destination":"b"}]}', /bindings\[0\] has no text "destination_t/],
  ];
  for (const [text, expected] of bad) {
    assert.throws(() => parseDefinitions(text), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, "damaged");
      assert.match(error.message, expected);
      return true;
    });
  }
  assert.equal(parseDefinitions('\ufeff{"queues":[]}').queues?.length, 0);
});

Deno.test("exportDefinitions: counts, of all and of one vhost", async () => {
  const broker = new FakeBroker(BROKER as Definitions);
  const whole = await exportDefinitions(broker.client);
  assert.deepEqual(whole.counts, { vhosts: 3, queues: 3, exchanges: 1, users: 1 });
  assert.equal(whole.text, formatDefinitions(BROKER as Definitions));
  const dots = new FakeBroker({
    ...BROKER,
    vhosts: [{ name: "..", metadata: { tags: [] } }],
    queues: [{ name: "q", vhost: ".." }, { name: "other", vhost: "/" }],
  } as Definitions);
  const single = await exportDefinitions(dots.client, { vhost: ".." });
  assert.deepEqual(single.counts, { vhosts: 1, queues: 1, exchanges: 0, users: 0 });
  const parsed = JSON.parse(single.text);
  assert.deepEqual(parsed.queues, [{ name: "q" }]);
  assert.equal(parsed.users, undefined);
  assert.deepEqual(parsed.metadata, { tags: [] });
  await assert.rejects(
    () => exportDefinitions(dots.client, { vhost: "." }),
    { code: "broker_missing" },
  );
});

Deno.test("exportDefinitions: an answer that is no definitions", async () => {
  const client = { ...new FakeBroker({}).client, definitions: () => Promise.resolve("{}") };
  await assert.rejects(
    () => exportDefinitions(client as unknown as ManagementClient),
    { code: "broker_unreachable" },
  );
});

Deno.test("partsOf: all objects once, in order, in requests of bounded size", () => {
  const list = fc.array(fc.string({ maxLength: 40 }).map((name) => ({ name })), { maxLength: 30 });
  fc.assert(
    fc.property(list, list, fc.integer({ min: 1, max: 600 }), (vhosts, queues, maxBytes) => {
      const whole = { rabbit_version: "4.0.5", vhosts, queues };
      const parts = [...partsOf(placed(whole), maxBytes)]
        .map((part) => JSON.parse(partText(whole, part)));
      assert.deepEqual(parts.flatMap((part) => part.vhosts ?? []), vhosts);
      assert.deepEqual(parts.flatMap((part) => part.queues ?? []), queues);
      const firstQueues = parts.findIndex((part) => part.queues !== undefined);
      const lastVhosts = parts.findLastIndex((part) => part.vhosts !== undefined);
      assert.ok(firstQueues < 0 || lastVhosts <= firstQueues, "vhosts before queues");
      for (const { rabbit_version, ...lists } of parts) {
        assert.equal(rabbit_version, "4.0.5");
        const objects = Object.values(lists).flat();
        assert.ok(objects.length > 0);
        const size = new TextEncoder().encode(objects.map((each) => JSON.stringify(each)).join());
        assert.ok(objects.length === 1 || size.length <= maxBytes);
      }
    }),
  );
});

Deno.test("checkComplete: the lists of an export, and no object twice", () => {
  const check = (text: string) => () => checkComplete(parseDefinitions(text));
  const empty = '"users":[],"vhosts":[],"permissions":[],"exchanges":[],"bindings":[]';
  check(`{${empty},"queues":[]}`)();
  check('{"original_vhost_name":"v","queues":[],"exchanges":[],"bindings":[]}')();
  assert.throws(check('{"queues":[],"users":[]}'), {
    code: "damaged",
    message: "Cannot read definitions: they have no vhosts, permissions, exchanges, bindings",
    hint: /"vhosts": \[\]/,
  });
  assert.throws(check('{"queues":[{"name":"q"}]}'), { message: /no exchanges, bindings$/ });
  const twice = (other: string) => `{${empty},"queues":[${queueText(1)},${queueText(2)},${other}]}`;
  check(twice(queueText(1)))();
  assert.throws(check(twice(queueText(1, "false"))), {
    message: /queues\[2\], "q1", is there twice/,
  });
});

function queueText(number: number, durable = "true"): string {
  return `{"vhost":"/","name":"q${number}","durable":${durable}}`;
}

Deno.test("parseDefinitions: fields of the wrong type", () => {
  const bad: [string, RegExp][] = [
    ['{"queues":[{"name":"q","durable":"yes"}]}', /"durable" of queues\[0\] is not true or false/],
    ['{"queues":[{"name":"q","arguments":7}]}', /"arguments" of queues\[0\] is not a table/],
    ['{"exchanges":[{"name":"x"}]}', /exchanges\[0\] has no text "type"/],
    [
      '{"policies":[{"name":"p","pattern":"."},{"name":"p"}]}',
      /policies\[1\] has no text "pattern"/,
    ],
    ['{"permissions":[{"user":"u","write":"","read":""}]}', /\[0\] has no text "configure"/],
    ['{"users":[{"name":"u","password_hash":1}]}', /"password_hash" of users\[0\] is not a text/],
  ];
  for (const [text, message] of bad) {
    assert.throws(() => parseDefinitions(text), { code: "damaged", message });
  }
  parseDefinitions('{"queues":[{"name":"q","arguments":[]}]}');
});
