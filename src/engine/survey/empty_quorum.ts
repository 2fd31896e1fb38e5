import { setTimeout as delay } from "node:timers/promises";
import type { QueueDepth, QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { DiscoveredQueue } from "./discover.ts";

/** How long a queue gets to elect a leader, and how often it is asked, milliseconds. */
const ELECTION_MS = 5_000;
const ASK_MS = 200;

/**
 * Whether a depth of 0 may only mean that a quorum queue is electing its leader: it says that then,
 * without consumers, while the management API knows of messages, or that it is down, or nothing yet.
 */
export function isDoubtful(
  { type, state, messages }: Pick<DiscoveredQueue, "type" | "state" | "messages">,
  { ready, consumers }: QueueDepth,
): boolean {
  return type === "quorum" && ready === 0 && consumers === 0 &&
    (messages !== 0 || state === "down" || state === "minority");
}

/** Waits for elections of leaders, all of them together for some seconds. */
export class Elections {
  readonly #inspect: Pick<QueueInspector, "depth">;
  readonly #signal: AbortSignal;
  #deadline: number | undefined;

  constructor(inspector: Pick<QueueInspector, "depth">, signal: AbortSignal) {
    this.#inspect = inspector;
    this.#signal = signal;
  }

  /** The depth of a doubtful queue once it shows messages; or 0, when it is empty or has no leader. */
  async depth(queue: string): Promise<QueueDepth> {
    this.#deadline ??= performance.now() + ELECTION_MS;
    for (;;) {
      const depth = await this.#inspect.depth(queue);
      const isTold = depth.ready > 0 || depth.consumers > 0;
      if (isTold || performance.now() > this.#deadline) return depth;
      await delay(ASK_MS, undefined, { signal: this.#signal });
    }
  }
}
