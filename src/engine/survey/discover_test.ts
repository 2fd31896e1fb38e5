import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { failure } from "../../../tests/helpers/app_error.ts";
import type { ManagementClient } from "../../broker/management/client.ts";
import { type ListedQueue, type Policy, queueSchema } from "../../broker/management/model.ts";
import { discoverQueues, type Discovery, type DiscoveryFilter } from "./discover.ts";

/** What a broker holds. */
interface World {
  vhosts: string[];
  queues: (Partial<ListedQueue> & { vhost: string; name: string })[];
  policies?: Policy[];
  operatorPolicies?: Policy[];
  exchanges?: { vhost: string; name: string; type: string; messages_delayed?: number }[];
  /** Vhosts that the user has no permission on. */
  closed?: string[];
}

Deno.test("discoverQueues: selects by vhost, name and type", async () => {
  const world = {
    vhosts: ["/", "prod-a", "prod-b"],
    queues: [
      { vhost: "/", name: "orders" },
      { vhost: "prod-a", name: "orders" },
      { vhost: "prod-a", name: "orders.dlq" },
      { vhost: "prod-b", name: "orders", type: "quorum" },
      { vhost: "prod-b", name: "mail", type: "stream" },
    ],
  };
  assert.deepEqual(await names(world, {}), [
    "/ orders",
    "prod-a orders",
    "prod-a orders.dlq",
    "prod-b mail",
    "prod-b orders",
  ]);
  const filter = { vhosts: ["prod-*"], include: ["ord*"], exclude: ["~dlq$"] };
  assert.deepEqual(await names(world, filter), ["prod-a orders", "prod-b orders"]);
  assert.deepEqual(await names(world, { types: ["quorum", "stream"] }), [
    "prod-b mail",
    "prod-b orders",
  ]);
  assert.deepEqual(await names(world, { vhosts: ["/"] }), ["/ orders"]);
});

Deno.test("discoverQueues: keeps queues of few messages and without figures", async () => {
  const world = { vhosts: ["/"], queues: [{ vhost: "/", name: "young" }] };
  const [queue] = (await discover(world, {})).queues;
  assert.equal(queue?.messages, undefined);
  assert.equal("messages" in queue!, false);
  assert.equal(queue?.type, "classic");
});

Deno.test("discoverQueues: takes the type from where the broker says it", async () => {
  const world = {
    vhosts: ["/"],
    queues: [
      { vhost: "/", name: "a", type: "rabbit_quorum_queue" },
      { vhost: "/", name: "b", arguments: { "x-queue-type": "stream" } },
      { vhost: "/", name: "c", type: "delayed" },
    ],
  };
  const types = (await discover(world, {})).queues.map(({ type }) => type);
  assert.deepEqual(types, ["quorum", "stream", "delayed"]);
});

Deno.test("discoverQueues: finds the exchanges of selected vhosts that delay messages", async () => {
  const type = "x-delayed-message";
  const world = {
    vhosts: ["/", "other"],
    queues: [],
    exchanges: [
      { vhost: "/", name: "amq.topic", type: "topic" },
      { vhost: "/", name: "later", type, messages_delayed: 3 },
      { vhost: "other", name: "later", type },
    ],
  };
  assert.deepEqual((await discover(world, { vhosts: ["/"] })).delayedExchanges, [
    { vhost: "/", name: "later", messages: 3 },
  ]);
});

