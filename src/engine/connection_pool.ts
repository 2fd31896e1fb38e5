import { type BrokerConnection, openConnection } from "../broker/amqp/connection.ts";
import type { BrokerEndpoint } from "../config/config.ts";

/** Options of {@linkcode ConnectionPool}. */
export interface ConnectionPoolOptions {
  signal: AbortSignal;
  /** How a connection is opened; by default with {@linkcode openConnection}. */
  open?: (vhost: string) => Promise<BrokerConnection>;
}

/** Keeps AMQP connections for reuse: one vhost each, one user of a connection at a time. */
export class ConnectionPool implements AsyncDisposable {
  readonly #open: (vhost: string) => Promise<BrokerConnection>;
  readonly #idle = new Map<string, BrokerConnection[]>();
  #isDisposed = false;

  /** `name` is shown in the broker's list of connections. */
  constructor(endpoint: BrokerEndpoint, name: string, options: ConnectionPoolOptions) {
    const { signal } = options;
    this.#open = options.open ?? ((vhost) => openConnection(endpoint, { vhost, name, signal }));
  }

  /** Runs `work` with a connection; after an error in it the connection is closed, not reused. */
  async use<T>(vhost: string, work: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const connection = await this.#take(vhost);
    let result: T;
    try {
      result = await work(connection);
    } catch (error) {
      await connection.close();
      throw error;
    }
    if (this.#isDisposed) await connection.close();
    else if (connection.isOpen) this.#idleOf(vhost).push(connection);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const all = [...this.#idle.values()].flat();
    this.#idle.clear();
    await Promise.all(all.map((connection) => connection.close()));
  }

  async #take(vhost: string): Promise<BrokerConnection> {
    const idle = this.#idleOf(vhost);
    for (let known = idle.pop(); known !== undefined; known = idle.pop()) {
      if (known.isOpen) return known;
    }
    return await this.#open(vhost);
  }

  #idleOf(vhost: string): BrokerConnection[] {
    let idle = this.#idle.get(vhost);
    if (idle === undefined) {
      idle = [];
      this.#idle.set(vhost, idle);
    }
    return idle;
  }
}
