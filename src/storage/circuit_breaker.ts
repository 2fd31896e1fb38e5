import { setTimeout as delay } from "node:timers/promises";
import { ObjectFailure } from "./object_driver.ts";

/** So many failures in a row, of whatever requests, and the store is taken to be away. */
const OPENS_AFTER = 5;

/** Options of {@linkcode CircuitBreaker}, milliseconds. */
export interface BreakerOptions {
  /** Between two tries to reach a store that is away; doubles, with jitter, up to `longestPauseMs`. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** How long a request waits for its turn. */
export interface Turn {
  readonly signal: AbortSignal;
  /** On the clock of `performance.now()`: then it fails as the last one did. */
  readonly until: number;
}

/** Whether trying again may help. */
export function isTransient(error: unknown): error is ObjectFailure {
  return error instanceof ObjectFailure && error.kind === "transient";
}

/**
 * Keeps a store that is away, or throttles, from being asked by all requests of a run at once: while it
 * is, one request at a time tries, the others wait, and all go on with the first that succeeds. So an
 * outage pauses the run. Where the store asks to be left alone for a time, that holds for all.
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #last: ObjectFailure | undefined;
  #isTried = false;
  #pauseMs: number;
  #nextTryAt = 0;
  #change = Promise.withResolvers<void>();

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#pauseMs = options.firstPauseMs;
  }

  /** Does a request when its turn comes. Throws what it throws, or the reason of the signal. */
  async run<T>(work: () => Promise<T>, turn: Turn): Promise<T> {
    const isTry = await this.#awaitTurn(turn);
    try {
      const result = await work();
      this.#answered();
      return result;
    } catch (error) {
      if (isTransient(error)) this.#failed(error);
      else if (error instanceof ObjectFailure) this.#answered();
      throw error;
    } finally {
      if (isTry) this.#endTry();
    }
  }

  /** Returns whether the request is the one that tries. */
  async #awaitTurn(turn: Turn): Promise<boolean> {
    while (this.#failures >= OPENS_AFTER) {
      if (this.#isTried) {
        await this.#within(turn, this.#change.promise);
        continue;
      }
      this.#isTried = true;
      try {
        const pauseMs = this.#nextTryAt - performance.now();
        if (pauseMs > 0) await this.#within(turn, undefined, pauseMs);
        return true;
      } catch (error) {
        this.#endTry();
        throw error;
      }
    }
    return false;
  }

  /** Waits for the event, or so long; throws when the turn's time is over before. */
  async #within(turn: Turn, event: Promise<void> | undefined, pauseMs = Infinity): Promise<void> {
    const leftMs = Math.max(0, turn.until - performance.now());
    const done = new AbortController();
    const signal = AbortSignal.any([turn.signal, done.signal]);
    const timer = delay(Math.min(leftMs, pauseMs), "timer" as const, { signal });
    timer.catch(() => {});
    try {
      const first = await (event === undefined ? timer : Promise.race([timer, event]));
      if (first === "timer" && pauseMs > leftMs) throw this.#last;
    } catch (error) {
      turn.signal.throwIfAborted();
      throw error;
    } finally {
      done.abort();
    }
  }

  #answered(): void {
    this.#failures = 0;
    this.#pauseMs = this.#options.firstPauseMs;
    this.#tellChange();
  }

  #failed(error: ObjectFailure): void {
    this.#failures++;
    this.#last = error;
    const pauseMs = Math.max(this.#pauseMs * (0.5 + Math.random() / 2), error.retryAfterMs ?? 0);
    this.#nextTryAt = performance.now() + pauseMs;
    if (this.#failures >= OPENS_AFTER) {
      this.#pauseMs = Math.min(2 * this.#pauseMs, this.#options.longestPauseMs);
    }
  }

  #endTry(): void {
    this.#isTried = false;
    this.#tellChange();
  }

  #tellChange(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
