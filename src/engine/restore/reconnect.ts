import pRetry, { AbortError } from "p-retry";
import type { AppError } from "../../errors.ts";
import type { EventSink } from "../events.ts";
import {
  FIRST_PAUSE_MS,
  gaveUp,
  isLoss,
  LONGEST_PAUSE_MS,
  waitingFor,
} from "../lost_connection.ts";

const WHAT = "the restore";
/** A connection that is lost so often without one message getting through is no good. */
const FRUITLESS = 10;

/** Options of {@linkcode Reconnector}. */
export interface ReconnectorOptions {
  /** How long to try, seconds; 0: not at all. */
  seconds: number;
  /** Opens a connection to a vhost, or throws. */
  connect: (vhost: string) => Promise<void>;
  emit: EventSink;
  signal: AbortSignal;
}

/** Does work again when the connection under it was lost, once there is one again. */
export class Reconnector {
  /** How often all queues had been connected and were not. */
  outages = 0;
  readonly #options: ReconnectorOptions;
  #waiting = 0;

  constructor(options: ReconnectorOptions) {
    this.#options = options;
  }

  /**
   * Runs `work`, and after each loss of the connection once more; `progress` is asked whether anything
   * was done before it. Throws what `work` throws otherwise, `broker_unreachable` when the broker does
   * not come back in time, or the signal's reason.
   */
  async run<T>(
    vhost: string,
    options: { work: () => Promise<T>; progress: () => number },
  ): Promise<T> {
    const { work, progress } = options;
    for (let fruitless = 0;;) {
      const before = progress();
      try {
        return await work();
      } catch (error) {
        fruitless = progress() > before ? 0 : fruitless + 1;
        if (!isLoss(error) || this.#options.seconds === 0) throw error;
        this.#options.signal.throwIfAborted();
        if (fruitless >= FRUITLESS) throw gaveUp(WHAT, "it is lost again and again", error);
        await this.#connect(vhost, error);
      }
    }
  }

  async #connect(vhost: string, loss: AppError): Promise<void> {
    const { seconds, connect, emit, signal } = this.#options;
    if (this.#waiting++ === 0) {
      this.outages++;
      emit({ type: "warning", message: waitingFor(loss, seconds) });
    }
    try {
      await pRetry(() => connect(vhost).catch(stopUnlessLoss), {
        retries: Infinity,
        minTimeout: FIRST_PAUSE_MS,
        maxTimeout: LONGEST_PAUSE_MS,
        maxRetryTime: seconds * 1000,
        randomize: true,
        signal,
      });
      if (this.#waiting === 1) emit({ type: "step", message: "Connected again" });
    } catch (error) {
      throw isLoss(error) ? gaveUp(WHAT, `no connection for ${seconds} s`, error) : error;
    } finally {
      this.#waiting--;
    }
  }
}

/** A broker that answers and refuses will not change its mind by being asked again. */
function stopUnlessLoss(error: unknown): never {
  throw isLoss(error) || !(error instanceof Error) ? error : new AbortError(error);
}
