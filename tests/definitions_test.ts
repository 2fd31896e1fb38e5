/** Definitions of real brokers: out of one, into the same and into another. */
import assert from "node:assert/strict";
import { ManagementClient } from "../src/broker/management/client.ts";
import { Secret } from "../src/config/secret.ts";
import { exportDefinitions } from "../src/definitions/export.ts";
import {
  importDefinitions as importParsed,
  type ImportOptions,
  type ImportReport,
} from "../src/definitions/import.ts";
import { parseDefinitions } from "../src/definitions/parse.ts";
import type { AppError } from "../src/errors.ts";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import {
  createBoundExchange,
  createUser,
  management,
  put,
  remove,
  setPermissions,
  type TestVhost,
  testVhost,
} from "./helpers/queues.ts";

/** Numbers that JavaScript does not hold, or would write otherwise. */
const EXACT = '{"x-max-length-bytes":9007199254740993,"x-ratio":1.0,"x-message-ttl":60000}';

testOnEach("an export holds all of a vhost, in a stable order", async (broker) => {
  await using vhost = await testVhost(broker);
  await fill(broker, vhost);
  const client = clientOf(broker);
  const { text, counts } = await exportDefinitions(client, { vhost: vhost.name });
  assert.equal(counts.vhosts, 1);
  assert.equal(counts.queues, 5);
  assert.equal(counts.exchanges, 2);
  const definitions = JSON.parse(text);
  assert.equal(definitions.rabbit_version, broker.fullVersion);
  assert.deepEqual(definitions.queues.map(nameOf), ["..", "a/b%2Fc", "exact", "quorum", "é"]);
  assert.deepEqual(definitions.exchanges.map(nameOf), ["audit", "orders.x"]);
  assert.equal(definitions.bindings.length, 3);
  assert.deepEqual(definitions.policies.map(nameOf), ["limit"]);
  assert.ok(
    !text.includes(vhost.name.slice(0, -1)) || definitions.original_vhost_name !== undefined,
  );
  assert.match(text, /"x-max-length-bytes": 9007199254740993[,\n]/);
  assert.match(text, /"x-ratio": 1\.0[,\n]/);
  assert.equal((await exportDefinitions(client, { vhost: vhost.name })).text, text);
});

testOnEach("an export of the whole broker", async (broker) => {
  await using vhost = await testVhost(broker);
  await vhost.queue("mine", { arguments: { "x-max-length": 5 } });
  const { text, counts } = await exportDefinitions(clientOf(broker));
  const definitions = JSON.parse(text);
  assert.equal(counts.vhosts, definitions.vhosts.length);
  assert.equal(counts.queues, definitions.queues.length);
  assert.equal(counts.users, definitions.users.length);
  assert.ok(counts.users > 0);
  const mine = definitions.queues.find(
    (queue: { vhost: string }) => queue.vhost === vhost.name,
  );
  assert.equal(mine.name, "mine");
  assert.equal(mine.arguments["x-max-length"], 5);
  const order = definitions.queues.map((queue: { vhost: string; name: string }) =>
    `${queue.vhost}\0${queue.name}`
  );
  assert.deepEqual(order, [...order].sort());
});

testOnEach("what was exported comes back, and a second time changes nothing", async (broker) => {
  const client = clientOf(broker);
  await using source = await testVhost(broker);
  await using target = await testVhost(broker);
  await fill(broker, source);
  const { text } = await exportDefinitions(client, { vhost: source.name });

  const planned = await importDefinitions(client, text, { vhost: target.name, dryRun: true });
  const untouched = await exportDefinitions(client, { vhost: target.name });
  assert.equal(untouched.counts.queues, 0, "a dry run creates nothing");

  const report = await importDefinitions(client, text, { vhost: target.name });
  assert.deepEqual(report, { ...planned, dryRun: false });
  assert.equal(report.complete, true);
  for (const { kind, total, created } of report.kinds) assert.equal(created, total, kind);
  const copy = await exportDefinitions(client, { vhost: target.name });
  assert.deepEqual(contents(copy.text), contents(text));
  assert.match(copy.text, /"x-max-length-bytes": 9007199254740993[,\n]/);

  const again = await importDefinitions(client, text, { vhost: target.name });
  assert.equal(again.complete, true);
  for (const { kind, total, unchanged } of again.kinds) assert.equal(unchanged, total, kind);
});

