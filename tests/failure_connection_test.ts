/** Brokers that cannot be reached, do not answer, or are not what the URL says; and TLS. */
import assert from "node:assert/strict";
import { type Broker, brokers } from "./helpers/brokers.ts";
import {
  administrator,
  assertFailed,
  assertNoSecretIn,
  assertNothingLeft,
  assertOk,
  assertRestores,
  assertWhole,
  type Failure,
  filesBelow,
  load,
  type TestUser,
} from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import { openBroker } from "./helpers/direct.ts";
import { testVhost } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

/** Nothing here depends on the version. */
const broker: Broker = brokers().at(-1)!;

/** A port on which nothing listens. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Accepts connections, takes what comes, and never answers. */
class SilentServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open: Deno.Conn[] = [];
  readonly #accepting = this.#accept();

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#open) connection.close();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) this.#open.push(connection);
  }
}

interface Case extends Failure {
  /** What differs from a source that works. */
  source?: Record<string, unknown>;
  target?: Record<string, unknown>;
}

const at = (url: string) => new URL(url).host;
const { ca_cert, wrong_ca } = { ca_cert: broker.tls.caCert, wrong_ca: broker.tls.wrongCaCert };

/** Sources and targets that fail at once, by what is wrong with them; `user` is the right one. */
function cases(user: TestUser): Record<string, Case> {
  const nobody = `127.0.0.1:${closedPort()}`;
  const urlAt = (host: string, scheme = "amqp") => user.urlOn(`${scheme}://${host}`);
  const amqps = { amqp_url: user.urlOn(broker.amqpsUrl) };
  return {
    "AMQP is down": {
      source: { amqp_url: urlAt(nobody) },
      code: 5,
      error: /^Cannot connect to 127.0.0.1:\d+: nothing listens there \(connection refused\)$/,
      hint: /is the broker running, and is the port right/,
    },
    "the target is down": {
      target: { amqp_url: urlAt(nobody) },
      code: 5,
      error: /^Cannot connect to 127.0.0.1:\d+: nothing listens there \(connection refused\)$/,
      hint: /is the broker running, and is the port right/,
    },
    "the management API is off": {
      source: { management_url: `http://${nobody}` },
      code: 5,
      error: /^Cannot ask the broker at http:.*: connection refused; nothing listens there$/,
      hint: /rabbitmq-plugins enable rabbitmq_management/,
    },
    "the host is unknown": {
      source: { amqp_url: urlAt("mq.invalid:5672") },
      code: 5,
      error: /^Cannot connect to mq\.invalid:5672: the host name is unknown$/,
      hint: /check amqp_url/,
    },
    "the host of the management API is unknown": {
      source: { management_url: "http://mq.invalid:15672" },
      code: 5,
      error: /^Cannot ask the broker at http:.*: the host name is not known$/,
      hint: /Correct the host in management_url/,
    },
    "the management URL is of AMQP": {
      source: { management_url: `http://${at(broker.amqpUrl)}` },
      code: 5,
      error: /that is the port of AMQP, not of the management API$/,
      hint: /Set management_url to its address, with no path/,
    },
    "another authority is trusted": {
      source: { ...amqps, tls: { ca_cert: wrong_ca } },
      code: 5,
      error: /^Cannot connect to .*: its TLS certificate is not signed by a known authority$/,
      hint: /tls\.ca_cert/,
    },
    "no authority is named": {
      source: amqps,
      code: 5,
      error: /^Cannot connect to .*: its TLS certificate is not signed by a known authority$/,
      hint: /tls\.ca_cert/,
    },
    "TLS where the port has none": {
      source: { amqp_url: urlAt(at(broker.amqpUrl), "amqps"), tls: { ca_cert } },
      code: 5,
      error: /^Cannot connect to .*: it does not speak TLS$/,
      hint: /use amqp:\/\/ with the plain port/,
    },
    "no TLS where the port wants it": {
      source: { amqp_url: urlAt(at(broker.amqpsUrl)) },
      code: 5,
      error: /^Cannot connect to .*: it ended the connection during the handshake$/,
      hint: /A TLS port needs amqps:\/\//,
    },
    "the management API with TLS, another authority": {
      source: { ...amqps, management_url: broker.managementTlsUrl, tls: { ca_cert: wrong_ca } },
      code: 5,
      error: /^Cannot ask the broker at https:.* by an authority that is not trusted here$/,
      hint: /Set tls\.ca_cert/,
    },
    "the management API without TLS, where the port has it": {
      source: { management_url: `http://${at(broker.managementTlsUrl)}` },
      code: 5,
      error: /^Cannot ask the broker at http:.*: it speaks TLS$/,
      hint: /Use https:\/\/ in management_url/,
    },
    "the management API with TLS, where the port has none": {
      source: { ...amqps, management_url: `https://${at(broker.managementUrl)}`, tls: { ca_cert } },
      code: 5,
      error: /^Cannot ask the broker at https:.*: it does not speak TLS$/,
      hint: /Use http:\/\/ in management_url/,
    },
    "no file with the authority": {
      source: { ...amqps, tls: { ca_cert: "/nonexistent/ca.pem" } },
      code: 2,
      error: /^Cannot read tls\.ca_cert from \/nonexistent\/ca\.pem/,
      hint: /See whether the path is right/,
    },
  };
}

