/** What brokers refuse, and what the operator is told: code, words, and no hang. */
import assert from "node:assert/strict";
import { type ConnectOptions, openConnection } from "../src/broker/amqp/connection.ts";
import { QueueInspector } from "../src/broker/amqp/queue_inspector.ts";
import { AppError, type ErrorCode } from "../src/errors.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import {
  amqpEndpoint,
  openBroker,
  publishNumbers,
  readNumbers,
  type ReadOptions,
} from "./helpers/direct.ts";
import {
  createUser,
  deleteQueue,
  put,
  remove,
  setPermissions,
  type TestVhost,
  testVhost,
  waitForDepth,
} from "./helpers/queues.ts";

const WRONG_PASSWORD = "not-the-password-7d1c";

interface Attempt {
  url: string;
  tls?: Parameters<typeof amqpEndpoint>[1];
  vhost?: string;
  signal?: AbortSignal;
}

function connectTo({ url, tls, vhost = "/", signal }: Attempt) {
  const options: ConnectOptions = { vhost, name: "test", ...(signal ? { signal } : {}) };
  return openConnection(amqpEndpoint(url, tls), options);
}

async function assertRefused(attempt: Attempt, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(async () => await (await connectTo(attempt)).close(), (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot /);
    assert.ok(!`${Deno.inspect(error)}`.includes(WRONG_PASSWORD));
    return true;
  });
}

const hostOf = (url: string) => new URL(url).host;
const withHost = (url: string, host: string) => url.replace(hostOf(url), host);

/** A user of the test's own, without rights; gone at the end. */
async function testUser(broker: Broker): Promise<AsyncDisposable & { name: string; url: string }> {
  const name = `test-${crypto.randomUUID().slice(0, 8)}`;
  await createUser(broker, { name, password: "secret/@:" });
  const login = `${name}:${encodeURIComponent("secret/@:")}`;
  return {
    name,
    url: `amqp://${login}@${hostOf(broker.amqpUrl)}`,
    [Symbol.asyncDispose]: () => remove(broker, `users/${name}`),
  };
}

testOnEach("connect: user and vhost", async (broker) => {
  await using user = await testUser(broker);
  await using vhost = await testVhost(broker, "refusals %2F é");
  const wrong = `amqp://${user.name}:${WRONG_PASSWORD}@${hostOf(broker.amqpUrl)}`;
  await assertRefused(
    { url: wrong },
    "broker_denied",
    new RegExp(`Cannot log in to .*: user "${user.name}" was refused \\(wrong name or password`),
  );
  await assertRefused(
    { url: `amqp://nobody:${WRONG_PASSWORD}@${hostOf(broker.amqpUrl)}` },
    "broker_denied",
    /user "nobody" was refused/,
  );
  await assertRefused(
    { url: broker.amqpUrl, vhost: "none such" },
    "broker_missing",
    /Cannot open vhost "none such" on .*: there is no such vhost/,
  );
  await assertRefused(
    { url: user.url, vhost: vhost.name },
    "broker_denied",
    /Cannot open vhost "refusals %2F é-.*" on .*: user "test-.*" has no permission on it/,
  );
  await setPermissions(broker, { vhost: vhost.name, user: user.name });
  await (await connectTo({ url: user.url, vhost: vhost.name })).close();
});

testOnEach("connect: limits of connections", async (broker) => {
  await using vhost = await testVhost(broker, "refusals");
  await using user = await testUser(broker);
  await put(broker, `vhost-limits/${vhost.name}/max-connections`, { value: 0 });
  const message = /too many connections \(.*limit \(0\) is reached\)/;
  await assertRefused({ url: broker.amqpUrl, vhost: vhost.name }, "broker_denied", message);
  await remove(broker, `vhost-limits/${vhost.name}/max-connections`);
  await setPermissions(broker, { vhost: vhost.name, user: user.name });
  await put(broker, `user-limits/${user.name}/max-connections`, { value: 0 });
  await assertRefused({ url: user.url, vhost: vhost.name }, "broker_denied", message);
});

