/** What an import says beforehand that a broker would not take is what the broker does not take. */
import assert from "node:assert/strict";
import { ManagementClient } from "../src/broker/management/client.ts";
import { Secret } from "../src/config/secret.ts";
import { type Definitions, type Kind, objectsOf } from "../src/definitions/document.ts";
import { readDefinitions } from "../src/definitions/export.ts";
import { importDefinitions } from "../src/definitions/import.ts";
import { planImport } from "../src/definitions/import_plan.ts";
import { AppError } from "../src/errors.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { remove, testVhost, waitUntil } from "./helpers/queues.ts";

/** What was not there by then, was dropped. */
const DROPPED_AFTER_MS = 1000;

type Placed = [kind: Kind, object: Record<string, unknown>];

const HASH = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";

/** Objects, by what is odd about them; `vhost` is added to those that belong to one. */
function oddObjects(user: string): Record<string, Placed> {
  const queue = (table: Record<string, unknown>, more = {}): Placed => [
    "queues",
    { name: "odd", durable: true, auto_delete: false, arguments: table, ...more },
  ];
  const policy = (definition: Record<string, unknown>, more = {}): Placed => [
    "policies",
    { name: "odd", pattern: "^odd", priority: 0, "apply-to": "all", definition, ...more },
  ];
  const operators = (definition: Record<string, unknown>): Placed => {
    const value = { pattern: "^odd", priority: 0, "apply-to": "queues", definition };
    return ["parameters", { component: "operator_policy", name: "odd", value }];
  };
  const quorum = { "x-queue-type": "quorum" };
  const binding = { destination_type: "queue", routing_key: "", arguments: {} };
  const exchange = { name: "odd", durable: true, auto_delete: false, internal: false };
  return {
    plain: queue({}),
    "mirrored": policy({ "ha-mode": "all", "max-length": 5 }),
    "empty policy": policy({}),
    "policy of quorum queues": policy({ "max-length": 5 }, { "apply-to": "quorum_queues" }),
    "policy without a limit": policy({ "delivery-limit": -1 }),
    "old locator": policy({ "queue-master-locator": "client-local" }),
    "consumer timeout": policy({ "consumer-timeout": 100_000 }),
    "filter size": policy({ "stream-filter-size-bytes": 32 }),
    "group size": policy({ "target-group-size": 3 }),
    "delayed retry": policy({ "delayed-retry-min": 1000 }),
    "disconnected timeout": policy({ "consumer-disconnected-timeout": 60_000 }),
    "federated": policy({ "federation-upstream-set": "all" }),
    "lazy policy": policy({ "queue-mode": "lazy" }),
    "empty operator policy": operators({}),
    "operator policy": operators({ "max-length": 5 }),
    "shovel": ["parameters", { component: "shovel", name: "odd", value: { "src-queue": "a" } }],
    "quorum, not durable": queue(quorum, { durable: false }),
    "quorum, auto-delete": queue(quorum, { auto_delete: true }),
    "stream, auto-delete": queue({ "x-queue-type": "stream" }, { auto_delete: true }),
    "quorum with priorities": queue({ ...quorum, "x-max-priority": 5 }),
    "quorum, lazy": queue({ ...quorum, "x-queue-mode": "lazy" }),
    "classic, lazy": queue({ "x-queue-mode": "lazy", "x-max-priority": 5 }),
    "transient": queue({}, { durable: false }),
    "reserved name": queue({}, { name: "amq.odd" }),
    "unknown argument": queue({ "x-odd": 1 }),
    "unknown exchange": ["exchanges", { ...exchange, type: "x-odd", arguments: {} }],
    "random exchange": ["exchanges", { ...exchange, type: "x-local-random", arguments: {} }],
    "binding of nothing": ["bindings", { ...binding, source: "gone", destination: "there" }],
    "binding to nothing": ["bindings", { ...binding, source: "amq.direct", destination: "gone" }],
    "binding of a predeclared": [
      "bindings",
      { ...binding, source: "amq.direct", destination: "there" },
    ],
    "permission of nobody": ["permissions", { user: "nobody-odd", ...rights }],
    "hash in no base64": ["users", { name: user, password_hash: "!!!", tags: [] }],
    "hash of MD5": ["users", {
      name: user,
      password_hash: HASH,
      hashing_algorithm: "rabbit_password_hashing_md5",
      tags: [],
    }],
    "no hash": ["users", { name: user, tags: [] }],
  };
}

const rights = { configure: "", write: "", read: "" };

