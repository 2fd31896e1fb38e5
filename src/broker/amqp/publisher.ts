import { AppError } from "../../errors.ts";
import type { BrokerConnection, NumberedConfirmChannel } from "./connection.ts";
import {
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_METHOD,
  FRAME_OVERHEAD,
  METHOD,
} from "./frame.ts";
import { publishError } from "./publish_error.ts";
import { ReturnMatcher } from "./return_matcher.ts";

/** The exchange that routes by the queue's name, as {@linkcode Publish} takes it. */
export const DEFAULT_EXCHANGE = new Uint8Array(0);

/** Frames are handed to the socket in pieces of about this size. */
const BATCH_BYTES = 128 * 1024;

/** Where one message goes, and what its content header holds. */
export interface Publish {
  /** Exchange and routing key as bytes. */
  exchange: Uint8Array;
  routingKey: Uint8Array;
  /** Property flags and list, verbatim. */
  properties: Uint8Array;
  bodySize: number;
}

/** Options of {@linkcode Publisher}. */
export interface PublisherOptions {
  /** Most messages sent beyond the released position. */
  window: number;
  /** Hears each advance of {@linkcode Publisher.confirmed}. Must not throw. */
  onConfirmed: (confirmed: number) => void;
  /** Where the messages go, for errors: `queue "orders" of vhost "/"`. */
  target?: string;
  /**
   * Hears, in any order, the place of each message that the target rejected (nack), and counts it as
   * confirmed. Without it the first such message ends publishing.
   */
  onRejected?: (place: number) => void;
  /**
   * The same for messages that no queue took. It costs a checksum of every message: a return does not
   * say which message it is about.
   */
  onUnroutable?: (place: number) => void;
}

/**
 * Publishes messages with raw properties on a confirm channel, `mandatory`, with a sliding window.
 *
 * `begin`, `body`… , `end` write one message; `flow` waits until more may be sent. Messages are
 * counted from 1 in the order they were begun. The window is measured from the *released* position,
 * which the caller moves when it has recorded the confirms: what lies beyond it may be published
 * again after a crash.
 */
export class Publisher {
  readonly #connection: BrokerConnection;
  readonly #options: PublisherOptions;
  readonly #maxPayload: number;
  /** How errors begin. */
  readonly #cannot: string;
  #channel!: NumberedConfirmChannel;
  #sent = 0;
  #confirmed = 0;
  #released = 0;
  /** Confirms ahead of the contiguous ones. */
  readonly #ahead = new Set<number>();
  /** Messages that the target nacked: they are in no queue. */
  readonly #rejected = new Set<number>();
  /** Messages whose last byte has gone to the socket. */
  #flushed = 0;
  #batch = new Uint8Array(BATCH_BYTES);
  #view = new DataView(this.#batch.buffer);
  #used = 0;
  #bodyLeft = 0;
  #draining: Promise<void> | undefined;
  #failure: AppError | undefined;
  /** No more confirms come, or none that would tell anything. */
  #isDeaf = false;
  readonly #returns: ReturnMatcher | undefined;
  /** What the broker said of a returned message that nobody wants to hear of. */
  #returned: string | undefined;
  #forget: () => void = () => {};
  #wake: () => void = () => {};

  constructor(connection: BrokerConnection, options: PublisherOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#maxPayload = connection.tap.frameMax - FRAME_OVERHEAD;
    const { target, window, onUnroutable } = options;
    this.#returns = onUnroutable === undefined ? undefined : new ReturnMatcher(window);
    this.#cannot = target === undefined ? "Cannot publish" : `Cannot publish to ${target}`;
  }