testOnEach("connect: TLS", async (broker) => {
  const { amqpUrl, amqpsUrl } = broker;
  const { caCert: ca_cert, wrongCaCert, clientCert, clientKey } = broker.tls;
  const client = { client_cert: clientCert, client_key: clientKey };
  for (const tls of [{ ca_cert }, { ca_cert, ...client }, { ca_cert, server_name: "localhost" }]) {
    await using connection = await connectTo({ url: amqpsUrl, tls });
    assert.ok(connection.isOpen);
  }
  const unknown = /its TLS certificate is not signed by a known authority/;
  const url = amqpsUrl;
  await assertRefused({ url, tls: { ca_cert: wrongCaCert } }, "broker_unreachable", unknown);
  await assertRefused({ url }, "broker_unreachable", unknown);
  const other = { ca_cert, server_name: "other.example" };
  await assertRefused({ url, tls: other }, "broker_unreachable", /is for another name/);
  const none = { ca_cert: "/none/ca.pem" };
  await assertRefused({ url, tls: none }, "config", /tls\.ca_cert from \/none\/ca\.pem/);
  await assertRefused(
    { url: withHost(amqpsUrl, hostOf(amqpUrl)), tls: { ca_cert } },
    "broker_unreachable",
    /it does not speak TLS/,
  );
  await assertRefused(
    { url: withHost(amqpUrl, hostOf(amqpsUrl)) },
    "broker_unreachable",
    /it ended the connection during the handshake/,
  );
  // The words of a refusal are heard through TLS as well.
  await assertRefused({ url, tls: { ca_cert }, vhost: "none" }, "broker_missing", /no such vhost/);
});

Deno.test("connect: nobody there", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const url = `amqp://guest:${WRONG_PASSWORD}@127.0.0.1:${port}`;
  await assertRefused({ url }, "broker_unreachable", /nothing listens there/);
  await assertRefused(
    { url: `amqp://guest:${WRONG_PASSWORD}@none.invalid` },
    "broker_unreachable",
    /Cannot connect to none\.invalid:5672: the host name is unknown/,
  );
});

/** Something that accepts connections and treats them as told. */
async function withServer(
  serve: (connection: Deno.Conn) => void,
  body: (address: string) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) serve(connection);
  })();
  try {
    await body(`127.0.0.1:${(listener.addr as Deno.NetAddr).port}`);
  } finally {
    listener.close();
    await serving;
  }
}

Deno.test("connect: somebody else there", async () => {
  await withServer((connection) => connection.close(), async (address) => {
    const url = `amqp://guest:${WRONG_PASSWORD}@${address}`;
    const message = /it ended the connection during the handshake/;
    await assertRefused({ url }, "broker_unreachable", message);
    await assertRefused({ url: url.replace("amqp:", "amqps:") }, "broker_unreachable", message);
  });
  const http = new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  const answer = async (connection: Deno.Conn) => {
    await connection.write(http);
    connection.close();
  };
  await withServer(answer, async (address) => {
    const url = `amqp://guest:${WRONG_PASSWORD}@${address}`;
    await assertRefused({ url }, "broker_unreachable", /Cannot connect to 127\.0\.0\.1:\d+: /);
  });
});

Deno.test("connect: a silent host is not waited for once the run is stopped", async () => {
  const open: Deno.Conn[] = [];
  await withServer((connection) => open.push(connection), async (address) => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("stopped")), 100);
    const url = `amqp://guest:${WRONG_PASSWORD}@${address}`;
    const started = performance.now();
    await assert.rejects(connectTo({ url, signal: stop.signal }), /stopped/);
    assert.ok(performance.now() - started < 5_000);
    for (const connection of open) connection.close();
  });
});

async function readFrom(
  broker: { amqpUrl: string },
  vhost: TestVhost,
  options: Partial<ReadOptions> = {},
): Promise<number> {
  await using connection = await openBroker(broker, vhost.name);
  const read = { queue: "q", returnMethod: "channel_close" as const, limit: 10, idleMs: 50 };
  const { numbers } = await readNumbers(connection, { ...read, ...options });
  return numbers.length;
}

async function fill(broker: Broker, vhost: TestVhost, count = 10): Promise<void> {
  await using connection = await openBroker(broker, vhost.name);
  await publishNumbers(connection, "q", count);
}

