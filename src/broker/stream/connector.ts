import type { BrokerEndpoint } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import { type StreamMembers, streamMembers, type StreamNode } from "./commands.ts";
import type { StreamConnection } from "./connection.ts";
import { openStreamConnection } from "./open.ts";

/** How often the configured host is asked for another node; a load balancer takes turns. */
const ATTEMPTS = 10;

/** Options of {@linkcode StreamConnector}. */
export interface ConnectorOptions {
  /** Shown in the broker's list of connections. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Told once when the nodes' own addresses lead nowhere. */
  readonly onFallback?: (error: AppError) => void;
}

/** Finds the way to the nodes that have a stream. */
export class StreamConnector {
  readonly #endpoint: BrokerEndpoint;
  readonly #options: ConnectorOptions;
  /** Whether the addresses that nodes tell are to be used. */
  #useAdvertised: boolean;

  constructor(endpoint: BrokerEndpoint, options: ConnectorOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#useAdvertised = endpoint.stream_advertised_hosts;
  }

  /** A connection to the configured host. */
  async open(vhost: string, at?: StreamNode): Promise<StreamConnection> {
    const { name, signal } = this.#options;
    return await openStreamConnection(this.#endpoint, {
      vhost,
      name,
      signal,
      ...(at === undefined ? {} : { at }),
    });
  }

  /**
   * A connection to the stream's leader; where that cannot be reached, to a node with a copy of it.
   *
   * @throws {AppError} `broker_missing` without such a stream; `broker_unreachable` when no node that
   * has it can be reached
   */
  async openFor(vhost: string, stream: string): Promise<StreamConnection> {
    let last: AppError | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const connection = await this.open(vhost);
      let members: StreamMembers;
      try {
        members = await streamMembers(connection, stream);
      } catch (error) {
        await connection.close();
        throw error;
      }
      const nodes = [...members.leader === undefined ? [] : [members.leader], ...members.replicas];
      const here = nodes.findIndex((node) => isAt(connection, node));
      // The leader, or whatever has the stream when nothing better can be had.
      if (here === 0 || (here > 0 && !this.#useAdvertised)) return connection;
      const elsewhere = this.#useAdvertised ? await this.#openAny(vhost, nodes) : undefined;
      if (elsewhere instanceof AppError) last = elsewhere;
      else if (elsewhere !== undefined) {
        await connection.close();
        return elsewhere;
      }
      if (here > 0) return connection;
      await connection.close();
    }
    throw new AppError(
      "broker_unreachable",
      `Cannot reach a node that has stream "${stream}" of vhost "${vhost}"` +
        (last === undefined ? "" : `: ${last.message.replace(/^Cannot /, "cannot ")}`),
      {
        cause: last,
        hint:
          "make the names that the nodes advertise (stream.advertised_host) known here, or let " +
          "the host in amqp_url lead to every node",
      },
    );
  }

  /** The first of the nodes that answers; the error of the last when none does. */
  async #openAny(
    vhost: string,
    nodes: readonly StreamNode[],
  ): Promise<StreamConnection | AppError | undefined> {
    let last: AppError | undefined;
    for (const node of nodes) {
      try {
        return await this.open(vhost, node);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "broker_unreachable") throw error;
        last = error;
      }
    }
    if (last !== undefined) {
      this.#useAdvertised = false;
      this.#options.onFallback?.(last);
    }
    return last;
  }
}

/** Whether a connection has ended up at a node, by what the node says of itself. */
function isAt({ properties }: StreamConnection, node: StreamNode): boolean {
  return properties.get("advertised_host") === node.host &&
    properties.get("advertised_port") === String(node.port);
}
