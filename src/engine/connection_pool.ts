import { type BrokerConnection, openConnection } from "../broker/amqp/connection.ts";
import type { BrokerEndpoint } from "../config/config.ts";

/** Keeps AMQP connections for reuse: one vhost each, one user of a connection at a time. */
export class ConnectionPool implements AsyncDisposable {
  readonly #endpoint: BrokerEndpoint;
  readonly #name: string;
  readonly #signal: AbortSignal;
  readonly #idle = new Map<string, BrokerConnection[]>();

  /** `name` is shown in the broker's list of connections. */
  constructor(endpoint: BrokerEndpoint, name: string, options: { signal: AbortSignal }) {
    this.#endpoint = endpoint;
    this.#name = name;
    this.#signal = options.signal;
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
    if (connection.isOpen) this.#idleOf(vhost).push(connection);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#idle.values()].flat();
    this.#idle.clear();
    await Promise.all(all.map((connection) => connection.close()));
  }

  async #take(vhost: string): Promise<BrokerConnection> {
    const idle = this.#idleOf(vhost);
    for (let known = idle.pop(); known !== undefined; known = idle.pop()) {
      if (known.isOpen) return known;
    }
    return await openConnection(this.#endpoint, {
      vhost,
      name: this.#name,
      signal: this.#signal,
    });
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
