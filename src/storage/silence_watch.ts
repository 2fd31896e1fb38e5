/** Options of {@linkcode SilenceWatch}. */
export interface SilenceOptions {
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told once, when nothing came for too long or the signal aborted. */
  readonly onEnd: (reason: Error) => void;
}

/** Ends an exchange when nothing moves while something is waited for, or when a signal says so. */
export class SilenceWatch implements Disposable {
  readonly #options: SilenceOptions;
  readonly #onAbort = () => this.#end(asError(this.#options.signal?.reason));
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Why it was ended. */
  reason: Error | undefined;

  constructor(options: SilenceOptions) {
    this.#options = options;
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted) this.#onAbort();
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** From now on something has to come within the time. */
  arm(): void {
    this.disarm();
    const { silenceMs } = this.#options;
    this.#timer = setTimeout(() => {
      this.#end(new Error(`nothing moved for ${silenceMs / 1000} s`));
    }, silenceMs);
  }

  /** Nothing is waited for. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.disarm();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  #end(reason: Error): void {
    this.disarm();
    this.reason ??= reason;
    this.#options.onEnd(reason);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
