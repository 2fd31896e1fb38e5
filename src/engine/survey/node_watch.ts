import { setTimeout as delay } from "node:timers/promises";
import type { ManagementClient } from "../../broker/management/client.ts";
import type { BrokerNode } from "../../broker/management/model.ts";
import { AppError } from "../../errors.ts";
import type { EventSink } from "../events.ts";

/** The broker's own figures are that old. */
const FRESH_MS = 5_000;
/** How long is waited for an alarm to end, milliseconds. */
const ALARM_MS = 600_000;

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
  #nodes: Promise<readonly BrokerNode[]> | undefined;
  #askedAt = -Infinity;

  constructor(client: ManagementClient) {
    this.#client = client;
  }

  /** Those that run, by name; empty when the user may not know (it takes the tag `monitoring`). */
  async nodes(signal: AbortSignal): Promise<ReadonlyMap<string, NodeState>> {
    const running = (await this.#all(signal)).filter(({ running }) => running);
    return new Map(running.map((node) => [node.name, state(node)]));
  }

  /** Names of all, also of those that do not run. */
  async names(signal?: AbortSignal): Promise<string[]> {
    return (await this.#all(signal)).map(({ name }) => name);
  }

  async #all(signal: AbortSignal | undefined): Promise<readonly BrokerNode[]> {
    if (this.#nodes === undefined || performance.now() - this.#askedAt > FRESH_MS) {
      this.#askedAt = performance.now();
      this.#nodes = this.#ask(signal);
      this.#nodes.catch(() => this.#nodes = undefined);
    }
    return await this.#nodes;
  }

  async #ask(signal: AbortSignal | undefined): Promise<readonly BrokerNode[]> {
    try {
      return await this.#client.nodes({ signal });
    } catch (error) {
      if (error instanceof AppError && error.code === "broker_denied") return [];
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

/**
 * Waits until no node has an alarm: what is held would make it worse, and nothing can be published.
 *
 * @throws {AppError} `refused` when one does not end in ten minutes
 */
export async function untilCalm(
  watch: NodeWatch,
  { emit, signal }: { emit: EventSink; signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + ALARM_MS;
  for (let isTold = false;; isTold = true) {
    const alarmed = [...(await watch.nodes(signal)).values()].find(({ alarm }) => alarm);
    if (alarmed === undefined) return;
    const alarm = `node ${alarmed.name} has a ${alarmed.alarm} alarm`;
    if (performance.now() > deadline) {
      throw new AppError("refused", `Cannot read queues now: ${alarm}`, {
        hint: "back up when the broker is well again",
      });
    }
    if (!isTold) {
      const message = `The backup has to wait: ${alarm}`;
      emit({ type: "warning", message, hint: "it goes on by itself when the alarm ends" });
    }
    await delay(FRESH_MS, undefined, { signal });
  }
}