testOnEach("what is there and other is told, and left alone", async (broker) => {
  const client = clientOf(broker);
  await using vhost = await testVhost(broker);
  await vhost.queue("q", { arguments: { "x-max-length": 5 } });
  await vhost.queue("bystander");
  const queue = { durable: true, auto_delete: false, arguments: {} };
  const wanted = { queues: [{ ...queue, name: "q" }, { ...queue, name: "new" }] };
  const report = await importDefinitions(client, JSON.stringify(wanted), { vhost: vhost.name });
  assert.equal(report.complete, false);
  assert.deepEqual(report.different, [{
    kind: "queues",
    vhost: vhost.name,
    name: "q",
    fields: [{ field: "arguments.x-max-length", from: "5" }],
  }]);
  assert.equal(report.kinds[0]?.created, 1);
  const queues = await client.queues({ vhost: vhost.name });
  assert.deepEqual(queues.map(({ name }) => name).sort(), ["bystander", "new", "q"]);
  assert.equal(queues.find(({ name }) => name === "q")?.arguments["x-max-length"], 5);
});

testOnEach("a whole broker's definitions: users, permissions, vhosts", async (broker) => {
  const client = clientOf(broker);
  const tail = crypto.randomUUID().slice(0, 8);
  const vhost = `imported/${tail}`;
  const user = `imported-${tail}`;
  const permission = { vhost, configure: "^$", write: "^$", read: ".*" };
  const wanted = {
    vhosts: [{ name: vhost }],
    users: [{
      name: user,
      password_hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
      hashing_algorithm: "rabbit_password_hashing_sha256",
      tags: ["monitoring"],
    }],
    permissions: [
      { ...permission, user },
      { ...permission, user: broker.username, configure: ".*", write: ".*" },
    ],
    parameters: [{
      vhost,
      component: "operator_policy",
      name: "limit",
      value: { pattern: ".*", "apply-to": "queues", priority: 0, definition: { "max-length": 9 } },
    }],
    queues: [{ vhost, name: "q", durable: true, auto_delete: false, arguments: {} }],
  };
  try {
    const report = await importDefinitions(client, JSON.stringify(wanted));
    assert.equal(report.complete, true, JSON.stringify(report));
    for (const { kind, total, created } of report.kinds) assert.equal(created, total, kind);
    wanted.permissions[0]!.read = "^$";
    const second = await importDefinitions(client, JSON.stringify(wanted));
    const permissions = second.kinds.find(({ kind }) => kind === "permissions");
    assert.deepEqual([permissions?.updated, permissions?.unchanged], [1, 1]);
  } finally {
    await remove(broker, `vhosts/${encodeURIComponent(vhost)}`);
    await remove(broker, `users/${user}`);
  }
});

testOnEach("definitions larger than one request may be", async (broker) => {
  const client = clientOf(broker);
  await using vhost = await testVhost(broker);
  // Exchanges cost the broker least; with this argument 60 of them are some 10 MB.
  const exchanges = Array.from({ length: 60 }, (_, at) => ({
    name: `x${String(at).padStart(3, "0")}`,
    type: "fanout",
    durable: false,
    auto_delete: false,
    internal: false,
    arguments: { "x-note": "n".repeat(170_000) },
  }));
  const text = JSON.stringify({ exchanges });
  assert.ok(text.length > 10e6);
  const padded = text.padEnd(21e6);
  await assert.rejects(
    () => client.putDefinitions(padded, { vhost: vhost.name }),
    /request body size limit/,
  );
  const report = await importDefinitions(client, text, { vhost: vhost.name });
  assert.deepEqual([report.complete, report.kinds[0]?.created], [true, 60]);
});

testOnEach("a vhost whose name has no place in a URL", async (broker) => {
  const client = clientOf(broker);
  const queue = { name: "..", durable: true, auto_delete: false, arguments: {} };
  await using source = await testVhost(broker);
  await fill(broker, source);
  const { text } = await exportDefinitions(client, { vhost: source.name });
  try {
    const rights = { user: broker.username, configure: ".*", write: ".*", read: ".*" };
    const permissions = [{ vhost: ".", ...rights }];
    await client.putDefinitions(JSON.stringify({ vhosts: [{ name: "." }], permissions }));
    const report = await importDefinitions(client, text, { vhost: "." });
    assert.equal(report.complete, true, JSON.stringify(report));
    const copy = await exportDefinitions(client, { vhost: "." });
    assert.deepEqual(contents(copy.text), contents(text));
    const own = await importDefinitions(client, JSON.stringify({ queues: [queue] }), {
      vhost: ".",
    });
    assert.equal(own.kinds[0]?.unchanged, 1);
  } finally {
    await broker.rabbitmqctl("delete_vhost", ".");
  }
});

