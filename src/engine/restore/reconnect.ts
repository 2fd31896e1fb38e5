import pRetry, { AbortError } from "p-retry";
import { AppError } from "../../errors.ts";
import type { EventSink } from "../events.ts";

/** Between two tries, milliseconds: twice as long each time, and up to twice that by chance. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
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
        if (fruitless >= FRUITLESS) throw gaveUp(error, `it is lost again and again`);
        await this.#connect(vhost, error);
      }
    }
  }

  async #connect(vhost: string, loss: AppError): Promise<void> {
    const { seconds, connect, emit, signal } = this.#options;
    if (this.#waiting++ === 0) {
      this.outages++;
      emit({
        type: "warning",
        message: `${loss.message.replace(/^Cannot go on with/, "Waiting for")}; trying for up to ` +
          `${seconds} s to connect again`,
      });
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
      throw isLoss(error) ? gaveUp(error, `no connection for ${seconds} s`) : error;
    } finally {
      this.#waiting--;
    }
  }
}

function isLoss(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "broker_unreachable";
}

/** A broker that answers and refuses will not change its mind by being asked again. */
function stopUnlessLoss(error: unknown): never {
  throw isLoss(error) || !(error instanceof Error) ? error : new AbortError(error);
}

function gaveUp(error: AppError, why: string): AppError {
  return new AppError(
    "broker_unreachable",
    `Cannot go on with the restore: ${why} (${error.message})`,
    {
      cause: error,
      hint: "run the same command again to go on where it stopped",
      canGoOn: true,
    },
  );
}
