import type { BrokerConnection } from "../../broker/amqp/connection.ts";
import type { EventSink } from "../events.ts";
import type { QueueWork } from "../progress.ts";
import type { QueueName } from "./mapping.ts";

/** How often is asked whether the broker blocks publishers, milliseconds. */
const BLOCKED_MS = 500;

/** How long a run was held back by alarms of the target; queues that wait together count once. */
export class Pauses {
  #blocked = 0;
  #since = 0;
  #milliseconds = 0;

  get seconds(): number {
    const now = this.#blocked > 0 ? performance.now() - this.#since : 0;
    return (this.#milliseconds + now) / 1000;
  }

  begin(): void {
    if (this.#blocked++ === 0) this.#since = performance.now();
  }

  end(): void {
    if (--this.#blocked === 0) this.#milliseconds += performance.now() - this.#since;
  }
}

/** Tells why nothing goes on while the broker takes no messages: its alarms end, and so does that. */
export function watchBlocked(
  connection: BrokerConnection,
  options: { queue: QueueName; work: QueueWork; emit: EventSink; pauses: Pauses },
): Disposable {
  const { queue: { vhost, name }, work, emit, pauses } = options;
  const { phase } = work;
  let told: string | undefined;
  const end = () => {
    if (told === undefined) return;
    told = undefined;
    work.phase = phase;
    pauses.end();
  };
  const timer = setInterval(() => {
    const { blocked } = connection;
    if (blocked === undefined) return end();
    if (told !== undefined) return;
    told = blocked;
    work.phase = "waiting";
    pauses.begin();
    emit({
      type: "warning",
      vhost,
      queue: name,
      message: `Queue "${name}" has to wait: the target does not take messages for now ` +
        `(${blocked})`,
      hint: "it goes on by itself when the target's memory or disk alarm ends",
    });
  }, BLOCKED_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      end();
    },
  };
}
