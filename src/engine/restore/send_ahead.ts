import type { Publisher } from "../../broker/amqp/publisher.ts";
import type { RateLimit } from "./rate_limit.ts";

/** A position is recorded at least so often while messages are confirmed, milliseconds. */
const RECORD_MS = 1_000;

/** Options of {@linkcode SendAhead}. */
export interface SendAheadOptions {
  /** Most messages between the recorded position and the last one sent. */
  readonly window: number;
  /** Most messages that are handed to the publisher at once. */
  readonly room: number;
  readonly limit: RateLimit;
  /** Records that so many messages are confirmed, and how many may have been sent beyond them. */
  readonly record: (confirmed: number, unsettled: number) => void;
}

/**
 * Records how far a publisher is, and before messages are sent that they may be: after a crash so many
 * may be there twice. At full speed that is the window, which is under way nearly always; a rate limit
 * lets out little at a time.
 */
export class SendAhead {
  readonly #publisher: Publisher;
  readonly #options: SendAheadOptions;
  /** Less than what the window lets out, or recording and publishing would wait for each other. */
  readonly #step: number;
  /** Messages that may be sent before more are recorded. */
  #allowed = 0;
  #recorded = 0;
  #recordedAt = performance.now();

  constructor(publisher: Publisher, options: SendAheadOptions) {
    this.#publisher = publisher;
    this.#options = options;
    this.#step = Math.max(1, Math.floor((options.window - options.room) / 4));
  }

  /** Called before so many messages are sent. */
  allow(messages: number): void {
    if (this.#publisher.sent + messages > this.#allowed) this.#recordFor(messages);
  }

  recordNow(): void {
    this.#recordFor(0);
  }

  /** Records where the last time was long ago; `progress` counts all that is done with. */
  recordIfFar(progress: number): void {
    const behind = progress - this.#recorded;
    const isLong = behind > 0 && performance.now() - this.#recordedAt > RECORD_MS;
    if (behind < this.#step && !isLong) return;
    this.#recorded = progress;
    this.#recordFor(0);
  }

  /** Records what is known of the end: so many messages may have arrived and are not confirmed. */
  record(unsettled: number): void {
    const { confirmed } = this.#publisher;
    this.#recordedAt = performance.now();
    this.#options.record(confirmed, unsettled);
    this.#publisher.release(confirmed);
    this.#allowed = confirmed + unsettled;
  }

  #recordFor(coming: number): void {
    const { sent, confirmed } = this.#publisher;
    const { limit, window } = this.#options;
    this.record(limit.isOn ? sent - confirmed + coming : window);
  }
}
