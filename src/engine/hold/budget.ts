import type { BackupOptions } from "../../config/config.ts";
import type { EventSink } from "../events.ts";
import { type NodeState, type NodeWatch, untilCalm } from "../survey/node_watch.ts";
import { Reserve } from "../spool/reserve.ts";
import { spoolRoom } from "../spool/room.ts";
import { heldAtMost, type PlannedQueue } from "../survey/survey.ts";

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
    return await this.#spool.take(heldAtMost(planned) * planned.plan.hold.spoolPerMessage, signal);
  }

  /** Waits for so many bytes of the spool; they are free again when the result is disposed. */
  async spoolBytes(bytes: number, signal: AbortSignal): Promise<Disposable> {
    return await this.#spool.take(bytes, signal);
  }

  /**
   * Waits until no node has an alarm and the queue's node has memory for what will be held.
   *
   * @throws {AppError} `refused` when an alarm does not end in ten minutes
   */
  async memory(planned: PlannedQueue, signal: AbortSignal): Promise<Disposable> {
    const reserve = this.#memory.get(planned.queue.leader ?? "");
    const bytes = heldAtMost(planned) * planned.plan.hold.memoryPerMessage;
    const taken = await reserve?.take(bytes, signal) ?? { [Symbol.dispose]: () => {} };
    try {
      await untilCalm(this.#watch, { emit: this.#emit, signal });
      return taken;
    } catch (error) {
      taken[Symbol.dispose]();
      throw error;
    }
  }
}
