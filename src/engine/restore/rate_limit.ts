/** Most of each a second; undefined is no limit. */
export interface Rates {
  readonly messages?: number | undefined;
  readonly bytes?: number | undefined;
}

/** How long what is handed over at once may take to be due, seconds. */
const PORTION_SECONDS = 0.1;

/**
 * Holds all queues of a run together to a rate. Who has published pays, and waits until what all have
 * published is due; so the rate is kept over any length of time but for one portion a queue.
 */
export class RateLimit {
  #rates: Rates;
  /** Published and not yet due. */
  #messages = 0;
  #bytes = 0;
  #at: number;
  readonly #now: () => number;
  /** Who waits, to be woken when the rates change. */
  readonly #waiting = new Set<() => void>();

  /** `now`: a clock in milliseconds. */
  constructor(rates: Rates = {}, now: () => number = () => performance.now()) {
    this.#rates = rates;
    this.#now = now;
    this.#at = now();
  }

  get isOn(): boolean {
    return this.#rates.messages !== undefined || this.#rates.bytes !== undefined;
  }

  get rates(): Rates {
    return this.#rates;
  }

  /** Sets other rates, from now on; who waits counts anew. */
  set(rates: Rates): void {
    this.#settle();
    this.#rates = rates;
    for (const wake of this.#waiting) wake();
  }

  /** How much may be published before paying; at least one message and one byte. */
  get portion(): { messages: number; bytes: number } {
    const of = (rate = Infinity) => Math.max(1, Math.floor(rate * PORTION_SECONDS));
    return { messages: of(this.#rates.messages), bytes: of(this.#rates.bytes) };
  }

  /** Adds what was published. Returns how long to wait, milliseconds. */
  owe(messages: number, bytes: number): number {
    this.#settle();
    this.#messages += messages;
    this.#bytes += bytes;
    return this.#due();
  }

  /** Waits until all that was published is due. Throws the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      this.#settle();
      const due = this.#due();
      if (due <= 0) return;
      await this.#pause(due, signal);
    }
  }

  /** Lets go of what has become due since. */
  #settle(): void {
    const now = this.#now();
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    const { messages = Infinity, bytes = Infinity } = this.#rates;
    this.#messages = seconds > 0
      ? Math.max(0, this.#messages - seconds * messages)
      : this.#messages;
    this.#bytes = seconds > 0 ? Math.max(0, this.#bytes - seconds * bytes) : this.#bytes;
  }

  #due(): number {
    const { messages = Infinity, bytes = Infinity } = this.#rates;
    return 1000 * Math.max(this.#messages / messages, this.#bytes / bytes);
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    const resolve = () => wake();
    const timer = setTimeout(resolve, Math.ceil(milliseconds));
    this.#waiting.add(resolve);
    signal.addEventListener("abort", resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
    signal.removeEventListener("abort", resolve);
  }
}