testOnEach("what would be refused is what the broker refuses or drops", async (broker) => {
  const client = clientOf(broker);
  const user = `odd-${crypto.randomUUID().slice(0, 8)}`;
  await using vhost = await testVhost(broker, "odd");
  await vhost.queue("there");
  const wrong: string[] = [];
  for (const [what, [kind, object]] of Object.entries(oddObjects(user))) {
    const placed = kind === "users" ? object : { vhost: vhost.name, ...object };
    const definitions: Definitions = { rabbit_version: broker.fullVersion, [kind]: [placed] };
    try {
      const { findings } = await planImport(client, definitions, {});
      const foretold = findings.some(({ effect }) => effect === "refused");
      const taken = await isTaken(client, definitions, { kind, object: placed });
      if (foretold === taken) wrong.push(`${what}: foretold ${foretold}, taken ${taken}`);
    } finally {
      await cleanUp(broker, { kind, vhost: vhost.name, object });
    }
  }
  assert.deepEqual(wrong, []);
});

testOnEach(
  "a queue that would lose messages, and one that would change its type",
  async (broker) => {
    const client = clientOf(broker);
    const old = broker.version === "3.10";
    await using vhost = await testVhost(broker, "odd");
    const table = { "x-queue-type": "quorum", "x-delivery-limit": -1 };
    const queue = { vhost: vhost.name, durable: true, auto_delete: false };
    const limited = { queues: [{ ...queue, name: "unlimited", arguments: table }] };
    const { findings } = await planImport(client, limited, {});
    assert.equal(findings.length, old ? 1 : 0);
    if (old) assert.match(findings[0]!.reason, /would be lost/);

    const metadata = { default_queue_type: "quorum" };
    const plain = {
      vhosts: [{ name: vhost.name, metadata }],
      queues: [{ ...queue, name: "plain", arguments: {} }],
    };
    const plan = await planImport(client, plain, {});
    assert.deepEqual(plan.findings.map(({ effect, kind }) => `${effect} ${kind}`), [
      old ? "changed vhosts" : "changed queues",
    ]);
    const report = await importDefinitions(client, plain, { timeoutMs: 2000 });
    const told = report.different.map(({ kind, fields }) => `${kind} ${fields[0]?.field}`);
    assert.deepEqual(told, [old ? "vhosts default_queue_type" : "queues arguments.x-queue-type"]);
  },
);

testOnEach("a request of which one object is refused brings all others", async (broker) => {
  const client = clientOf(broker);
  await using vhost = await testVhost(broker, "odd");
  const queues = Array.from({ length: 20 }, (_, at) => ({
    vhost: vhost.name,
    name: `q${at}`,
    durable: true,
    auto_delete: false,
    // No rule knows it: the broker has the word.
    arguments: at % 7 === 3 ? { "x-queue-type": "no-such-type" } : {},
  }));
  const report = await importDefinitions(client, { queues });
  assert.deepEqual(report.failed.map(({ name }) => name), ["q3", "q10", "q17"]);
  for (const { reason } of report.failed) assert.match(reason, /unsupported queue type 'no-such/);
  assert.equal(report.created.length, 17);
});

/** Hands it to the broker as it is, and looks whether it is there some time later. */
async function isTaken(
  client: ManagementClient,
  definitions: Definitions,
  { kind, object }: { kind: Kind; object: Record<string, unknown> },
): Promise<boolean> {
  try {
    await client.putDefinitions(JSON.stringify(definitions));
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === "failed", String(error));
    return false;
  }
  const keys = ["vhost", "name", "user", "source", "destination", "component"];
  const isThere = async () => {
    const there = await readDefinitions(client, {});
    return objectsOf(there, kind).some((each) =>
      keys.every((key) => object[key] === undefined || each[key] === object[key])
    );
  };
  return await waitUntil(isThere, { what: "it", timeoutMs: DROPPED_AFTER_MS })
    .then(() => true, () => false);
}

async function cleanUp(
  broker: Broker,
  { kind, vhost, object }: { kind: Kind; vhost: string; object: Record<string, unknown> },
): Promise<void> {
  const path = kind === "users"
    ? `users/${object.name}`
    : kind === "parameters"
    ? `parameters/${object.component}/${vhost}/${object.name}`
    : `${kind}/${vhost}/${object.name}`;
  if (["permissions", "bindings"].includes(kind)) return;
  await remove(broker, path).catch((error) => assert.match(String(error), /404|Not Found/i));
}

function clientOf(broker: Broker): ManagementClient {
  return new ManagementClient({
    management_url: broker.managementUrl,
    management_username: broker.username,
    management_password: new Secret(broker.password),
    tls: { enabled: false },
  });
}
