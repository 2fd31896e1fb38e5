import { setTimeout as delay } from "node:timers/promises";
import { QueueInspector } from "../../broker/amqp/queue_inspector.ts";
import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import { AppError } from "../../errors.ts";
import type { HoldLimits } from "../../safety/plan.ts";
import type { NodeWatch } from "../survey/node_watch.ts";

/** How often is looked, milliseconds: at the queue's length, and at clock and memory. */
const LENGTH_MS = 250;
const OTHER_MS = 1_000;
/** The part of a length limit that has to stay free. */
const FREE_LENGTH = 0.05;
/** The part of its memory that a node has to have left. */
const LEAST_HEADROOM = 0.1;

/** What is watched, and who lets go. */
export interface HoldWatchOptions {
  readonly queue: { readonly name: string; readonly leader?: string };
  readonly hold: HoldLimits;
  /** Messages held so far, and the bytes of their bodies. */
  readonly held: () => { messages: number; bytes: number };
  readonly nodes: NodeWatch;
  /** Called at most once, with the reason to give everything back now. */
  readonly letGo: (reason: AppError) => void;
  readonly signal: AbortSignal;
}

/**
 * Watches a hold while it lasts: the clock, the length of a queue that drops its oldest messages, and
 * the memory of its node. Ends when it is disposed.
 */
export class HoldWatch implements Disposable {
  readonly #options: HoldWatchOptions;
  readonly #inspector: QueueInspector;
  readonly #startedAt = performance.now();
  readonly #headroomAtStart: Promise<number>;
  readonly #over = new AbortController();

  constructor(connection: BrokerConnection, options: HoldWatchOptions) {
    this.#options = options;
    this.#inspector = new QueueInspector(connection);
    this.#headroomAtStart = this.#headroom();
    // The end of the watch; and a queue or broker that is gone is noticed by who reads it.
    this.#run().catch(() => {});
  }

  /** Ends the watch at once: messages are not held until the broker has answered its last question. */
  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #run(): Promise<void> {
    const { hold, letGo } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#over.signal]);
    const isBounded = hold.maxLength !== undefined || hold.maxLengthBytes !== undefined;
    await using _inspector = this.#inspector;
    let reason: AppError | undefined;
    while (reason === undefined) {
      await delay(isBounded ? LENGTH_MS : OTHER_MS, undefined, { signal });
      reason = this.#tooLong() ?? (isBounded ? await this.#tooFull() : undefined) ??
        await this.#tooMuchMemory();
    }
    if (!signal.aborted) letGo(reason);
  }

  #tooLong(): AppError | undefined {
    const { seconds } = this.#options.hold;
    if (seconds === undefined) return undefined;
    if (performance.now() - this.#startedAt < seconds.at * 1_000) return undefined;
    return seconds.of === "max_hold_secs"
      ? this.#reason(`they were held for ${seconds.at} s (max_hold_secs)`, {
        hint: "raise backup.max_hold_secs, or set backup.partial: oldest to keep what was read",
      })
      : this.#reason(
        `they were held for ${Math.round(seconds.at)} s, and the broker's consumer ` +
          "timeout is near",
        {
          hint: "raise the broker's consumer_timeout and backup.consumer_timeout_secs with it",
        },
      );
  }

  async #tooFull(): Promise<AppError | undefined> {
    const { queue, hold, held } = this.#options;
    const { ready } = await this.#inspector.depth(queue.name);
    const { messages, bytes } = held();
    const together = messages + ready;
    const { maxLength, maxLengthBytes } = hold;
    if (maxLength !== undefined && together > maxLength * (1 - FREE_LENGTH)) {
      return this.#reason(
        `the queue came near its max-length (${together} of ${maxLength}), and would have dropped ` +
          "the oldest",
        { hint: "raise max-length, or back up when less arrives" },
      );
    }
    const togetherBytes = messages === 0 ? 0 : bytes + ready * bytes / messages;
    if (maxLengthBytes !== undefined && togetherBytes > maxLengthBytes * (1 - FREE_LENGTH)) {
      return this.#reason(
        `the queue came near its max-length-bytes (some ${Math.round(togetherBytes)} of ` +
          `${maxLengthBytes}), and would have dropped the oldest`,
        { hint: "raise max-length-bytes, or back up when less arrives" },
      );
    }
    return undefined;
  }

  async #tooMuchMemory(): Promise<AppError | undefined> {
    const headroom = await this.#headroom();
    const atStart = await this.#headroomAtStart;
    const least = Number.isFinite(atStart) ? Math.max(0, atStart * LEAST_HEADROOM) : 0;
    if (headroom > least) return undefined;
    return this.#reason(
      `the memory of node ${this.#options.queue.leader} came near its alarm ` +
        `(${Math.round(headroom / 1e6)} MB left)`,
      { hint: "give the broker more memory, or lower backup.max_concurrent_queues" },
    );
  }

  async #headroom(): Promise<number> {
    const { queue: { leader }, nodes, signal } = this.#options;
    if (leader === undefined) return Infinity;
    try {
      return (await nodes.nodes(signal)).get(leader)?.headroom ?? Infinity;
    } catch {
      // The management API may be busy or gone; the messages are read over AMQP.
      return Infinity;
    }
  }

  #reason(why: string, options: { hint: string }): AppError {
    const { name } = this.#options.queue;
    return new AppError(
      "refused",
      `Cannot read queue "${name}" to its end: its messages went back early, because ${why}`,
      options,
    );
  }
}
