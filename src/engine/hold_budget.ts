import { setTimeout as delay } from "node:timers/promises";
import type { BackupOptions } from "../config/config.ts";
import { AppError } from "../errors.ts";
import type { EventSink } from "./events.ts";
import type { NodeState, NodeWatch } from "./node_watch.ts";
import { Reserve } from "./reserve.ts";
import { spoolRoom } from "./spool_room.ts";
import type { PlannedQueue } from "./survey.ts";

/** How long is waited for an alarm to end, and how often is looked, milliseconds. */
const ALARM_MS = 600_000;
const LOOK_MS = 5_000;

/** What the queues of a run may take together: of each node's memory, and of the local disk. */
export class HoldBudget {
  readonly #watch: NodeWatch;
  readonly #memory: ReadonlyMap<string, Reserve>;
  readonly #spool: Reserve;
  readonly #emit: EventSink;

  private constructor(
    watch: NodeWatch,
    reserves: { memory: ReadonlyMap<string, Reserve>; spool: Reserve },
    emit: EventSink,
  ) {
    this.#watch = watch;
    this.#memory = reserves.memory;
    this.#spool = reserves.spool;
    this.#emit = emit;
  }

  static async of(
    watch: NodeWatch,
    { options, emit, signal }: { options: BackupOptions; emit: EventSink; signal: AbortSignal },
  ): Promise<HoldBudget> {
    const nodes = await watch.nodes(signal);
    const share = ({ headroom }: NodeState) => Math.max(0, headroom) * options.memory_share;
    const memory = new Map([...nodes].map(([name, node]) => [name, new Reserve(share(node))]));
    return new HoldBudget(watch, { memory, spool: new Reserve(await spoolRoom(options)) }, emit);
  }

  /** Waits for room in the spool for a queue; the room is free again when the result is disposed. */
  async spool(planned: PlannedQueue, signal: AbortSignal): Promise<Disposable> {
    return await this.#spool.take(held(planned) * planned.plan.hold.spoolPerMessage, signal);
  }

  /**
   * Waits until no node has an alarm and the queue's node has memory for what will be held.
   *
   * @throws {AppError} `refused` when an alarm does not end in ten minutes
   */
  async memory(planned: PlannedQueue, signal: AbortSignal): Promise<Disposable> {
    const reserve = this.#memory.get(planned.queue.leader ?? "");
    const bytes = held(planned) * planned.plan.hold.memoryPerMessage;
    const taken = await reserve?.take(bytes, signal) ?? { [Symbol.dispose]: () => {} };
    try {
      await this.#calm(planned, signal);
      return taken;
    } catch (error) {
      taken[Symbol.dispose]();
      throw error;
    }
  }

  async #calm({ queue }: PlannedQueue, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + ALARM_MS;
    for (let isTold = false;; isTold = true) {
      const alarmed = [...(await this.#watch.nodes(signal)).values()].find(({ alarm }) => alarm);
      if (alarmed === undefined) return;
      const alarm = `node ${alarmed.name} has a ${alarmed.alarm} alarm`;
      if (performance.now() > deadline) {
        throw new AppError("refused", `Cannot read queue "${queue.name}" now: ${alarm}`, {
          hint: "back up when the broker is well again",
        });
      }
      if (!isTold) {
        this.#emit({
          type: "warning",
          vhost: queue.vhost,
          queue: queue.name,
          message: `Queue "${queue.name}" has to wait: ${alarm}`,
          hint: "it is read when the alarm ends",
        });
      }
      await delay(LOOK_MS, undefined, { signal });
    }
  }
}

function held({ ready, plan }: PlannedQueue): number {
  return Math.min(ready, plan.atMost ?? Infinity);
}