Deno.test("a broker that cannot be reached, then one that can", async (context) => {
  await using vhost = await testVhost(broker, "unreachable");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using user = await administrator(broker, vhost.name);
  await using job = await newJob(user.address);
  const queues = { vhosts: [vhost.name] };
  const config = { backupId: "before", vhosts: [vhost.name] };
  assertOk(await job.backup(config));

  for (const [name, { source = {}, target, ...failure }] of Object.entries(cases(user))) {
    await context.step(name, async () => {
      assertFailed(
        target === undefined
          ? await job.backup({ source: { queues, ...source } })
          : await job.restore({ backupId: "before", target }),
        failure,
      );
      // Nothing has been begun.
      assert.deepEqual(await stored(job), ["before"]);
    });
  }
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const id of ["before", "test"]) assertOk(await job.validate(id));
  await assertNothingLeft(job);
  await assertNoSecretIn(job);
  await assertRestores(broker, { job, loaded: [loaded] });
});

Deno.test("a broker that accepts and never answers", async () => {
  await using vhost = await testVhost(broker, "silent");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using user = await administrator(broker, vhost.name);
  await using server = new SilentServer();
  const queues = { vhosts: [vhost.name] };
  const amqp = { amqp_url: user.urlOn(`amqp://127.0.0.1:${server.port}`) };
  const management = { management_url: `http://127.0.0.1:${server.port}` };
  await Promise.all([
    giveUp({ queues, ...amqp }, {
      code: 5,
      error: /^Cannot connect to 127.0.0.1:\d+: no answer in time$/,
      hint: /firewall/,
    }),
    // A server for HTTP waits for the rest of what is none, and then closes.
    giveUp({ queues, amqp_url: user.urlOn(broker.managementUrl.replace("http", "amqp")) }, {
      code: 5,
      error: /^Cannot connect to .*: it ended the connection during the handshake$/,
      hint: /is this the broker's AMQP port\?/,
    }),
    interrupt({ queues, ...amqp }),
    interrupt({ queues, ...management }),
  ]);
  await assertWhole(broker, loaded);

  async function giveUp(source: Record<string, unknown>, failure: Failure) {
    await using job = await newJob(user.address);
    assertFailed(await job.backup({ source }), failure);
  }

  /** Nobody has to wait for the time to be up. */
  async function interrupt(source: Record<string, unknown>) {
    await using job = await newJob(user.address);
    const run = await job.startBackup({ source });
    await run.waitFor(/Looking at the queues/);
    await new Promise((resolve) => setTimeout(resolve, 200));
    run.kill("SIGINT");
    const stopped = performance.now();
    assertFailed(await run.done, { code: 130, error: /^Stopped by Ctrl-C$/, hint: /go on with: / });
    assert.ok(performance.now() - stopped < 5_000);
  }
});

for (const withClientCertificate of [false, true]) {
  const name = withClientCertificate
    ? "TLS with a client certificate"
    : "TLS with a CA of one's own";
  Deno.test(`${name}, end to end`, async () => {
    await using vhost = await testVhost(broker, "tls");
    const loaded = await load(broker, await vhost.queue("orders"));
    await using user = await administrator(broker, vhost.name);
    await using job = await newJob(user.address);
    const { clientCert: client_cert, clientKey: client_key } = broker.tls;
    const tls = { ca_cert, ...(withClientCertificate ? { client_cert, client_key } : {}) };
    const secure = { amqp_url: user.urlOn(broker.amqpsUrl), tls };
    const source = { ...secure, management_url: broker.managementTlsUrl };
    assertOk(await job.backup({ source: { ...source, queues: { vhosts: [vhost.name] } } }));
    assertOk(await job.validate());
    await assertRestores(broker, { job, config: { target: secure }, loaded: [loaded] });
    await assertNoSecretIn(job);
  });
}

/** Backups of which anything is stored. */
async function stored(job: Job): Promise<string[]> {
  return [...new Set((await filesBelow(job.backups)).map((file) => file.split("/")[0]!))];
}

Deno.test("a channel whose close is not answered any more does not hang", async () => {
  await using vhost = await testVhost(broker, "close");
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  await using connection = await openBroker(proxy.through(broker), vhost.name);
  const channel = await connection.openChannel();
  proxy.stallAfter(0);
  const closing = connection.closeChannel(channel);
  await new Promise((resolve) => setTimeout(resolve, 200));
  proxy.cut();
  await assert.rejects(closing, { code: "broker_unreachable", message: /connection was lost/ });
  await assert.rejects(connection.closeChannel(channel), { code: "broker_unreachable" });
});
