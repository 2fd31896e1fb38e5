/** The management API of real brokers: what is listed, what is refused and how it is told. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ManagementClient } from "../src/broker/management/client.ts";
import type { TlsOptions } from "../src/config/config.ts";
import { Secret } from "../src/config/secret.ts";
import {
  type DiscoveredQueue,
  discoverQueues,
  type Discovery,
  sourceIdentity,
} from "../src/engine/survey/discover.ts";
import { failure } from "./helpers/app_error.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import {
  createBoundExchange,
  createUser,
  put,
  remove,
  setPermissions,
  testVhost,
  waitUntil,
} from "./helpers/queues.ts";

/** Names that break what is careless with them. */
const NAMES = [
  "orders",
  "Orders",
  "r/../../x",
  "..",
  ".",
  "...",
  "a/b%2Fc",
  "%2e%2e",
  "%",
  "caf\u00e9",
  "cafe\u0301",
  " leading and trailing ",
  "dot.",
  "n".repeat(255),
  "\u00fc".repeat(127),
  "\u200fright-to-left",
  "\ud83d\udc07",
  "a?b&c#d+e=f",
  "a\\b\"c'd",
  "tab\there",
  "CON",
  "a\u0000b",
];

testOnEach("the client reads what a broker tells", async (broker) => {
  await using vhost = await testVhost(broker);
  const client = clientOf(broker);
  await vhost.queue("q");
  await createBoundExchange(broker, { vhost: vhost.name, name: "x", queue: "q" });
  const identity = await sourceIdentity(client);
  assert.equal(identity.rabbitmqVersion, broker.fullVersion);
  assert.match(identity.erlangVersion, /^\d+/);
  assert.notEqual(identity.clusterName, "");
  assert.deepEqual((await client.whoami()).tags, ["administrator"]);
  const [node] = await client.nodes();
  assert.ok(node!.mem_used! > 1e6 && node!.mem_limit! > node!.mem_used!);
  assert.equal(node!.mem_alarm, false);
  assert.ok((await client.vhosts()).some(({ name }) => name === vhost.name));
  const exchanges = await client.exchanges({ vhost: vhost.name });
  assert.ok(exchanges.some(({ name, type }) => name === "x" && type === "topic"));
  const bindings = await client.bindings({ vhost: vhost.name });
  assert.ok(bindings.some(({ source, destination }) => source === "x" && destination === "q"));
});

testOnEach("queues of any name are declared and found as they are", async (broker) => {
  await using vhost = await testVhost(broker);
  const client = clientOf(broker);
  for (const name of NAMES) {
    const plain = { durable: true, auto_delete: false, arguments: {} };
    await client.declareQueue({ vhost: vhost.name, name, ...plain });
  }
  const found = (await discover(client, { vhosts: [vhost.name] })).queues.map(({ name }) => name);
  const sorted = NAMES.toSorted((one, other) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other))
  );
  assert.deepEqual(found, sorted);
  // The byte before means that "caf?" is a glob, and "café" in one form is not the other's.
  const composed = await discover(client, {
    vhosts: [vhost.name],
    include: ["caf\u00e9", "?rders"],
  });
  assert.deepEqual(composed.queues.map(({ name }) => name), ["Orders", "caf\u00e9", "orders"]);
});

testOnEach("vhosts of any name are found, with what is in them", async (broker) => {
  const client = clientOf(broker);
  const tail = crypto.randomUUID().slice(0, 8);
  // ".." itself has no place in a URL; it is made and removed by other ways.
  const vhosts = [`a/b%2Fc ${tail}`, `../../${tail}`, `caf\u00e9 ${tail}`, ".."];
  const user = broker.username;
  const permissions = vhosts.map((vhost) => ({
    user,
    vhost,
    configure: ".*",
    write: ".*",
    read: ".*",
  }));
  try {
    await client.putDefinitions(
      JSON.stringify({ vhosts: vhosts.map((name) => ({ name })), permissions }),
    );
    for (const vhost of vhosts) {
      const queue = { vhost, name: "..", durable: true, auto_delete: false, arguments: {} };
      await client.declareQueue(queue);
      const found = await discover(client, { vhosts: [vhost.replaceAll("*", "\\*")] });
      assert.deepEqual(found.queues.map((each) => [each.vhost, each.name]), [[vhost, ".."]]);
      assert.deepEqual((await client.queues({ vhost })).map(({ name }) => name), [".."]);
    }
  } finally {
    for (const vhost of vhosts) await broker.rabbitmqctl("delete_vhost", vhost);
  }
});