Deno.test("discoverQueues: sorts by vhost, then name, by bytes", async () => {
  const name = fc.string({
    unit: fc.constantFrom("a", "B", "é", "\uffee", "😀", "."),
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, name), { maxLength: 20 }), async (pairs) => {
      const queues = pairs.map(([vhost, queue]) => ({ vhost, name: queue }));
      const vhosts = [...new Set(pairs.map(([vhost]) => vhost))];
      const found = (await discover({ vhosts, queues }, {})).queues;
      assert.equal(found.length, queues.length);
      const keys = found.map((queue) =>
        [Buffer.from(queue.vhost), Buffer.from(queue.name)] as const
      );
      for (let at = 1; at < keys.length; at++) {
        const [before, after] = [keys[at - 1]!, keys[at]!];
        const order = Buffer.compare(before[0], after[0]) || Buffer.compare(before[1], after[1]);
        assert.ok(order <= 0);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("discoverQueues: a vhost that is named must exist", async () => {
  const world = { vhosts: ["/", "production", "a*b"], queues: [] };
  const error = await failure(discover(world, { vhosts: ["producton"] }), "broker_missing");
  assert.equal(
    error.message,
    'Cannot list queues: there is no vhost "producton"; did you mean "production"?',
  );
  assert.equal(error.hint, 'There are "/", "production", "a*b"');
  await failure(discover(world, { vhosts: ["/", "a\\*c"] }), "broker_missing");
  await discover(world, { vhosts: ["a\\*b"] });
  const found = await discover(world, { vhosts: ["stage-*", "~^x", "prod*"] });
  assert.deepEqual(found.unmatchedVhosts, ["stage-*", "~^x"]);
});

Deno.test("discoverQueues: tells which patterns match nothing", async () => {
  const world = {
    vhosts: ["/", "other"],
    queues: [{ vhost: "/", name: "orders" }, { vhost: "other", name: "mail" }],
  };
  const filter = { vhosts: ["/"], include: ["ord*", "mail", "~^x"], exclude: ["orders"] };
  const found = await discover(world, filter);
  assert.deepEqual(found.unmatched, ["mail", "~^x"]);
  assert.deepEqual(found.queues, []);
});

Deno.test("discoverQueues: vhosts that are closed to the user do not go unnoticed", async () => {
  const world = {
    vhosts: ["/", "empty", "secret"],
    queues: [{ vhost: "/", name: "a" }, { vhost: "secret", name: "b" }],
    closed: ["secret"],
  };
  const found = await discover(world, {});
  assert.deepEqual(found.queues.map(({ name }) => name), ["a"]);
  assert.deepEqual(found.closedVhosts, ["secret"]);
  assert.deepEqual((await discover(world, { vhosts: ["{/,secre*}"] })).closedVhosts, ["secret"]);
  const named = await failure(discover(world, { vhosts: ["/", "secret"] }), "broker_denied");
  assert.match(named.message, /^Cannot list queues of vhost "secret": user "me" has no permission/);
  await failure(discover(world, { vhosts: ["sec*"] }), "broker_denied");
});

Deno.test("discoverQueues: asks for the queues of few vhosts only", async () => {
  const vhosts = Array.from({ length: 50 }, (_, at) => `v${at}`);
  const world = { vhosts, queues: vhosts.map((vhost) => ({ vhost, name: "q" })) };
  const asked: (string | undefined)[] = [];
  const found = await discoverQueues(clientOf(world, asked), filterOf({ vhosts: ["v1", "v2"] }));
  assert.deepEqual(found.queues.map(({ vhost }) => vhost), ["v1", "v2"]);
  assert.deepEqual(asked, ["v1", "v2"]);
  asked.length = 0;
  await discoverQueues(clientOf(world, asked), filterOf({ vhosts: ["v*"] }));
  assert.deepEqual(asked, [undefined]);
});

Deno.test("discoverQueues: vhosts without a place in a URL", async () => {
  const world = {
    vhosts: ["/", "..", "."],
    queues: [{ vhost: "..", name: ".." }, { vhost: "/", name: "a" }],
  };
  assert.deepEqual(await names(world, {}), [".. ..", "/ a"]);
  assert.deepEqual(await names(world, { vhosts: [".."] }), [".. .."]);
});

Deno.test("discoverQueues: policies by the broker's word", async () => {
  const world = {
    vhosts: ["/"],
    queues: [{
      vhost: "/",
      name: "q",
      policy: "low",
      operator_policy: null,
      effective_policy_definition: { "max-length": 1 },
    }],
    policies: [policy("low", { priority: 0 }), policy("high", { priority: 9 })],
    operatorPolicies: [policy("op", {})],
  };
  const [queue] = (await discover(world, {})).queues;
  assert.equal(queue?.policyName, "low");
  assert.deepEqual(queue?.policy, { name: "low" });
  assert.equal(queue?.operatorPolicyName, undefined);
  assert.deepEqual(queue?.operatorPolicy, {});
  assert.deepEqual(queue?.effectivePolicy, { "max-length": 1 });
});

Deno.test("discoverQueues: policies of young queues by pattern, priority and type", async () => {
  const cases: [Policy[], string | undefined][] = [
    [[policy("a", { priority: 1 }), policy("b", { priority: 2 })], "b"],
    [[policy("a", { pattern: "^x" })], undefined],
    [[policy("a", { pattern: "rder" })], "a"],
    [[policy("a", { "apply-to": "exchanges" })], undefined],
    [[policy("a", { "apply-to": "classic_queues" })], undefined],
    [[policy("a", { "apply-to": "quorum_queues" })], "a"],
    [[policy("a", { "apply-to": "queues" })], "a"],
    [[policy("a", { vhost: "other" })], undefined],
    [[policy("a", { pattern: "(?i)^ORDERS$" })], "a"],
    [[policy("a", { pattern: "(?<=a)b(?>c)" })], "a"], // not JavaScript: taken as matching
  ];
  for (const [policies, expected] of cases) {
    const queues = [{ vhost: "/", name: "orders", type: "quorum" }];
    for (const kind of ["policies", "operatorPolicies"] as const) {
      const [queue] = (await discover({ vhosts: ["/"], queues, [kind]: policies }, {})).queues;
      const name = kind === "policies" ? queue?.policyName : queue?.operatorPolicyName;
      assert.equal(name, expected, JSON.stringify(policies));
    }
  }
});

function policy(name: string, fields: Partial<Policy>): Policy {
  const definition = { name };
  return { vhost: "/", name, pattern: ".*", "apply-to": "all", priority: 0, definition, ...fields };
}

function filterOf(filter: Partial<DiscoveryFilter>): DiscoveryFilter {
  return { vhosts: [], include: [], exclude: [], types: [], ...filter };
}

async function discover(world: World, filter: Partial<DiscoveryFilter>): Promise<Discovery> {
  return await discoverQueues(clientOf(world), filterOf(filter));
}

async function names(world: World, filter: Partial<DiscoveryFilter>): Promise<string[]> {
  return (await discover(world, filter)).queues.map(({ vhost, name }) => `${vhost} ${name}`);
}

/** A client of a broker that holds `world`. */
function clientOf(world: World, asked: (string | undefined)[] = []): ManagementClient {
  const isOpen = (vhost: string) => !world.closed?.includes(vhost);
  const client = {
    username: "me",
    isAddressable: (name: string) => !["", ".", ".."].includes(name),
    vhosts: () => Promise.resolve(world.vhosts.map((name) => ({ name, tracing: false }))),
    mayRead: (vhost: string) => {
      assert.ok(!["", ".", ".."].includes(vhost), "the real one is answered 405");
      return Promise.resolve(isOpen(vhost));
    },
    queues: ({ vhost }: { vhost?: string } = {}) => {
      asked.push(vhost);
      const visible = world.queues.filter((queue) =>
        isOpen(queue.vhost) && (vhost === undefined || queue.vhost === vhost)
      );
      return Promise.resolve(visible.map((queue) => queueSchema.parse(queue)));
    },
    exchanges: () => Promise.resolve(world.exchanges ?? []),
    policies: () => Promise.resolve(world.policies ?? []),
    operatorPolicies: () => Promise.resolve(world.operatorPolicies ?? []),
  };
  return client as unknown as ManagementClient;
}
