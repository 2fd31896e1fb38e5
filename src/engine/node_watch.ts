import type { ManagementClient } from "../broker/management/client.ts";
import type { BrokerNode } from "../broker/management/model.ts";
import { AppError } from "../errors.ts";

/** The broker's own figures are that old. */
const FRESH_MS = 5_000;

/** A node's memory, as far as the broker tells. */
export interface NodeState {
  readonly name: string;
  /** Bytes up to the memory alarm; negative above it. */
  readonly headroom: number;
  readonly alarm: "memory" | "disk" | undefined;
}

/** The nodes' memory and alarms, asked at most every five seconds however many want to know. */
export class NodeWatch {
  readonly #client: ManagementClient;
  #nodes: Promise<ReadonlyMap<string, NodeState>> | undefined;
  #askedAt = -Infinity;

  constructor(client: ManagementClient) {
    this.#client = client;
  }

  /** By name; empty when the user may not know (it takes the tag `monitoring`). */
  async nodes(signal: AbortSignal): Promise<ReadonlyMap<string, NodeState>> {
    if (this.#nodes === undefined || performance.now() - this.#askedAt > FRESH_MS) {
      this.#askedAt = performance.now();
      this.#nodes = this.#ask(signal);
      this.#nodes.catch(() => this.#nodes = undefined);
    }
    return await this.#nodes;
  }

  async #ask(signal: AbortSignal): Promise<ReadonlyMap<string, NodeState>> {
    try {
      const nodes = await this.#client.nodes({ signal });
      return new Map(
        nodes.filter(({ running }) => running).map((node) => [node.name, state(node)]),
      );
    } catch (error) {
      if (error instanceof AppError && error.code === "broker_denied") return new Map();
      throw error;
    }
  }
}

function state({ name, mem_limit, mem_used, mem_alarm, disk_free_alarm }: BrokerNode): NodeState {
  const isKnown = mem_limit !== undefined && mem_used !== undefined;
  return {
    name,
    headroom: isKnown ? mem_limit - mem_used : Infinity,
    alarm: mem_alarm ? "memory" : disk_free_alarm ? "disk" : undefined,
  };
}
