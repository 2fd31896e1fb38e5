import assert from "node:assert/strict";
import fc from "fast-check";
import { type Definitions, objectsOf } from "./document.ts";
import { type DefinitionsSelection, selectDefinitions } from "./select.ts";

const NOTHING: DefinitionsSelection = { vhosts: [], queues: [], exchanges: [], users: false };

const BROKER = definitionsOf({
  vhosts: ["/", "shop"],
  queues: ["/ a", "/ b", "shop a"],
  exchanges: ["/ in", "/ mid", "/ side", "shop in"],
  bindings: [
    "/ in -> exchange mid",
    "/ mid -> queue a",
    "/ side -> queue b",
    "/ amq.topic -> exchange in",
    "shop in -> queue a",
    "/ mid -> exchange side",
  ],
});

/** Definitions of a short notation: "vhost name", "vhost source -> type destination". */
function definitionsOf(
  parts: { vhosts: string[]; queues: string[]; exchanges: string[]; bindings: string[] },
): Definitions {
  const named = (text: string) => {
    const [vhost, name] = text.split(" ");
    return { vhost, name };
  };
  return {
    rabbitmq_version: "4.0.5",
    users: [{ name: "u" }, { name: "other" }],
    vhosts: parts.vhosts.map((name) => ({ name })),
    permissions: parts.vhosts.map((vhost) => ({
      vhost,
      user: "u",
      configure: "",
      write: "",
      read: "",
    })),
    policies: parts.vhosts.map((vhost) => ({ vhost, name: "p", pattern: "", definition: {} })),
    parameters: parts.vhosts.map((vhost) => ({ vhost, component: "c", name: "n", value: 1 })),
    global_parameters: [{ name: "cluster_name", value: "c" }],
    queues: parts.queues.map((text) => ({ ...named(text), durable: true })),
    exchanges: parts.exchanges.map((text) => ({ ...named(text), type: "topic" })),
    bindings: parts.bindings.map((text) => {
      const [vhost, source, , destination_type, destination] = text.split(" ");
      return { vhost, source, destination_type, destination, routing_key: "k" };
    }),
  };
}

function select(choice: Partial<DefinitionsSelection>, definitions = BROKER, vhost?: string) {
  return selectDefinitions(definitions, { ...NOTHING, ...choice }, vhost);
}

function names(definitions: Definitions, kind: "queues" | "exchanges" | "vhosts"): string[] {
  return objectsOf(definitions, kind).map(({ vhost, name }) =>
    vhost ? `${vhost} ${name}` : `${name}`
  );
}

function bindings(definitions: Definitions): string[] {
  return objectsOf(definitions, "bindings").map((one) => `${one.source} -> ${one.destination}`);
}

Deno.test("selectDefinitions: nothing selected is all", () => {
  assert.equal(select({}), BROKER);
});

Deno.test("selectDefinitions: an alternate exchange that leads to the queue makes a source of its exchange", () => {
  const plain = definitionsOf({
    vhosts: ["/", "shop"],
    queues: ["/ caught", "/ other"],
    exchanges: ["/ in", "/ by-policy", "/ catch", "/ elsewhere", "/ far", "shop in"],
    bindings: ["/ catch -> queue caught", "/ in -> queue other", "/ far -> exchange by-policy"],
  });
  const definitions = {
    ...plain,
    exchanges: objectsOf(plain, "exchanges").map((exchange) => ({
      ...exchange,
      arguments: exchange.name === "in"
        ? { "alternate-exchange": "catch" }
        : exchange.name === "elsewhere"
        ? { "alternate-exchange": "nowhere" }
        : {},
    })),
    policies: [
      { vhost: "/", name: "low", pattern: "", definition: {}, priority: 1 },
      {
        vhost: "/",
        name: "high",
        pattern: "^by",
        "apply-to": "exchanges",
        priority: 2,
        definition: { "alternate-exchange": "catch" },
      },
      {
        vhost: "/",
        name: "of queues",
        pattern: "elsewhere",
        "apply-to": "queues",
        priority: 3,
        definition: { "alternate-exchange": "catch" },
      },
    ],
  };
  const found = select({ queues: ["caught"] }, definitions);
  assert.deepEqual(names(found, "exchanges"), ["/ in", "/ by-policy", "/ catch", "/ far"]);
  assert.deepEqual(bindings(found), ["catch -> caught", "far -> by-policy"]);
  assert.deepEqual(names(found, "queues"), ["/ caught"]);
});

Deno.test("selectDefinitions: vhosts alone bring all that is in them", () => {
  const { rabbitmq_version, ...shop } = select({ vhosts: ["sh?p"] });
  assert.equal(rabbitmq_version, "4.0.5");
  assert.deepEqual(names(shop, "vhosts"), ["shop"]);
  assert.deepEqual(names(shop, "queues"), ["shop a"]);
  assert.deepEqual(names(shop, "exchanges"), ["shop in"]);
  for (const kind of ["permissions", "policies", "parameters", "bindings"] as const) {
    assert.deepEqual(objectsOf(shop, kind).map(({ vhost }) => vhost), ["shop"], kind);
  }
  assert.deepEqual([shop.users, shop.global_parameters], [[], []]);
  const users = select({ vhosts: ["shop"], users: true }).users;
  assert.deepEqual(users, [{ name: "u" }]);
});

