/**
 * Shares out so many bytes of something. Who asks for more than is left waits, in the order of asking;
 * who asks for more than there is at all gets everything, alone.
 */
export class Reserve {
  readonly #capacity: number;
  #free: number;
  readonly #waiting: { amount: number; grant: () => void }[] = [];

  constructor(capacity: number) {
    this.#capacity = this.#free = capacity;
  }

  /** Takes `amount`, given back when the result is disposed. Rejects with the signal's reason. */
  async take(amount: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const taken = Math.min(amount, this.#capacity);
    if (this.#waiting.length > 0 || taken > this.#free) await this.#turn(taken, signal);
    else this.#free -= taken;
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#free += taken;
        this.#grant();
      },
    };
  }

  async #turn(amount: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { amount, grant: resolve };
    const abort = () => {
      const place = this.#waiting.indexOf(entry);
      // It has just got its turn: whoever asked gives it back.
      if (place === -1) return;
      this.#waiting.splice(place, 1);
      reject(signal.reason);
      this.#grant();
    };
    this.#waiting.push(entry);
    signal.addEventListener("abort", abort, { once: true });
    await promise;
    signal.removeEventListener("abort", abort);
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.amount > this.#free) return;
      this.#free -= next.amount;
      this.#waiting.shift();
      next.grant();
    }
  }
}
