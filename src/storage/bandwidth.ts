import { setTimeout as delay } from "node:timers/promises";

/**
 * Holds bytes back to so many a second, over all who share it. What is taken at once may be more
 * than a second's worth; those who come later wait the longer.
 */
export class BandwidthLimit {
  readonly #bytesPerMs: number;
  readonly #now: () => number;
  /** When all that was taken so far is through. */
  #freeAt = 0;

  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#now = now;
  }

  /** Waits until `bytes` may pass. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const waitMs = this.reserve(bytes);
    if (waitMs <= 0) return;
    try {
      await delay(waitMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** Milliseconds to wait before `bytes`, which count from now on, may pass. */
  reserve(bytes: number): number {
    const now = this.#now();
    const start = Math.max(now, this.#freeAt);
    this.#freeAt = start + bytes / this.#bytesPerMs;
    return start - now;
  }
}