testOnEach("who is no administrator is told so", async (broker) => {
  await using vhost = await testVhost(broker);
  const user = `test-${crypto.randomUUID().slice(0, 8)}`;
  await createUser(broker, { name: user, password: "secret-canary", tags: "monitoring" });
  try {
    await setPermissions(broker, { vhost: vhost.name, user });
    const client = clientOf(broker, { username: user, password: "secret-canary" });
    const text = '{"queues":[]}';
    for (
      const work of [
        () => exportDefinitions(client),
        () => exportDefinitions(client, { vhost: vhost.name }),
        () => importDefinitions(client, text),
      ]
    ) {
      await assert.rejects(work, (error: AppError) => {
        assert.equal(error.code, "broker_denied");
        assert.match(error.message, /needs the tag "administrator"$/);
        assert.match(error.hint ?? "", new RegExp(`set_user_tags ${user} administrator`));
        return true;
      });
    }
  } finally {
    await remove(broker, `users/${user}`);
  }
});

for (const from of brokers()) {
  testOnEach(`definitions of ${from.version} fit`, async (to) => {
    await using source = await testVhost(from);
    await using target = await testVhost(to);
    await fill(from, source);
    const { text } = await exportDefinitions(clientOf(from), { vhost: source.name });
    const report = await importDefinitions(clientOf(to), text, {
      vhost: target.name,
      allowVersionMismatch: true,
    });
    assert.equal(report.complete, true, JSON.stringify(report));
    const copy = await exportDefinitions(clientOf(to), { vhost: target.name });
    assert.deepEqual(contents(copy.text), contents(text));
  });
}

function importDefinitions(
  client: ManagementClient,
  text: string,
  options?: ImportOptions,
): Promise<ImportReport> {
  return importParsed(client, parseDefinitions(text), options);
}

/** Something of every kind that a vhost holds. */
async function fill(broker: Broker, vhost: TestVhost): Promise<void> {
  const client = clientOf(broker);
  const scope = encodeURIComponent(vhost.name);
  const plain = { vhost: vhost.name, durable: true, auto_delete: false, arguments: {} };
  for (const name of ["é", "a/b%2Fc", ".."]) await client.declareQueue({ ...plain, name });
  await vhost.queue("quorum", { type: "quorum", arguments: { "x-delivery-limit": 7 } });
  const exact =
    `{"queues":[{"name":"exact","durable":true,"auto_delete":false,"arguments":${EXACT}}]}`;
  await client.putDefinitions(exact, { vhost: vhost.name });
  await createBoundExchange(broker, { vhost: vhost.name, name: "orders.x", queue: "quorum" });
  await put(broker, `exchanges/${scope}/audit`, { type: "headers", durable: true });
  for (const value of ["one", "two"]) {
    await management(broker, `bindings/${scope}/e/audit/q/exact`, {
      method: "POST",
      body: { routing_key: "", arguments: { "x-match": "all", kind: value } },
    });
  }
  await put(broker, `policies/${scope}/limit`, {
    pattern: "^never",
    definition: { "max-length": 10 },
    "apply-to": "queues",
    priority: 3,
  });
}

/** Queues, exchanges, bindings and policies, without what differs between versions. */
function contents(text: string): unknown {
  const { queues, exchanges, bindings, policies } = JSON.parse(text);
  const plainQueues = queues.map(
    ({ type: _, ...queue }: { type?: string; arguments: Record<string, unknown> }) => {
      const { "x-queue-type": type = "classic", ...rest } = queue.arguments;
      return { ...queue, arguments: { ...rest, "x-queue-type": type } };
    },
  );
  const plainExchanges = exchanges.map((exchange: object) => ({ internal: false, ...exchange }));
  return { queues: plainQueues, exchanges: plainExchanges, bindings, policies };
}

function nameOf({ name }: { name: string }): string {
  return name;
}

function clientOf(
  broker: Broker,
  user: { username: string; password: string } = broker,
): ManagementClient {
  return new ManagementClient({
    management_url: broker.managementUrl,
    management_username: user.username,
    management_password: new Secret(user.password),
    tls: { enabled: false },
  });
}
