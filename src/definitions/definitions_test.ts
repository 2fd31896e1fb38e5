import assert from "node:assert/strict";
import fc from "fast-check";
import { failure } from "../../tests/helpers/app_error.ts";
import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import { type Definitions, parseDefinitions } from "./document.ts";
import { exportDefinitions } from "./export.ts";
import { formatDefinitions } from "./format.ts";
import { importDefinitions, type ImportOptions, type ImportReport } from "./import.ts";
import { partsOf } from "./parts.ts";

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

Deno.test("importDefinitions: creates, leaves alone, updates, and says which", async () => {
  const broker = new FakeBroker({
    queues: [
      queue("same", {}),
      queue("typed", { "x-queue-type": "classic" }),
      queue("other", { "x-max-length": 1 }),
    ],
    policies: [policy("p", 1), policy("kept", 1)],
  });
  const wanted = {
    queues: [queue("same", {}), queue("typed", {}), queue("other", {}), queue("new", {})],
    policies: [policy("p", 2), policy("kept", 1), policy("made", 1)],
    exchanges: [{ vhost: "/", name: "amq.rabbitmq.log", type: "topic" }],
  };
  const report = await broker.import(wanted);
  assert.deepEqual(report.kinds, [
    {
      kind: "policies",
      total: 3,
      created: 1,
      updated: 1,
      unchanged: 1,
      different: 0,
      missing: 0,
    },
    { kind: "queues", total: 4, created: 1, updated: 0, unchanged: 2, different: 1, missing: 0 },
  ]);
  assert.equal(report.complete, false);
  assert.deepEqual(report.different, [{ kind: "queues", vhost: "/", name: "other" }]);
  assert.deepEqual(report.created, [
    { kind: "policies", vhost: "/", name: "made" },
    { kind: "queues", vhost: "/", name: "new" },
  ]);
  assert.deepEqual(report.updated, [{ kind: "policies", vhost: "/", name: "p" }]);
  const again = await broker.import({ policies: wanted.policies });
  assert.equal(again.complete, true);
  assert.equal(again.kinds[0]?.unchanged, 3);
});

Deno.test("importDefinitions: a dry run says the same and changes nothing", async () => {
  const start = {
    queues: [queue("same", {}), queue("other", { "x-max-length": 1 })],
    policies: [policy("p", 1)],
  };
  const wanted = {
    queues: [queue("same", {}), queue("other", {}), queue("new", {})],
    policies: [policy("p", 2)],
  };
  const dry = new FakeBroker(start);
  const told = await dry.import(wanted, { dryRun: true });
  assert.equal(dry.imports.length, 0);
  const done = await new FakeBroker(start).import(wanted);
  assert.deepEqual({ ...told, dryRun: false }, done);
  assert.equal(told.dryRun, true);
});

Deno.test("importDefinitions: waits for what comes late, and says what does not come", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.lateBy = 2;
  const report = await broker.import({ queues: [queue("late", {})] });
  assert.deepEqual([report.complete, report.kinds[0]?.created], [true, 1]);
  const forgetful = new FakeBroker({ queues: [] });
  forgetful.lateBy = 1000;
  const missing = await forgetful.import({ queues: [queue("gone", {})] }, { timeoutMs: 50 });
  assert.equal(missing.complete, false);
  assert.deepEqual(missing.missing, [{ kind: "queues", vhost: "/", name: "gone" }]);
});

Deno.test("importDefinitions: an abort ends the waiting with its reason", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.lateBy = 1000;
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(
    () => broker.import({ queues: [queue("q", {})] }, { signal: controller.signal }),
    { message: "enough" },
  );
});

Deno.test("importDefinitions: definitions go where they belong", async () => {
  const broker = new FakeBroker({ queues: [] });
  const single = { queues: [{ name: "q", durable: true }], policies: [policy("p", 1)] };
  await assert.rejects(broker.import(single), {
    code: "refused",
    message: /of a single vhost, and do not say of which/,
  });
  await assert.rejects(broker.import({ queues: [queue("q", {})] }, { vhost: "b" }), {
    code: "refused",
    message: /into vhost "b": they are of vhost "\/"$/,
  });
  await assert.rejects(broker.import({ ...BROKER }, { vhost: "b" }), {
    code: "refused",
    message: /into vhost "b": they are of a whole broker$/,
  });
  assert.equal(broker.imports.length, 0);
  await broker.import(single, { vhost: "b", timeoutMs: 0 });
  await broker.import(single, { vhost: "..", timeoutMs: 0 });
  const { vhost: _, ...homeless } = policy("p", 1);
  assert.deepEqual(
    broker.imports,
    [
      { vhost: "b", json: { queues: [{ name: "q", durable: true }], policies: [homeless] } },
      {
        vhost: undefined,
        json: {
          queues: [{ name: "q", durable: true, vhost: ".." }],
          policies: [{ ...homeless, vhost: ".." }],
        },
      },
    ],
  );
});

