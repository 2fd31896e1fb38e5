import { setTimeout as delay } from "node:timers/promises";
import pRetry from "p-retry";
import { messageOf } from "../errors.ts";
import { CircuitBreaker, isTransient } from "./circuit_breaker.ts";

/** The store does not answer, and is waited for; told once an outage. */
export interface StorageWait {
  readonly location: string;
  /** What it did last, without secrets. */
  readonly problem: string;
  /** How long it is waited for, in seconds. */
  readonly patienceSeconds: number;
}

/** The words for it. */
export function waitWarning(wait: StorageWait): { message: string; hint: string } {
  return {
    message: `Waiting for the storage ${wait.location}: ${wait.problem}`,
    hint: `it is tried again for ${wait.patienceSeconds} s (storage.retry_max_secs)`,
  };
}

/** Options of {@linkcode Retrier}. */
export interface RetryOptions {
  readonly location: string;
  /** How long one request is tried again. */
  readonly patienceMs: number;
  /** Ends all waiting. */
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((wait: StorageWait) => void) | undefined;
  /** First pause; default 250 ms. It doubles, with jitter, up to `longestPauseMs`. */
  readonly firstPauseMs?: number;
  /** Default 10 s. */
  readonly longestPauseMs?: number;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A hiccup shorter than this is not told. */
const TOLD_AFTER_MS = 3000;

/**
 * The one place where requests to object stores are sent again: after transient failures only, with
 * growing pauses, or such as the service asks for, as long as patience lasts. The clouds' own
 * libraries send each request once.
 */
export class Retrier {
  readonly #options: RetryOptions;
  readonly #breaker: CircuitBreaker;
  #told = false;

  constructor(options: RetryOptions) {
    this.#options = options;
    const { firstPauseMs = FIRST_PAUSE_MS, longestPauseMs = LONGEST_PAUSE_MS } = options;
    this.#breaker = new CircuitBreaker({ firstPauseMs, longestPauseMs });
  }

  /**
   * @param work throws an {@linkcode ObjectFailure}
   * @throws what the last try threw, or the reason of a signal
   */
  async run<T>(
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { patienceMs, firstPauseMs, longestPauseMs } = this.#options;
    const all = this.signalOf(signal);
    const start = performance.now();
    const turn = { signal: all, until: start + patienceMs };
    const result = await pRetry(() => this.#breaker.run(() => work(all), turn), {
      retries: Infinity,
      maxRetryTime: patienceMs,
      minTimeout: firstPauseMs ?? FIRST_PAUSE_MS,
      maxTimeout: longestPauseMs ?? LONGEST_PAUSE_MS,
      randomize: true,
      shouldRetry: ({ error }) => isTransient(error),
      onFailedAttempt: async ({ error, retryDelay }) => {
        if (!isTransient(error)) return;
        const waitedMs = performance.now() - start;
        const pauseMs = Math.min(error.retryAfterMs ?? 0, patienceMs - waitedMs);
        if (waitedMs + pauseMs + retryDelay >= TOLD_AFTER_MS) this.#tell(error);
        if (pauseMs > 0) await delay(pauseMs, undefined, { signal: all });
      },
      signal: all,
    }).catch((error) => {
      all.throwIfAborted();
      throw error;
    });
    this.#told = false;
    return result;
  }

  /** The signal of one request and that of the whole store. */
  signalOf(signal: AbortSignal | undefined): AbortSignal {
    const { signal: whole } = this.#options;
    const given = [signal, whole].filter((one) => one !== undefined);
    return given.length === 1 ? given[0]! : AbortSignal.any(given); // of none: never
  }

  #tell(error: unknown): void {
    const { location, patienceMs, onWait } = this.#options;
    if (this.#told) return;
    this.#told = true;
    onWait?.({ location, problem: messageOf(error), patienceSeconds: patienceMs / 1000 });
  }
}
