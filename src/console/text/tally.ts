import type { QueueDoneEvent } from "../../engine/events.ts";
import type { LossCounts } from "../../message/conversion_losses.ts";

/** What the summary needs to remember of the queues of a run; bounded by what went wrong. */
export class Tally {
  /** Queues that are not in the result, in the order of their end. */
  readonly left: QueueDoneEvent[] = [];
  /** Queues that are in the result, and not whole. */
  readonly inPart: QueueDoneEvent[] = [];
  /** The queue whose messages were away longest. */
  longestHold: QueueDoneEvent | undefined;
  /** Number of queues by the delivery attempts that each of their messages was charged. */
  readonly queuesByAttempts = new Map<number, number>();
  /** Queues that an earlier run had finished. */
  resumed = 0;
  /** Messages that were left out of a restore for want of a timestamp. */
  untimed = 0;

  /** What streams that became queues have lost, in how many messages. */
  readonly losses: LossCounts = {};

  add(event: QueueDoneEvent): void {
    for (const [loss, messages] of Object.entries(event.losses ?? {})) {
      const key = loss as keyof LossCounts;
      this.losses[key] = (this.losses[key] ?? 0) + messages;
    }
    if (event.outcome === "skipped" || event.outcome === "failed") this.left.push(event);
    else if (event.reason !== undefined) this.inPart.push(event);
    if (event.outcome === "resumed") this.resumed++;
    this.untimed += event.untimed ?? 0;
    if ((event.holdSeconds ?? 0) > (this.longestHold?.holdSeconds ?? 0)) this.longestHold = event;
    if (event.returnCost !== undefined && event.returnCost.method !== "none") {
      const attempts = event.returnCost.deliveryAttempts;
      this.queuesByAttempts.set(attempts, (this.queuesByAttempts.get(attempts) ?? 0) + 1);
    }
  }
}
