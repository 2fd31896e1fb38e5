import { orAborted } from "./or_aborted.ts";

/** Each step slower is half as fast; there are so many. */
const SLOWEST = 4;

/**
 * How fast a backup goes, changed by a person while it runs. It only counts where no message is held: a
 * queue whose reading has begun is read at full speed and given back, as each second more is one that
 * its consumers wait.
 */
export class Pace {
  #steps = 0;
  #last = { endedAt: 0, milliseconds: 0 };
  #gate: PromiseWithResolvers<void> | undefined;
  readonly #listeners = new Set<() => void>();

  get isPaused(): boolean {
    return this.#gate !== undefined;
  }

  /** The part of full speed: 1, 1/2, 1/4, ... */
  get share(): number {
    return 1 / 2 ** this.#steps;
  }

  /** Nothing more is begun until {@linkcode goOn}. */
  pause(): void {
    this.#gate ??= Promise.withResolvers();
    this.#changed();
  }

  goOn(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
    this.#changed();
  }

  slower(): void {
    this.#steps = Math.min(this.#steps + 1, SLOWEST);
    this.#changed();
  }

  faster(): void {
    this.#steps = Math.max(this.#steps - 1, 0);
    this.#changed();
  }

  /** How many of at most so many things are done at once. */
  atOnce(most: number): number {
    return Math.max(1, Math.floor(most * this.share));
  }

  /** Waits while it is paused, and as long as what was done last is to be rested from. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#gate !== undefined) await orAborted(this.#gate.promise, signal);
      const restMs = this.#rest();
      if (this.#gate === undefined && restMs <= 0) return;
      if (restMs > 0) await this.#changeOr(restMs, signal);
    }
  }

  /** Work of so many milliseconds is over; it is rested from so that it takes its share of the time. */
  worked(milliseconds: number): void {
    this.#last = { endedAt: performance.now(), milliseconds };
  }

  /** Calls the listener after each change, until it is disposed of. */
  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Milliseconds that are left of a rest. */
  #rest(): number {
    const { endedAt, milliseconds } = this.#last;
    return endedAt + milliseconds * (1 / this.share - 1) - performance.now();
  }

  async #changeOr(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _watch = this.watch(resolve);
    const timer = setTimeout(resolve, milliseconds);
    try {
      await orAborted(promise, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