for (const returnMethod of ["channel_close", "get"] as const) {
  testOnEach(`read (${returnMethod}): no such queue, no right to read`, async (broker) => {
    await using vhost = await testVhost(broker, "refusals");
    await using user = await testUser(broker);
    await vhost.queue("q");
    await fill(broker, vhost);
    await assert.rejects(readFrom(broker, vhost, { queue: "none", returnMethod }), {
      code: "broker_missing",
      message: 'Cannot use queue "none": it does not exist',
    });
    await setPermissions(broker, { vhost: vhost.name, user: user.name, read: "^other$" });
    await assert.rejects(readFrom({ amqpUrl: user.url }, vhost, { returnMethod }), {
      code: "broker_denied",
      message: /Cannot use queue "q": the user may not read it/,
    });
    await waitForDepth(broker, { vhost: vhost.name, name: "q" }, { depth: 10 });
  });
}

testOnEach("read: another consumer has the queue for itself", async (broker) => {
  await using vhost = await testVhost(broker, "refusals");
  await vhost.queue("q");
  await using other = await openBroker(broker, vhost.name);
  const channel = await other.openChannel();
  await channel.consume("q", () => {}, { exclusive: true });
  await assert.rejects(readFrom(broker, vhost), {
    code: "refused",
    message: 'Cannot use queue "q": another consumer has it for itself',
  });
});

testOnEach("read: an exclusive queue of another connection", async (broker) => {
  await using vhost = await testVhost(broker, "refusals");
  await using owner = await openBroker(broker, vhost.name);
  const channel = await owner.openChannel();
  await channel.assertQueue("q", { exclusive: true, durable: true });
  await using connection = await openBroker(broker, vhost.name);
  await using inspector = new QueueInspector(connection);
  await assert.rejects(inspector.depth("q"), {
    code: "refused",
    message: 'Cannot use queue "q": it is exclusive to another connection',
  });
});

testOnEach(
  "read: an active single consumer gets everything, the reader says so",
  async (broker) => {
    await using vhost = await testVhost(broker, "refusals");
    await vhost.queue("q", { arguments: { "x-single-active-consumer": true } });
    await fill(broker, vhost);
    await using other = await openBroker(broker, vhost.name);
    const channel = await other.openChannel();
    await channel.prefetch(3);
    await channel.consume("q", () => {});
    await assert.rejects(readFrom(broker, vhost), {
      code: "failed",
      message: /Cannot read queue "q": 7 messages are ready but the broker delivers none/,
    });
  },
);

for (const type of ["classic", "quorum"] as const) {
  testOnEach(`read: a ${type} queue that is deleted meanwhile`, async (broker) => {
    await using vhost = await testVhost(broker, "refusals");
    const queue = await vhost.queue("q", { type });
    await fill(broker, vhost);
    let received = 0;
    const deleting = Promise.withResolvers<void>();
    const onHead = () => {
      if (++received === 10) deleteQueue(broker, queue).then(deleting.resolve, deleting.reject);
    };
    const started = performance.now();
    await assert.rejects(readFrom(broker, vhost, { limit: 11, onHead, idleMs: 10_000 }), {
      code: "failed",
      message: /Cannot read queue "q" to its end: the broker cancelled the consumer/,
    });
    assert.ok(performance.now() - started < 5_000);
    await deleting.promise;
  });
}

testOnEach("a connection that the broker closes", async (broker) => {
  await using vhost = await testVhost(broker, "refusals");
  await vhost.queue("q");
  await using connection = await openBroker(broker, vhost.name);
  const { promise: lost, resolve } = Promise.withResolvers<AppError>();
  connection.onLost(resolve);
  // A message half sent, then a method: an error of the whole connection.
  const channel = await connection.openChannel();
  const basicPublish = [0, 60, 0, 40, 0, 0, 0, 1, 113, 0];
  connection.tap.write(
    Uint8Array.from([1, 0, channel.ch, 0, 0, 0, basicPublish.length, ...basicPublish, 0xce]),
  );
  void channel.checkQueue("q").catch(() => {});
  const error = await lost;
  assert.equal(error.code, "broker_unreachable");
  assert.match(error.message, /the connection was lost \(.*UNEXPECTED_FRAME/);
  assert.equal(connection.isOpen, false);
  assert.equal(connection.lostBecause, error);
  await assert.rejects(connection.openChannel(), error);
});