testOnEach("types, arguments and policies of queues, young ones too", async (broker) => {
  await using vhost = await testVhost(broker);
  const client = clientOf(broker);
  const scope = encodeURIComponent(vhost.name);
  const rule = { "apply-to": "queues", priority: 1 };
  await put(broker, `policies/${scope}/mine`, {
    ...rule,
    pattern: "^q",
    definition: { "max-length": 100_000 },
  });
  await put(broker, `operator-policies/${scope}/theirs`, {
    ...rule,
    pattern: "^q",
    definition: { "max-length": 1000 },
  });
  await vhost.queue("classic", { arguments: { "x-max-length-bytes": 5 } });
  await vhost.queue("quorum", { type: "quorum", arguments: { "x-delivery-limit": 7 } });
  await vhost.queue("stream", { type: "stream" });
  await vhost.queue("transient", { autoDelete: true });
  await client.declareQueue({
    vhost: vhost.name,
    name: "q-large",
    durable: true,
    auto_delete: false,
    arguments: JSON.parse('{"x-max-length-bytes":9007199254740991}'),
  });
  const look = async () => {
    const { queues } = await discover(client, { vhosts: [vhost.name] });
    return Object.fromEntries(queues.map((queue) => [queue.name, queue]));
  };
  const young = await look();
  assert.deepEqual(
    Object.values(young).map(({ name, type }) => [name, type]),
    [["classic", "classic"], ["q-large", "classic"], ["quorum", "quorum"], ["stream", "stream"], [
      "transient",
      "classic",
    ]],
  );
  assert.equal(young.transient?.autoDelete, true);
  assert.equal(young.classic?.durable, true);
  assert.equal(young.classic?.arguments["x-max-length-bytes"], 5);
  assert.equal(young.quorum?.arguments["x-delivery-limit"], 7);
  const expected = [["mine", { "max-length": 100_000 }], ["theirs", { "max-length": 1000 }]];
  const policiesOf = (queue: DiscoveredQueue | undefined) => [
    [queue?.policyName, queue?.policy],
    [queue?.operatorPolicyName, queue?.operatorPolicy],
  ];
  assert.deepEqual(policiesOf(young["q-large"]), expected, "before the broker says it");
  assert.deepEqual(policiesOf(young.classic), [[undefined, {}], [undefined, {}]]);
  await waitUntil(
    async () => {
      const { effectivePolicy, messages } = (await look())["q-large"]!;
      return effectivePolicy !== undefined && messages !== undefined;
    },
    { what: "the statistics of q-large" },
  );
  const old = await look();
  assert.deepEqual(policiesOf(old["q-large"]), expected, "by the broker's word");
  assert.deepEqual(old["q-large"]?.effectivePolicy, { "max-length": 1000 });
  assert.equal(old["q-large"]?.messages, 0);
});

testOnEach("more queues than a page holds", async (broker) => {
  await using vhost = await testVhost(broker);
  const client = clientOf(broker);
  const names = Array.from({ length: 1100 }, (_, at) => `q${String(at).padStart(4, "0")}`);
  const queues = names.map((name) => ({ name, durable: true, auto_delete: false, arguments: {} }));
  await client.putDefinitions(JSON.stringify({ queues }), { vhost: vhost.name });
  const found = await discover(client, { vhosts: [vhost.name] });
  assert.deepEqual(found.queues.map(({ name }) => name), names);
  const prefix = vhost.name.slice(0, -1);
  const throughAll = await discover(client, { vhosts: [`${prefix}*`, "~^$"], include: ["q1*"] });
  assert.equal(throughAll.queues.length, 100);
});

testOnEach("the least rights: monitoring, and read permission", async (broker) => {
  await using open = await testVhost(broker);
  await using closed = await testVhost(broker);
  await open.queue("mine");
  await closed.queue("theirs");
  await using user = await testUser(broker, "monitoring");
  const client = clientOf(broker, user);
  const grant = { vhost: open.name, user: user.username, configure: "^$", write: "^$", read: ".*" };
  await setPermissions(broker, grant);
  const found = await discover(client, { vhosts: [open.name] });
  assert.deepEqual(found.queues.map(({ name }) => name), ["mine"]);
  assert.equal((await sourceIdentity(client)).rabbitmqVersion, broker.fullVersion);
  assert.ok((await client.nodes()).length > 0);

  const all = await discover(client, { vhosts: [] });
  assert.ok(all.queues.some(({ name }) => name === "mine"));
  assert.ok(
    all.closedVhosts.includes(closed.name),
    "a vhost it may not read is not left out silently",
  );
  const denied = await failure(discover(client, { vhosts: [closed.name] }), "broker_denied");
  assert.match(
    denied.message,
    /^Cannot list queues of vhost ".*": user ".*" has no permission on it$/,
  );

  const error = await failure(client.definitions(), "broker_denied");
  assert.match(error.message, / needs the tag "administrator"$/);
  await failure(client.definitions({ vhost: open.name }), "broker_denied");
  await failure(client.putDefinitions("{}"), "broker_denied");
});