  /** Opens the confirm channel. */
  async open(): Promise<void> {
    this.#channel = await this.#connection.openConfirmChannel((error) =>
      this.#end(publishError(error, this.#cannot))
    );
    this.#forget = this.#connection.onLost((error) => this.#end(error));
    this.#connection.tap.tapConfirms(this.#channel.ch, {
      confirm: (tag, { multiple, ack }) => this.#confirm(tag, multiple, ack),
      returned: (head) => {
        this.#returns?.returned(head);
        if (this.#returns === undefined) this.#returned = `${head.code} ${head.text}`;
      },
      returnedBody: (chunk) => this.#returns?.returnedBody(chunk),
      returnedEnd: () => this.#tellUnroutable(),
    });
  }

  /** Messages sent, messages confirmed without a gap, and messages recorded by the caller. */
  get sent(): number {
    return this.#sent;
  }
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Messages beyond the confirmed position that may be in the target all the same. */
  get unsettled(): number {
    return this.#flushed - this.#confirmed - this.#rejected.size;
  }

  /** Records that everything up to `position` is safe; opens the window accordingly. */
  release(position: number): void {
    this.#released = position;
    this.#wake();
  }

  /** Starts a message; `bodySize` bytes of {@linkcode body} and one {@linkcode end} must follow. */
  begin(message: Publish): void {
    const { exchange, routingKey, properties, bodySize } = message;
    if (12 + properties.length > this.#maxPayload) {
      throw new AppError(
        "refused",
        `${this.#cannot}: a message's properties are ${properties.length} bytes, more than the ` +
          `target's frame_max of ${this.#maxPayload + FRAME_OVERHEAD} can carry`,
        { hint: "raise frame_max on the target broker" },
      );
    }
    const methodSize = 9 + exchange.length + routingKey.length;
    this.#reserve(methodSize + 12 + properties.length + 2 * FRAME_OVERHEAD);
    this.#frameHead(FRAME_METHOD, methodSize);
    this.#u32(METHOD.basicPublish);
    this.#u16(0);
    this.#shortString(exchange);
    this.#shortString(routingKey);
    this.#u8(1); // mandatory
    this.#u8(FRAME_END);
    this.#frameHead(FRAME_HEADER, 12 + properties.length);
    this.#u32(60 << 16);
    this.#u32(Math.floor(bodySize / 0x1_0000_0000));
    this.#u32(bodySize >>> 0);
    this.#bytes(properties);
    this.#u8(FRAME_END);
    this.#bodyLeft = bodySize;
    this.#returns?.begin(message);
  }

  /** A piece of the body, of any size. */
  body(chunk: Uint8Array): void {
    if (chunk.length > this.#bodyLeft) throw new RangeError("Cannot publish: body too long");
    this.#bodyLeft -= chunk.length;
    for (let offset = 0; offset < chunk.length;) {
      const piece = chunk.subarray(offset, offset + this.#maxPayload);
      this.#reserve(piece.length + FRAME_OVERHEAD);
      this.#frameHead(FRAME_BODY, piece.length);
      this.#bytes(piece);
      this.#u8(FRAME_END);
      offset += piece.length;
    }
    this.#returns?.body(chunk);
  }

  /** Ends the message. */
  end(): void {
    if (this.#bodyLeft !== 0) throw new RangeError("Cannot publish: body too short");
    this.#sent++;
    this.#returns?.end(this.#sent);
  }

  /**
   * Waits until the socket takes more and at least `room` messages fit into the window.
   * Throws when the connection or channel is gone, the target nacked a message or had no queue.
   */
  async flow(room: number, signal: AbortSignal): Promise<void> {
    const limit = Math.max(this.#options.window - room, 0);
    for (;;) {
      this.#check(signal);
      if (this.#draining !== undefined) {
        await this.#wait(signal, this.#draining);
        continue;
      }
      if (this.#sent - this.#released <= limit) return;
      this.#flush();
      if (this.#sent - this.#released > limit) await this.#wait(signal);
    }
  }

  /** Sends what is buffered. */
  flush(): void {
    this.#flush();
  }

  /** Sends what is buffered and waits until every message is confirmed. */
  async finish(signal: AbortSignal): Promise<void> {
    this.#flush();
    while (this.#confirmed < this.#sent) {
      this.#check(signal);
      await this.#wait(signal);
    }
    this.#check(signal);
  }

  /**
   * Waits at most `milliseconds` for the answers to what has gone to the socket, so that a stopped
   * run knows where it stands. A message that was begun and not ended is dropped with the channel,
   * and after a nack also what was not sent yet.
   */
  async settle(milliseconds: number): Promise<void> {
    const signal = AbortSignal.timeout(milliseconds);
    if (this.#bodyLeft === 0 && this.#failure === undefined) this.#flush();
    while (!this.#isDeaf && !signal.aborted && this.unsettled > this.#ahead.size) {
      await this.#wait(signal);
    }
  }

  /** Closes the channel if it is open; what was not confirmed may or may not have arrived. */
  async close(): Promise<void> {
    this.#isDeaf = true;
    this.#forget();
    if (!this.#connection.isOpen) return;
    // In the middle of a message a channel cannot be closed, only the connection (section 4.2.6).
    if (this.#bodyLeft > 0) return await this.#connection.close();
    await this.#connection.closeChannel(this.#channel).catch(() => {});
    // Not before: half of a returned message would reach amqplib, which ends the connection over it.
    this.#connection.tap.untap(this.#channel.ch);
  }

  #check(signal: AbortSignal): void {
    if (this.#failure !== undefined) throw this.#failure;
    signal.throwIfAborted();
  }

  /** Waits for a confirm, a failure, a release, the signal, or `other`. */
  async #wait(signal: AbortSignal, other?: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    other?.then(resolve);
    signal.addEventListener("abort", this.#wake);
    await promise;
    signal.removeEventListener("abort", this.#wake);
    this.#wake = () => {};
  }

  #fail(error: AppError): void {
    this.#failure ??= error;
    this.#wake();
  }

  #end(error: AppError): void {
    this.#isDeaf = true;
    this.#fail(error);
  }

  #confirm(tag: number, multiple: boolean, ack: boolean): void {
    if (this.#isDeaf) return;
    // What no queue took is acked as well, perhaps with others: nothing is known from here on.
    if (this.#returned !== undefined) return this.#end(this.#unroutable(this.#returned));
    if (!ack && this.#options.onRejected === undefined) return this.#reject(tag, multiple);
    const before = this.#confirmed;
    if (!ack) this.#tellRejected(tag, multiple);
    else if (multiple) this.#ackUpTo(tag);
    else if (tag === this.#confirmed + 1) this.#confirmed = tag;
    else this.#ahead.add(tag);
    while (this.#ahead.delete(this.#confirmed + 1)) this.#confirmed++;
    if (this.#confirmed > before) this.#options.onConfirmed(this.#confirmed);
    if (this.#confirmed > before || this.#failure !== undefined) this.#wake();
  }

  #ackUpTo(tag: number): void {
    if (this.#rejected.size === 0) {
      for (const ahead of this.#ahead) if (ahead <= tag) this.#ahead.delete(ahead);
      if (tag > this.#confirmed) this.#confirmed = tag;
      return;
    }
    // "All up to" means those that were not answered yet; the rejected ones were.
    for (let one = this.#confirmed + 1; one <= tag; one++) {
      if (!this.#rejected.has(one)) this.#ahead.add(one);
    }
  }

  #tellRejected(tag: number, multiple: boolean): void {
    for (let one = multiple ? this.#confirmed + 1 : tag; one <= tag; one++) {
      if (this.#ahead.has(one)) continue;
      this.#ahead.add(one);
      this.#options.onRejected!(one);
    }
  }

  #tellUnroutable(): void {
    if (this.#returns === undefined || this.#isDeaf) return;
    const place = this.#returns.returnedEnd({ confirmed: this.#confirmed, sent: this.#sent });
    if (place !== undefined) return this.#options.onUnroutable!(place);
    const problem = "no queue took a message, and which one cannot be told";
    this.#end(
      new AppError("failed", `${this.#cannot}: ${problem}`, {
        hint: "does the target change messages (message interceptors)? " +
          "restore with publish_mode direct-to-queue",
      }),
    );
  }

  /** Confirms of the messages before it may be yet to come: a nack is quicker than a disk. */
  #reject(tag: number, multiple: boolean): void {
    for (let one = multiple ? this.#confirmed + 1 : tag; one <= tag; one++) {
      if (!this.#ahead.has(one)) this.#rejected.add(one);
    }
    this.#fail(
      new AppError("broker_denied", `${this.#cannot}: the target rejects messages (nack)`, {
        hint: "its max-length with overflow reject-publish may be reached; make room and run again",
      }),
    );
  }

  #unroutable(text: string): AppError {
    return new AppError("broker_missing", `${this.#cannot}: no queue took a message (${text})`, {
      hint: "was the queue deleted? run the same command again to go on",
    });
  }

  #reserve(size: number): void {
    if (this.#used + size <= this.#batch.length) return;
    this.#flush();
    if (size > this.#batch.length) this.#newBatch(size);
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#flushed = this.#sent;
    const bytes = this.#batch.subarray(0, this.#used);
    this.#newBatch(BATCH_BYTES);
    const drained = this.#connection.tap.write(bytes);
    if (drained === undefined) return;
    const draining = drained.then(() => {
      if (this.#draining === draining) this.#draining = undefined;
    });
    this.#draining = draining;
  }

  #newBatch(size: number): void {
    this.#batch = new Uint8Array(Math.max(size, BATCH_BYTES));
    this.#view = new DataView(this.#batch.buffer);
    this.#used = 0;
  }

  #frameHead(type: number, size: number): void {
    this.#u8(type);
    this.#u16(this.#channel.ch);
    this.#u32(size);
  }
  #u8(value: number): void {
    this.#batch[this.#used++] = value;
  }
  #u16(value: number): void {
    this.#view.setUint16(this.#used, value);
    this.#used += 2;
  }
  #u32(value: number): void {
    this.#view.setUint32(this.#used, value);
    this.#used += 4;
  }
  #shortString(value: Uint8Array): void {
    this.#u8(value.length);
    this.#bytes(value);
  }
  #bytes(value: Uint8Array): void {
    this.#batch.set(value, this.#used);
    this.#used += value.length;
  }
}
