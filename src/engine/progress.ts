import type { EventSink, QueueProgress, StatusEvent } from "./events.ts";

/** How often a status is sent, and over how long rates are averaged, milliseconds. */
const STATUS_INTERVAL_MS = 250;
const RATE_WINDOW_MS = 5_000;

/** What one queue is at; its owner changes the numbers, the meter reads them. */
export type QueueWork = { -readonly [Key in keyof QueueProgress]: QueueProgress[Key] };

/** Adds the numbers of all queues up and sends a status four times a second. */
export class ProgressMeter implements Disposable {
  queuesTotal = 0;
  queuesDone = 0;
  messagesTotal = 0;
  errorCount = 0;
  /** Messages and bytes of queues that have ended. */
  #messagesEnded = 0;
  #bytesEnded = 0;
  readonly #active = new Map<QueueWork, number>();
  readonly #operation: StatusEvent["operation"];
  readonly #emit: EventSink;
  readonly #startedAt = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #samples: { at: number; messages: number; bytes: number }[] = [];

  constructor(operation: StatusEvent["operation"], emit: EventSink) {
    this.#operation = operation;
    this.#emit = emit;
    this.#timer = setInterval(() => this.send(), STATUS_INTERVAL_MS);
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** Starts a queue of `messagesTotal` messages; the caller updates what it returns. */
  begin(queue: { vhost: string; name: string }, work: Partial<QueueWork>): QueueWork {
    const entry: QueueWork = {
      vhost: queue.vhost,
      queue: queue.name,
      phase: "reading",
      messagesDone: 0,
      messagesTotal: 0,
      bytesDone: 0,
      ...work,
    };
    this.#active.set(entry, performance.now());
    return entry;
  }

  /** Ends a queue: its numbers stay in the total. Returns how many seconds it took. */
  end(work: QueueWork): number {
    const startedAt = this.#active.get(work) ?? performance.now();
    if (this.#active.delete(work)) {
      this.#messagesEnded += work.messagesDone;
      this.#bytesEnded += work.bytesDone;
      this.queuesDone++;
    }
    return (performance.now() - startedAt) / 1000;
  }

  /** Sends a status now. */
  send(): void {
    const active = [...this.#active.keys()];
    const messagesDone = this.#messagesEnded + sum(active.map((work) => work.messagesDone));
    const bytesDone = this.#bytesEnded + sum(active.map((work) => work.bytesDone));
    const rate = this.#rate(messagesDone, bytesDone);
    const left = Math.max(this.messagesTotal - messagesDone, 0);
    this.#emit({
      type: "status",
      operation: this.#operation,
      secondsElapsed: this.seconds,
      ...(rate.messages > 0 ? { secondsRemaining: left / rate.messages } : {}),
      percentDone: this.messagesTotal === 0 ? 0 : Math.min(messagesDone / this.messagesTotal, 1),
      queuesTotal: this.queuesTotal,
      queuesDone: this.queuesDone,
      messagesTotal: this.messagesTotal,
      messagesDone,
      bytesDone,
      rateMessages: rate.messages,
      rateBytes: rate.bytes,
      errorCount: this.errorCount,
      active: active.map((work) => ({ ...work })),
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #rate(messages: number, bytes: number): { messages: number; bytes: number } {
    const now = performance.now();
    this.#samples.push({ at: now, messages, bytes });
    this.#samples = this.#samples.filter((sample) => now - sample.at <= RATE_WINDOW_MS);
    const first = this.#samples[0]!;
    const seconds = (now - first.at) / 1000;
    if (seconds <= 0) return { messages: 0, bytes: 0 };
    return {
      messages: (messages - first.messages) / seconds,
      bytes: (bytes - first.bytes) / seconds,
    };
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