Deno.test("selectDefinitions: queues bring what leads to them, also through exchanges", () => {
  const found = select({ vhosts: ["/"], queues: ["a"] });
  assert.deepEqual(names(found, "queues"), ["/ a"]);
  assert.deepEqual(names(found, "exchanges"), ["/ in", "/ mid"]);
  assert.deepEqual(bindings(found), ["in -> mid", "mid -> a", "amq.topic -> in"]);
  assert.deepEqual(names(found, "vhosts"), ["/"]);
  assert.deepEqual([found.permissions, found.policies, found.parameters], [[], [], []]);
});

Deno.test("selectDefinitions: exchanges bring bindings whose both ends stay", () => {
  assert.deepEqual(bindings(select({ exchanges: ["in"] })), []);
  assert.deepEqual(bindings(select({ exchanges: ["in", "mid"] })), ["in -> mid"]);
  const both = select({ vhosts: ["/"], queues: ["b"], exchanges: ["in"] });
  assert.deepEqual(names(both, "exchanges"), ["/ in", "/ mid", "/ side"]);
  assert.deepEqual(bindings(both), ["in -> mid", "side -> b", "amq.topic -> in", "mid -> side"]);
});

Deno.test("selectDefinitions: of a single vhost's definitions", () => {
  const single = {
    original_vhost_name: "shop",
    queues: [{ name: "a" }, { name: "b" }],
    exchanges: [],
    bindings: [],
  };
  assert.deepEqual(names(select({ queues: ["b"] }, single, "shop"), "queues"), ["b"]);
  assert.equal(select({ vhosts: ["shop"] }, single, "shop").queues?.length, 2);
  assert.throws(() => select({ vhosts: ["other"] }, single, "shop"), { code: "usage" });
});

Deno.test("selectDefinitions: a pattern that matches nothing is an error", () => {
  assert.throws(() => select({ queues: ["a", "x", "y*"] }), {
    code: "usage",
    message: 'Cannot select definitions: no queue matches "x", "y*"',
  });
  assert.throws(() => select({ vhosts: ["shpo"] }), { message: /did you mean "shop"\?$/ });
  assert.throws(() => select({ vhosts: ["shop"], queues: ["b"] }), { message: /no queue/ });
  assert.throws(() => select({ exchanges: ["~["] }), { code: "config" });
});

const VHOSTS = ["/", "v"];
const QUEUES = ["q1", "q2", "q3"];
const EXCHANGES = ["x1", "x2", "x3", "x4"];
const at = (names: string[]) =>
  fc.tuple(fc.constantFrom(...VHOSTS), fc.constantFrom(...names)).map((each) => each.join(" "));
const route = fc.tuple(
  at([...EXCHANGES, "amq.direct"]),
  fc.oneof(
    fc.constantFrom(...QUEUES).map((name) => `queue ${name}`),
    fc.constantFrom(...EXCHANGES).map((name) => `exchange ${name}`),
  ),
).map((each) => each.join(" -> "));
const topology = fc.record({
  vhosts: fc.constant(VHOSTS),
  queues: fc.constant(VHOSTS.flatMap((vhost) => QUEUES.map((name) => `${vhost} ${name}`))),
  exchanges: fc.constant(VHOSTS.flatMap((vhost) => EXCHANGES.map((name) => `${vhost} ${name}`))),
  bindings: fc.uniqueArray(route, { maxLength: 25 }),
}).map(definitionsOf);

Deno.test("selectDefinitions: any topology: nothing dangles, nothing on the way is left out", () => {
  fc.assert(
    fc.property(
      topology,
      fc.subarray(QUEUES),
      fc.subarray(EXCHANGES),
      (definitions, queues, exchanges) => {
        const found = select({ queues, exchanges }, definitions);
        if (queues.length + exchanges.length === 0) return assert.equal(found, definitions);
        const has = (kind: "queues" | "exchanges", vhost: unknown, name: unknown) =>
          objectsOf(found, kind).some((one) => one.vhost === vhost && one.name === name);
        const kept = new Set(objectsOf(found, "bindings"));
        const ofQueue = (one: Record<string, unknown>) => one.destination_type === "queue";
        for (const one of kept) {
          assert.ok(one.source === "amq.direct" || has("exchanges", one.vhost, one.source));
          assert.ok(has(ofQueue(one) ? "queues" : "exchanges", one.vhost, one.destination));
        }
        for (const one of objectsOf(definitions, "bindings")) {
          const selected = ofQueue(one) && queues.includes(String(one.destination));
          // Whatever reaches a selected queue, step by step backwards.
          const leads = objectsOf(definitions, "bindings").some((next) =>
            !ofQueue(one) && kept.has(next) && ofQueue(next) && next.vhost === one.vhost &&
            next.source === one.destination
          );
          if (selected || leads) assert.ok(kept.has(one), JSON.stringify(one));
        }
        assert.deepEqual(
          objectsOf(found, "queues").map(({ name }) => name).filter((name) =>
            !queues.includes(String(name))
          ),
          [],
        );
        // Selecting again takes nothing away.
        assert.deepEqual(select({ queues, exchanges }, found), found);
      },
    ),
    { numRuns: 300 },
  );
});
