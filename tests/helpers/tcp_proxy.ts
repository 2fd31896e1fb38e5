import type { Broker } from "./brokers.ts";

/** Stands between a client and a broker, and holds back or cuts what goes through. */
export class TcpProxy implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #target: Deno.ConnectOptions;
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  /** Bytes from the broker that may still pass. */
  #left = Infinity;
  #go = Promise.withResolvers<void>();
  /** Bytes from the broker that have passed. */
  passed = 0;
  /** What each client has sent, in pieces; an array to be filled, or undefined. */
  sent: Uint8Array[][] | undefined;

  private constructor(target: Deno.ConnectOptions) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  /** A proxy in front of the host and port of an AMQP URL. */
  static inFrontOf(amqpUrl: string): TcpProxy {
    const { hostname, port } = new URL(amqpUrl);
    return new TcpProxy({ hostname, port: Number(port) });
  }

  /** The broker with its AMQP by way of this proxy. */
  through(
    { amqpUrl, managementUrl }: Pick<Broker, "amqpUrl" | "managementUrl">,
  ): Pick<Broker, "amqpUrl" | "managementUrl"> {
    const { protocol, username, password } = new URL(amqpUrl);
    const { port } = this.#listener.addr as Deno.NetAddr;
    return { amqpUrl: `${protocol}//${username}:${password}@127.0.0.1:${port}`, managementUrl };
  }

  /** Lets so many more bytes of the broker pass, and no further until {@linkcode resume}. */
  stallAfter(bytes: number): void {
    this.#left = bytes;
  }

  resume(): void {
    this.#left = Infinity;
    this.#go.resolve();
    this.#go = Promise.withResolvers();
  }

  /** Ends all connections at once, as a broken network would. */
  cut(): void {
    this.resume();
    for (const connection of this.#open) close(connection);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    const running: Promise<void>[] = [];
    for await (const client of this.#listener) {
      running.push(this.#serve(client));
    }
    await Promise.all(running);
  }

  async #serve(client: Deno.Conn): Promise<void> {
    let broker: Deno.Conn;
    try {
      broker = await Deno.connect(this.#target);
    } catch {
      // It is down, and the client is to find out as it would without us.
      return close(client);
    }
    this.#open.add(client).add(broker);
    const sent: Uint8Array[] = [];
    this.sent?.push(sent);
    const ended = [
      pump(client, broker, (_, bytes) => {
        if (this.sent !== undefined) sent.push(bytes.slice());
        return Promise.resolve();
      }),
      pump(broker, client, (size) => this.#pass(size)),
    ];
    // One side gone: the other is no use any more.
    await Promise.race(ended);
    for (const one of [client, broker]) {
      close(one);
      this.#open.delete(one);
    }
    await Promise.all(ended);
  }

  async #pass(size: number): Promise<void> {
    this.#left -= size;
    this.passed += size;
    while (this.#left < 0) await this.#go.promise;
  }
}

async function pump(
  from: Deno.Conn,
  to: Deno.Conn,
  pass: (size: number, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  try {
    for (;;) {
      const size = await from.read(buffer);
      if (size === null) return;
      await pass(size, buffer.subarray(0, size));
      for (let at = 0; at < size;) at += await to.write(buffer.subarray(at, size));
    }
  } catch {
    // Cut.
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}
