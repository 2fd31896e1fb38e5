import assert from "node:assert/strict";
import type { Definitions } from "./document.ts";
import { findingsOf, type TargetFacts } from "./preflight.ts";
import { parseVersion } from "./versions.ts";

/** What is found of definitions, as "effect kind name". */
function found(
  wanted: Definitions,
  { version = "4.0.5", before = {}, vhost, ...facts }:
    & { version?: string; before?: Definitions; vhost?: string }
    & Partial<Pick<TargetFacts, "exchangeTypes" | "plugins">> = {},
): string[] {
  const target: TargetFacts = {
    version: parseVersion(version),
    exchangeTypes: new Set(["direct", "topic"]),
    plugins: new Set(),
    username: "importer",
    ...facts,
  };
  const there = { vhosts: [{ name: "/" }], users: [{ name: "me" }], ...before };
  return findingsOf(wanted, { before: there, target, vhost })
    .map(({ effect, kind, name }) => `${effect} ${kind} ${name}`);
}

const queue = (name: string, table = {}) => ({
  vhost: "/",
  name,
  durable: true,
  auto_delete: false,
  arguments: table,
});
const policy = (definition: Record<string, unknown>, more = {}) => ({
  policies: [{ vhost: "/", name: "p", pattern: "", definition, ...more }],
});

Deno.test("findingsOf: what versions in between know", () => {
  const cases: [Definitions, string][] = [
    [policy({ "consumer-timeout": 1 }), "3.12"],
    [policy({ a: 1 }, { "apply-to": "streams" }), "3.12"],
    [policy({ "target-group-size": 3 }), "3.13"],
    [policy({ "delivery-limit": -1 }), "4.0"],
    [policy({ "delayed-retry-type": "all" }), "4.3"],
    [{ vhosts: [{ name: "v", default_queue_type: "quorum" }] }, "3.11"],
    [{ queues: [queue("q", { "x-queue-type": "quorum", "x-delivery-limit": -1 })] }, "4.0"],
  ];
  for (const [wanted, since] of cases) {
    const [major, minor] = since.split(".").map(Number);
    const before = minor === 0 ? `${major! - 1}.99.0` : `${major}.${minor! - 1}.9`;
    assert.equal(
      found(wanted, { version: before }).length,
      1,
      `${since} ${JSON.stringify(wanted)}`,
    );
    assert.deepEqual(found(wanted, { version: `${since}.0` }), []);
    assert.deepEqual(found(wanted, { version: "of its own" }), [], "not known: the broker decides");
  }
  const mirrored = policy({ "ha-mode": "all" });
  assert.deepEqual(found(mirrored, { version: "3.13.7" }), []);
  assert.deepEqual(found(mirrored, { version: "4.0.0" }), ["refused policies p"]);
  assert.deepEqual(found(mirrored, { version: "4.0.0", before: mirrored }), [], "it is there");
});

Deno.test("findingsOf: plugins and exchange types, where the broker tells of them", () => {
  const shovel = { parameters: [{ vhost: "/", component: "shovel", name: "s", value: {} }] };
  assert.deepEqual(found(shovel), ["refused parameters shovel s"]);
  assert.deepEqual(found(shovel, { plugins: new Set(["rabbitmq_shovel"]) }), []);
  assert.deepEqual(found(shovel, { plugins: undefined }), []);
  const exchange = { exchanges: [{ vhost: "/", name: "x", type: "x-delayed-message" }] };
  assert.deepEqual(found(exchange), ["refused exchanges x"]);
  assert.deepEqual(found(exchange, { exchangeTypes: undefined }), []);
  assert.deepEqual(found(exchange, { before: exchange }), [], "it is there already");
});

Deno.test("findingsOf: what hangs on something refused is refused as well", () => {
  const wanted = {
    users: [{ name: "bad", password_hash: "!", tags: [] }, { name: "me", password_hash: "!" }],
    permissions: ["bad", "me"].map((user) => ({ vhost: "/", user })),
    queues: [queue("amq.q"), queue("q")],
    exchanges: [{ vhost: "/", name: "odd", type: "odd" }],
    bindings: [["odd", "q"], ["amq.topic", "q"], ["amq.topic", "amq.q"]].map(
      ([source, destination]) => ({
        vhost: "/",
        source,
        destination,
        destination_type: "queue",
        routing_key: "k",
      }),
    ),
  };
  assert.deepEqual(found(wanted), [
    "refused users bad",
    "refused users me",
    "refused permissions bad",
    "refused queues amq.q",
    "refused exchanges odd",
    "refused bindings odd -> q (k)",
    "refused bindings amq.topic -> amq.q (k)",
  ]);
});

Deno.test("findingsOf: vhosts and users that are nowhere, unless the broker was not asked", () => {
  const wanted = {
    queues: [{ ...queue("q"), vhost: "gone" }],
    permissions: [{ vhost: "/", user: "gone" }],
  };
  assert.deepEqual(found(wanted), ["refused permissions gone", "refused queues q"]);
  const single = { original_vhost_name: "v", queues: [{ name: "q", arguments: {} }] };
  const before = { vhosts: undefined, users: undefined, default_queue_type: "quorum" } as unknown;
  assert.deepEqual(found(single, { before: before as Definitions, vhost: "v" }), [
    "changed queues q",
  ]);
});

Deno.test("findingsOf: hashes that let nobody in", () => {
  const user = (more: Record<string, unknown>) => ({ users: [{ name: "u", tags: [], ...more }] });
  const hash = { password_hash: "AAAA" };
  const sha = "rabbit_password_hashing_sha512";
  assert.deepEqual(found(user({ ...hash, hashing_algorithm: sha })), []);
  for (const more of [{}, hash, { ...hash, hashing_algorithm: "rabbit_password_hashing_md5" }]) {
    assert.deepEqual(found(user(more)), ["changed users u"], JSON.stringify(more));
  }
  assert.deepEqual(found(user({ password_hash: "AAA" })), ["refused users u"]);
});