Deno.test("importDefinitions: a report names users, and never their hashes", async () => {
  const broker = new FakeBroker({ users: [{ name: "me", password_hash: "old-hash", tags: [] }] });
  const users = ["me", "you"].map((name) => ({ name, password_hash: "canary-hash", tags: [] }));
  const report = await broker.import({ users }, { dryRun: true });
  assert.deepEqual(report.updated, [{ kind: "users", name: "me" }]);
  assert.deepEqual(report.created, [{ kind: "users", name: "you" }]);
  assert.ok(!/hash/.test(JSON.stringify(report)));
});

Deno.test("importDefinitions: an export of one vhost goes back to it, unless told otherwise", async () => {
  const source = new FakeBroker({ queues: [{ name: "q", durable: true }] });
  const { text } = await exportDefinitions(source.client, { vhost: "shop" });
  assert.equal(JSON.parse(text).original_vhost_name, "shop");
  for (const [vhost, expected] of [[undefined, "shop"], ["other", "other"]] as const) {
    const broker = new FakeBroker({ queues: [] });
    const report = await importDefinitions(broker.client, text, { vhost, timeoutMs: 0 });
    assert.deepEqual(broker.imports.map((each) => each.vhost), [expected]);
    assert.deepEqual(report.created, [{ kind: "queues", vhost: expected, name: "q" }]);
  }
  const nameless = JSON.stringify({ queues: [{ name: "q" }] });
  const error = await failure(importDefinitions(source.client, nameless), "refused");
  assert.match(error.message, /do not say of which$/);
  assert.match(error.hint ?? "", /--vhost NAME/);
});

Deno.test("partsOf: all objects once, in order, in requests of bounded size", () => {
  const list = fc.array(fc.string({ maxLength: 40 }).map((name) => ({ name })), { maxLength: 30 });
  fc.assert(
    fc.property(list, list, fc.integer({ min: 1, max: 600 }), (vhosts, queues, maxBytes) => {
      const whole = { rabbit_version: "4.0.5", vhosts, queues };
      const parts = [...partsOf(whole, maxBytes)].map((part) => JSON.parse(part));
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

Deno.test("importDefinitions: a refusal says that running it again is safe", async () => {
  const broker = new FakeBroker({ queues: [] });
  broker.refusal = new AppError("failed", "Cannot import definitions: no");
  const error = await failure(broker.import({ queues: [queue("q", {})] }), "failed");
  assert.match(error.message, /: no$/);
  assert.match(error.hint ?? "", /run this again/);
});

function queue(name: string, table: Record<string, unknown>) {
  return { vhost: "/", name, durable: true, auto_delete: false, arguments: table };
}

function policy(name: string, limit: number) {
  return { vhost: "/", name, pattern: ".*", "apply-to": "all", definition: { limit }, priority: 0 };
}

/** Merges what is imported as RabbitMQ does: queues that exist stay, policies are replaced. */
class FakeBroker {
  readonly imports: { vhost: string | undefined; json: unknown }[] = [];
  /** So many exports after an import do not show it yet. */
  lateBy = 0;
  refusal: AppError | undefined;
  #shown: Record<string, unknown>;
  #next: Record<string, unknown>;

  constructor(definitions: Definitions) {
    this.#shown = { ...definitions };
    this.#next = this.#shown;
  }

  async import(wanted: unknown, options: ImportOptions = {}): Promise<ImportReport> {
    return await importDefinitions(this.client, JSON.stringify(wanted), options);
  }

  get client(): ManagementClient {
    const client = {
      url: "http://broker",
      isAddressable: (name: string) => !["", ".", ".."].includes(name),
      definitions: () => {
        if (this.#next !== this.#shown && this.lateBy-- <= 0) this.#shown = this.#next;
        const vhosts = [{ name: ".." }];
        return Promise.resolve(JSON.stringify({ vhosts, ...this.#shown }));
      },
      putDefinitions: (text: string, { vhost }: { vhost?: string }) => {
        if (this.refusal !== undefined) return Promise.reject(this.refusal);
        const json = JSON.parse(text);
        this.imports.push({ vhost, json });
        this.#merge(json);
        return Promise.resolve();
      },
    };
    return client as unknown as ManagementClient;
  }

  #merge(json: Record<string, { name: string }[]>): void {
    const next: Record<string, unknown> = { ...this.#shown };
    for (const [kind, objects] of Object.entries(json)) {
      const old = new Map(
        (next[kind] as { name: string }[] ?? []).map((each) => [each.name, each]),
      );
      for (const object of objects) {
        if (kind === "policies" || !old.has(object.name)) old.set(object.name, object);
      }
      next[kind] = [...old.values()];
    }
    this.#next = next;
  }
}
