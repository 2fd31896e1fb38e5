import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import type { EventSink } from "../events.ts";

/** Attempts in a row that may bring nothing. */
const ATTEMPTS = 6;
/** The first pause, milliseconds; each is twice as long as the one before. */
const PAUSE_MS = 500;

/** Decides whether a lost connection is tried again: a stream goes on at an offset. */
export class Retry {
  readonly #emit: EventSink;
  readonly #signal: AbortSignal;
  readonly #queue: { vhost: string; name: string };
  #failed = 0;

  constructor(
    { emit, signal }: { emit: EventSink; signal: AbortSignal },
    queue: { vhost: string; name: string },
  ) {
    this.#emit = emit;
    this.#signal = signal;
    this.#queue = queue;
  }

  /**
   * Waits a while, so that it can be tried again; throws the error when it is none of a connection, or
   * too many attempts have brought nothing.
   */
  async orThrow(error: unknown, { hasProgressed }: { hasProgressed: boolean }): Promise<void> {
    this.#signal.throwIfAborted();
    if (!isOfConnection(error)) throw error;
    this.#failed = hasProgressed ? 1 : this.#failed + 1;
    if (this.#failed >= ATTEMPTS) throw error;
    const { vhost, name } = this.#queue;
    this.#emit({
      type: "warning",
      vhost,
      queue: name,
      message: `Stream "${name}" is tried again: ${error.message.replace(/^Cannot /, "cannot ")}`,
    });
    await delay(PAUSE_MS * 2 ** (this.#failed - 1), undefined, { signal: this.#signal });
  }
}

/** Runs something once more for as long as it is the connection that fails. */
export async function retrying<T>(
  context: { emit: EventSink; signal: AbortSignal },
  queue: { vhost: string; name: string },
  work: () => Promise<T>,
): Promise<T> {
  const retry = new Retry(context, queue);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await retry.orThrow(error, { hasProgressed: false });
    }
  }
}

/** Also a chunk that came damaged: it is asked for once more. */
function isOfConnection(error: unknown): error is AppError {
  return error instanceof AppError && ["broker_unreachable", "damaged"].includes(error.code);
}