testOnEach("users that may too little are told what they lack", async (broker) => {
  await using without = await testUser(broker, "");
  const none = await failure(clientOf(broker, without).overview(), "broker_denied");
  assert.match(none.message, / needs the tag "management"$/);
  await using management = await testUser(broker, "management");
  const client = clientOf(broker, management);
  const nodes = await failure(client.nodes(), "broker_denied");
  assert.match(nodes.message, / needs the tag "monitoring"$/);
  const blind = await failure(discover(client, { vhosts: ["/"] }), "broker_missing");
  assert.match(blind.hint ?? "", /sees no vhost at all/);
});

testOnEach("a wrong password is told, and is not shown", async (broker) => {
  const client = clientOf(broker, { username: broker.username, password: "wrong-canary" });
  const error = await failure(client.overview(), "broker_denied");
  assert.match(error.message, /^Cannot ask the broker at http.*: user "\w+" was refused/);
  assert.ok(!Deno.inspect(error, { depth: 20 }).includes("wrong-canary"));
});

testOnEach("a vhost that is not there", async (broker) => {
  const client = clientOf(broker);
  const error = await failure(discover(client, { vhosts: ["no-such-vhost"] }), "broker_missing");
  assert.match(error.message, /there is no vhost "no-such-vhost"/);
  await failure(client.queues({ vhost: "no-such-vhost" }), "broker_missing");
  const { message } = await failure(
    client.definitions({ vhost: "no-such-vhost" }),
    "broker_missing",
  );
  assert.match(message, /^Cannot export definitions of vhost "no-such-vhost" at .*: there is no /);
});

testOnEach("TLS: what fits and what does not", async (broker) => {
  const { caCert, clientCert, clientKey, wrongCaCert } = broker.tls;
  const url = broker.managementTlsUrl;
  const works: Omit<TlsOptions, "enabled">[] = [
    { ca_cert: caCert },
    { ca_cert: caCert, server_name: "localhost" },
    { ca_cert: caCert, client_cert: clientCert, client_key: clientKey },
  ];
  for (const tls of works) {
    const client = clientOf(broker, { url, tls: { enabled: true, ...tls } });
    assert.equal((await client.overview()).rabbitmq_version, broker.fullVersion);
  }
  const ca = { ca_cert: caCert };
  const swapped = url.replace("https:", "http:");
  const plainPort = broker.managementUrl.replace("http:", "https:");
  const amqp = `http://127.0.0.1:${new URL(broker.amqpUrl).port}`;
  const amqps = `https://127.0.0.1:${new URL(broker.amqpsUrl).port}`;
  const fails: [string, Omit<TlsOptions, "enabled">, RegExp][] = [
    [url, {}, /signed by an authority that is not trusted here$/],
    [url, { ca_cert: wrongCaCert }, /signed by an authority that is not trusted here$/],
    [url, { ...ca, server_name: "other.example" }, /TLS certificate is for another host name$/],
    [swapped, ca, /: it speaks TLS$/],
    [plainPort, ca, /: it does not speak TLS$/],
    [amqp, ca, /: that is the port of AMQP, not of the management API$/],
    [amqps, ca, /: that is the port of AMQP, not of the management API$/],
  ];
  for (const [address, tls, expected] of fails) {
    const client = clientOf(broker, { url: address, tls: { enabled: true, ...tls } });
    const error = await failure(client.overview(), "broker_unreachable");
    assert.match(error.message, expected);
    assert.notEqual(error.hint, undefined);
  }
  const mismatched = { ...ca, client_cert: caCert, client_key: clientKey };
  const client = clientOf(broker, { url, tls: { enabled: true, ...mismatched } });
  assert.match((await failure(client.overview(), "config")).message, /is not the key of/);
});

interface ClientOptions {
  username?: string;
  password?: string;
  url?: string;
  tls?: TlsOptions;
}

function clientOf(broker: Broker, options: ClientOptions = {}): ManagementClient {
  return new ManagementClient({
    management_url: options.url ?? broker.managementUrl,
    management_username: options.username ?? broker.username,
    management_password: new Secret(options.password ?? broker.password),
    tls: options.tls ?? { enabled: false },
  });
}

async function discover(
  client: ManagementClient,
  filter: { vhosts: string[]; include?: string[] },
): Promise<Discovery> {
  return await discoverQueues(client, { include: [], exclude: [], types: [], ...filter });
}

async function testUser(broker: Broker, tags: string) {
  const username = `test-${crypto.randomUUID().slice(0, 8)}`;
  const password = crypto.randomUUID();
  await createUser(broker, { name: username, password, tags });
  return {
    username,
    password,
    [Symbol.asyncDispose]: () => remove(broker, `users/${username}`),
  };
}
