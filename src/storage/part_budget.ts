/**
 * Memory for parts, so many at once, over all uploads of a store; it is used again and again. Whoever
 * waits is served in the order of asking. No upload may wait for a second part while its first one
 * is not yet on its way: then all can go on, whatever their number.
 */
export class PartBudget {
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  readonly #spare: Uint8Array[] = [];
  #free: number;
  #inUse = 0;
  /** The most that was in use at once. */
  peak = 0;

  constructor(parts: number) {
    this.#free = parts;
  }

  /** Waits for the memory of a part, whose content is any; {@linkcode release} gives it back. */
  async acquire(size: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    this.#inUse++;
    this.peak = Math.max(this.peak, this.#inUse);
    const spare = this.#spare.pop();
    return spare?.length === size ? spare : new Uint8Array(size);
  }

  release(memory: Uint8Array): void {
    this.#inUse--;
    this.#spare.push(memory);
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next.resolve();
  }

  async #wait(signal?: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn);
    const onAbort = () => {
      const at = this.#waiting.indexOf(turn);
      if (at < 0) return; // its turn came
      this.#waiting.splice(at, 1);
      turn.reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
