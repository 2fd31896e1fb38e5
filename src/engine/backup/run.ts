import { setTimeout as sleep } from "node:timers/promises";
import { requireStorage } from "../../config/config.ts";
import { isVolatile } from "../../config/storage.ts";
import { AppError, RUN_AGAIN } from "../../errors.ts";
import type { EventSink, SummaryEvent } from "../events.ts";
import {
  FIRST_PAUSE_MS,
  gaveUp,
  isLoss,
  LONGEST_PAUSE_MS,
  waitingFor,
} from "../lost_connection.ts";
import { queueKey } from "../queue_key.ts";
import { type RunOptions, takeBackup } from "./backup.ts";

const WHAT = "the backup";
/** Each reading may cost a delivery attempt, so one that is lost so often is given up. */
const FRUITLESS = 3;

/** One try: it says when it may be gone on with, as there is something to go on with. */
export type Attempt = (
  options: RunOptions & { onBegun: () => void },
) => Promise<SummaryEvent>;

/**
 * Takes a backup, and when the connection is lost on the way goes on with it as the same command
 * would: the plan is made again by what the broker says then, so a queue that another reading could
 * harm is refused. Throws as {@linkcode takeBackup} does.
 */
export async function runBackup(
  options: RunOptions,
  attempt: Attempt = takeBackup,
): Promise<SummaryEvent> {
  const { config, signal } = options;
  // Memory has lost what there was, and the rest would look like a whole backup.
  const isLasting = !isVolatile(requireStorage(config));
  const forSeconds = config.backup.reconnect_secs;
  const events = new NewsOnly(options.emit);
  const patience = new Patience(forSeconds);
  const startedAt = performance.now();
  // Once: whoever takes the lock while we wait means it.
  let { breakLock = false } = options;
  for (;;) {
    const before = events.queuesDone;
    let isBegun = false;
    const onBegun = () => isBegun = true;
    try {
      const summary = await attempt({ ...options, breakLock, emit: events.emit, onBegun });
      const seconds = (performance.now() - startedAt) / 1000;
      return { ...summary, seconds, reconnects: patience.outages };
    } catch (error) {
      if (!isLoss(error) || !isLasting || signal.aborted) throw error;
      if (!isBegun && patience.outages === 0) throw error;
      if (forSeconds === 0) throw stopped(error);
      const { isNew, pauseMs } = patience.after(error, {
        isBegun,
        isFruitful: events.queuesDone > before,
      });
      if (isNew) options.emit({ type: "warning", message: waitingFor(error, forSeconds) });
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      events.isAgain = true;
      breakLock = false;
    }
  }
}

/** How long, and how often, it is tried again. */
class Patience {
  /** Losses, but for those that came before anything else did. */
  outages = 0;
  readonly #seconds: number;
  #until = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #fruitless = 0;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** After a loss: how long to wait now, milliseconds. Throws when that is enough. */
  after(
    error: AppError,
    { isBegun, isFruitful }: { isBegun: boolean; isFruitful: boolean },
  ): { isNew: boolean; pauseMs: number } {
    const now = performance.now();
    const isNew = this.outages === 0 || isFruitful;
    if (isNew) {
      this.outages++;
      this.#fruitless = 0;
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#until = now + this.#seconds * 1000;
    }
    if (isBegun && ++this.#fruitless > FRUITLESS) {
      throw gaveUp(WHAT, "it is lost again and again", error);
    }
    const pauseMs = this.#pauseMs;
    if (now + pauseMs > this.#until) {
      throw gaveUp(WHAT, `no connection for ${this.#seconds} s`, error);
    }
    this.#pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    return { isNew, pauseMs };
  }
}

/** What a try tells, without what an earlier one has told already. */
class NewsOnly {
  /** Queues that are in the backup. */
  queuesDone = 0;
  isAgain = false;
  readonly #told = new Set<string>();
  readonly #emit: EventSink;

  constructor(emit: EventSink) {
    this.#emit = emit;
  }

  readonly emit: EventSink = (event) => {
    if (event.type === "warning" && !this.#isNew(event.message)) return;
    if (event.type === "queue_done") {
      const { vhost, queue: name, outcome } = event;
      if (outcome === "ok") this.queuesDone++;
      const isDone = outcome === "ok" || outcome === "resumed";
      if (!this.#isNew(JSON.stringify([queueKey({ vhost, name }), isDone || event.reason]))) return;
    }
    this.#emit(event);
  };

  /** Within one try everything is told. */
  #isNew(key: string): boolean {
    if (this.isAgain && this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }
}

/** Whatever it was lost at: a hint about that would be of no help any more. */
function stopped(error: AppError): AppError {
  return new AppError(error.code, error.message, { cause: error.cause, hint: RUN_AGAIN });
}
