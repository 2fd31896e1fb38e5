import { type Channel, connect } from "amqplib";
import type { Broker } from "./brokers.ts";

/** A broker as far as its management API and AMQP port go; any {@linkcode Broker} is one. */
export type BrokerAddress = Pick<Broker, "amqpUrl" | "managementUrl" | "username" | "password">;

export interface QueueSpec {
  readonly vhost: string;
  readonly name: string;
  /** Default: classic. */
  readonly type?: "classic" | "quorum" | "stream";
  readonly arguments?: Record<string, unknown>;
  readonly durable?: boolean;
  readonly autoDelete?: boolean;
}

const part = encodeURIComponent;

/** Sends a request to the management API; throws unless the answer's status is a success. */
export async function management(
  broker: BrokerAddress,
  path: string,
  options: { method?: string; body?: unknown } = {},
): Promise<unknown> {
  const { method = "GET", body } = options;
  const response = await fetch(`${broker.managementUrl}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${btoa(`${broker.username}:${broker.password}`)}`,
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} /api/${path}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

export function put(broker: BrokerAddress, path: string, body: unknown = {}): Promise<unknown> {
  return management(broker, path, { method: "PUT", body });
}

export async function remove(broker: BrokerAddress, path: string): Promise<void> {
  await management(broker, path, { method: "DELETE" });
}

/** A virtual host of a test's own, deleted with all in it when it goes out of scope (`await using`). */
export class TestVhost implements AsyncDisposable {
  readonly broker: BrokerAddress;
  readonly name: string;

  constructor(broker: BrokerAddress, name: string) {
    this.broker = broker;
    this.name = name;
  }

  async queue(name: string, options: Omit<QueueSpec, "vhost" | "name"> = {}): Promise<QueueSpec> {
    const spec = { vhost: this.name, name, ...options };
    await createQueue(this.broker, spec);
    return spec;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.broker, `vhosts/${part(this.name)}`);
  }
}

/** Creates a vhost that the broker's user may use; its name ends in random letters. */
export async function testVhost(broker: BrokerAddress, prefix = "test"): Promise<TestVhost> {
  const name = `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
  await createVhost(broker, name);
  return new TestVhost(broker, name);
}

export async function createVhost(broker: BrokerAddress, name: string): Promise<void> {
  await put(broker, `vhosts/${part(name)}`);
  await setPermissions(broker, { vhost: name, user: broker.username });
}

/** Over AMQP: a URL cannot name a queue `.` or `..`, as clients resolve such parts of a path. */
export async function createQueue(broker: BrokerAddress, spec: QueueSpec): Promise<void> {
  await onChannel(broker, spec.vhost, async (channel) => {
    await channel.assertQueue(spec.name, {
      durable: spec.durable ?? true,
      autoDelete: spec.autoDelete ?? false,
      arguments: { "x-queue-type": spec.type ?? "classic", ...spec.arguments },
    });
  });
}

export async function deleteQueue(
  broker: BrokerAddress,
  queue: { vhost: string; name: string },
): Promise<void> {
  await onChannel(broker, queue.vhost, (channel) => channel.deleteQueue(queue.name));
}

/** Creates an exchange and binds a queue to it with every routing key (`#` for topics). */
export async function createBoundExchange(
  broker: BrokerAddress,
  exchange: { vhost: string; name: string; type?: string; queue: string },
): Promise<void> {
  const vhost = part(exchange.vhost);
  const type = exchange.type ?? "topic";
  await put(broker, `exchanges/${vhost}/${part(exchange.name)}`, { type, durable: true });
  const binding = `bindings/${vhost}/e/${part(exchange.name)}/q/${part(exchange.queue)}`;
  await management(broker, binding, { method: "POST", body: { routing_key: "#" } });
}

export async function createUser(
  broker: BrokerAddress,
  user: { name: string; password: string; tags?: string },
): Promise<void> {
  await put(broker, `users/${part(user.name)}`, { password: user.password, tags: user.tags ?? "" });
}

/** Grants a user what the patterns match; default everything. */
export async function setPermissions(
  broker: BrokerAddress,
  grant: { vhost: string; user: string; configure?: string; write?: string; read?: string },
): Promise<void> {
  const { configure = ".*", write = ".*", read = ".*" } = grant;
  const path = `permissions/${part(grant.vhost)}/${part(grant.user)}`;
  await put(broker, path, { configure, write, read });
}

/**
 * Messages that are ready in a queue, by a passive declare: true at once, where the management
 * API's figures lag. undefined when there is no such queue.
 */
export async function queueDepth(
  broker: BrokerAddress,
  queue: { vhost: string; name: string },
): Promise<number | undefined> {
  try {
    return await onChannel(
      broker,
      queue.vhost,
      async (channel) => (await channel.checkQueue(queue.name)).messageCount,
    );
  } catch (error) {
    if ((error as { code?: number }).code === 404) return undefined;
    throw error;
  }
}

/** Runs `work` with a channel on a connection of its own. */
async function onChannel<T>(
  broker: BrokerAddress,
  vhost: string,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const connection = await connect(`${broker.amqpUrl}/${part(vhost)}`);
  try {
    const channel = await connection.createChannel();
    channel.on("error", () => {}); // it comes as a rejection as well
    return await work(channel);
  } finally {
    await connection.close();
  }
}

/** Waits until a queue has exactly `depth` ready messages. */
export async function waitForDepth(
  broker: BrokerAddress,
  queue: { vhost: string; name: string },
  options: { depth: number; timeoutMs?: number },
): Promise<void> {
  let last: number | undefined;
  const isThere = async () => (last = await queueDepth(broker, queue)) === options.depth;
  const what = () => `${options.depth} messages in '${queue.name}' (it has ${last ?? "no queue"})`;
  await waitUntil(isThere, { what, timeoutMs: options.timeoutMs ?? 60_000 });
}

/** Asks every 100 ms until the answer is true; throws, naming `what`, when time is up before. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  options: { what: string | (() => string); timeoutMs?: number },
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const end = Date.now() + timeoutMs;
  while (!await condition()) {
    if (Date.now() > end) {
      const what = typeof options.what === "string" ? options.what : options.what();
      throw new Error(`Cannot wait longer than ${timeoutMs} ms for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
