import { AppError, messageOf } from "../../errors.ts";
import { noLeader, queueError, QueueInspector } from "./queue_inspector.ts";
import type { BrokerConnection, NumberedChannel } from "./connection.ts";
import type { DeliveryHead, DeliveryTap } from "./content_tap.ts";
import { deliveryCount } from "../../message/broker_headers.ts";

/** The most one consumer can have unacknowledged: prefetch is a 16-bit number. */
export const LARGEST_WINDOW = 65_535;

/**
 * Windows on one channel. When a channel ends, by our will or not, the broker takes its messages back
 * consumer by consumer: in the order of their tags (3.10) or of their coming (4.x), as long as Erlang
 * keeps a map sorted, which is up to 32 entries. Windows on channels of their own would go back in the
 * order in which the broker notices their ends, which is no order at all.
 */
export const WINDOWS_PER_CHANNEL = 32;

/** How long to wait for one channel's messages to show in the queue before the next is closed. */
const RETURN_MS = 5_000;

/** How often is looked whether a stopped reader may return what it holds, milliseconds. */
const READ_ON_MS = 20;

/** How often in a row messages may be ready while none arrives. */
const MAX_STALLS = 20;

/** Ways to give unacknowledged messages back; which is right depends on broker and queue type. */
export type ReturnMethod = "recover" | "channel_close" | "nack" | "reject" | "get";

const OWN_TAG = "rabbitmq-backup-";

/** Whether a consumer of that tag is a {@linkcode QueueReader}. */
export function isOwnConsumer(tag: string): boolean {
  return tag.startsWith(OWN_TAG);
}

/** Options of {@linkcode QueueReader}. */
export interface QueueReaderOptions {
  queue: string;
  /** How many messages to hold at most. */
  limit: number;
  /** Reading ends when no message is ready, also while new ones keep coming; else when none comes. */
  untilDrained?: boolean;
  /** Reading ends at so many; beyond it only what has to go back with them is read. */
  enough?: number;
  /** Messages per consumer, at most {@linkcode LARGEST_WINDOW}. */
  window: number;
  returnMethod: ReturnMethod;
  /**
   * The queue keeps what was returned in a line of its own, in front of the rest (quorum queues): what
   * is returned goes to the end of that line, so all of it has to be read before any of it goes back.
   */
  returnsLineUp?: boolean;
  /** `x-consumer-timeout` of our consumers, seconds; only quorum queues of 4.3 and newer know it. */
  consumerTimeoutSecs?: number;
  /** `x-priority` of our consumers: those with a higher one are served first. */
  priority?: number;
  /**
   * The broker drops what is returned, or lost by a crash, with this `x-delivery-count`. Such a message
   * ends reading.
   */
  exhausted?: {
    limit: number;
    /** Being returned costs nothing, so that all of them can go back as they came. */
    isFree: boolean;
    /**
     * Called before anything is returned, unless that is free, with the places of all of them, from 0
     * in the order of delivery; those that it gives back have a copy in the queue, and are
     * acknowledged.
     */
    rescue: (places: readonly number[]) => Promise<readonly number[]>;
  };
  /** How long nothing may arrive before the depth is asked again, milliseconds. */
  idleMs: number;
  signal: AbortSignal;
}

/** Why reading came to its end. */
export type ReadEnd = "limit" | "drained" | "stopped" | "exhausted";

/** A message that would be lost by being returned. */
interface Exhausted {
  readonly on: ReadChannel;
  readonly tag: number;
  readonly place: number;
  /** It has a copy in the queue. */
  isCopied: boolean;
}

/** Messages that would be lost by being returned. */
export interface ExhaustedCount {
  readonly exhausted: number;
  /** Of these, those that have a copy in the queue. */
  readonly rescued: number;
  /** The connection was lost before they had: places of those that the broker has dropped with it. */
  readonly cut?: readonly number[];
}

interface ReadChannel {
  readonly channel: NumberedChannel;
  /** Consumers that were started on it; at most one at a time is not cancelled. */
  windows: number;
  /** Of the consumer that is not cancelled; "" for none. */
  consumerTag: string;
  /** Messages delivered on it. */
  held: number;
  lastTag: number;
  /** The broker closed the channel, and has taken its messages back with that. */
  closed: boolean;
}

/**
 * Reads the messages of one queue without acknowledging them, hands them to a tap, and gives them
 * back. A consumer never gets more than its window: when that is full it is cancelled, which gives
 * nothing back, and the next one is started on the same channel. That keeps the queue's order, also
 * when the process dies, for as many windows as a channel may have.
 */
export class QueueReader {
  readonly #connection: BrokerConnection;
  readonly #options: QueueReaderOptions;
  readonly #sink: DeliveryTap;
  readonly #channels: ReadChannel[] = [];
  #received = 0;
  /** Frames of content so far: a large body may take long to be whole. */
  #activity = 0;
  #got = 0;
  /** Messages that were left behind the last one that was got. */
  #left = 0;
  /** How often in a row messages were ready and none arrived. */
  #stalls = 0;
  #windowLeft = 0;
  /** Whether the last message had been delivered before. */
  #lastRedelivered = false;
  #isStopped = false;
  #sawOthers = false;
  readonly #exhausted: Exhausted[] = [];
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(connection: BrokerConnection, sink: DeliveryTap, options: QueueReaderOptions) {
    this.#connection = connection;
    this.#sink = sink;
    this.#options = options;
  }

  /** Messages received so far; all of them are held. */
  get received(): number {
    return this.#received;
  }

  /** Whether the queue had another consumer when it ran dry, or another who gets messages. */
  get sawOthers(): boolean {
    return this.#sawOthers;
  }

  /** Ends reading early; what is held by then counts. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** Stops reading as if the run was interrupted; {@linkcode read} then throws `error`. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /**
   * Reads until `limit` or `enough` messages are held, the queue has no ready message left (others
   * consumed them), a message is exhausted, {@linkcode stop} is called or the signal aborts. Throws when the broker ends the channel or connection, cancels
   * the consumer, or delivers nothing although messages are ready. Call {@linkcode giveBack} after
   * it in any case: messages that are on their way still reach the tap, whole, until it returns.
   */
  async read(): Promise<ReadEnd> {
    const { signal, limit, enough = limit } = this.#options;
    const wake = () => this.#wake();
    const forget = this.#connection.onLost((error) => this.fail(error));
    signal.addEventListener("abort", wake);
    try {
      while (this.#received < Math.min(limit, enough)) {
        this.throwIfFailed();
        if (this.#exhausted.length > 0) return "exhausted";
        if (signal.aborted || this.#isStopped) return "stopped";
        if (this.#options.returnMethod === "get") {
          if (!await this.#get()) return "drained";
          continue;
        }
        if (this.#windowLeft === 0) await this.#nextWindow();
        const isQuiet = await this.#idle();
        if ((isQuiet || this.#options.untilDrained) && await this.#isDrained({ isQuiet })) {
          return "drained";
        }
      }
      this.throwIfFailed();
      return this.#exhausted.length > 0 ? "exhausted" : "limit";
    } finally {
      signal.removeEventListener("abort", wake);
      forget();
    }
  }

  /** Throws what went wrong, if anything did. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Gives everything back, in the way and order that keeps the queue's order, and returns when the
   * broker has confirmed it. After a lost connection there is nothing to do: the broker has taken
   * the messages back itself, but for those that were exhausted. Throws when a step is refused;
   * closing the connection is the way out.
   */
  async giveBack(): Promise<ExhaustedCount> {
    if (!this.#connection.isOpen) return this.#cut();
    try {
      await this.#readReturned();
      await this.#endWindow();
      const lost = await this.#rescue();
      for (const [index, one] of this.#channels.entries()) {
        const next = this.#channels[index + 1];
        await this.#returnAll(one, { settle: next !== undefined });
      }
      return lost;
    } catch (error) {
      // What ended the channel, or the connection, says more than that nothing can be done on it.
      this.throwIfFailed();
      const lost = this.#connection.lostBecause;
      if (lost !== undefined && this.#exhausted.length > 0) return this.#cut();
      if (lost !== undefined) throw lost;
      throw new AppError(
        "failed",
        `Cannot give the messages of queue "${this.#options.queue}" back in order: ${
          messageOf(error)
        }`,
        { cause: error, hint: "the broker takes them back when the connection closes" },
      );
    } finally {
      for (const { channel } of this.#channels) this.#connection.tap.untap(channel.ch);
      this.#channels.length = 0;
    }
  }

  /** What the end of the connection has cost. */
  #cut(): ExhaustedCount {
    const places = this.#exhausted.filter(({ isCopied }) => !isCopied).map(({ place }) => place);
    const { length: exhausted } = this.#exhausted;
    return { exhausted, rescued: exhausted - places.length, cut: places };
  }

  /** Reads on to the first message that was never returned, or to the end; see `returnsLineUp`. */
  async #readReturned(): Promise<void> {
    const { returnsLineUp, limit, idleMs } = this.#options;
    if (!returnsLineUp || this.#channels.some(({ closed }) => closed)) return;
    // Nothing of it goes back.
    const { isFree = true } = this.#options.exhausted ?? {};
    if (!isFree && this.#received === this.#exhausted.length) return;
    let before = this.#activity;
    let quietSince = performance.now();
    while (this.#lastRedelivered && this.#received < limit && this.#connection.isOpen) {
      if (this.#windowLeft === 0) await this.#nextWindow();
      await new Promise((resolve) => setTimeout(resolve, READ_ON_MS));
      if (this.#activity !== before) quietSince = performance.now();
      else if (performance.now() - quietSince > idleMs) return;
      before = this.#activity;
    }
  }

  /** Acknowledges what has a copy in the queue now; the rest of the exhausted is as good as lost. */
  async #rescue(): Promise<ExhaustedCount> {
    const { exhausted: option } = this.#options;
    const { length: exhausted } = this.#exhausted;
    if (option === undefined || option.isFree || exhausted === 0) return { exhausted, rescued: 0 };
    const places = new Set(await option.rescue(this.#exhausted.map(({ place }) => place)));
    for (const one of this.#exhausted) one.isCopied = places.has(one.place);
    for (const { on, tag, isCopied } of this.#exhausted) {
      if (!isCopied || on.closed) continue;
      on.channel.ack({ fields: { deliveryTag: tag } } as never);
      on.held--;
    }
    return { exhausted, rescued: places.size };
  }

  /** `settle`: return when the queue shows the messages, as more are to go back behind them. */
  async #returnAll(one: ReadChannel, options: { settle: boolean }): Promise<void> {
    if (one.closed) return;
    await using inspector = new QueueInspector(this.#connection);
    const depth = async () => (await inspector.depth(this.#options.queue)).ready;
    const before = options.settle ? await depth() : 0;
    await this.#return(one);
    const deadline = performance.now() + RETURN_MS;
    while (options.settle && performance.now() < deadline) {
      if (await depth() >= before + one.held) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #return({ channel, lastTag }: ReadChannel): Promise<void> {
    switch (this.#options.returnMethod) {
      case "recover":
        // recover-ok says that the broker is done; closing before it would count an attempt.
        await channel.recover();
        break;
      case "nack":
        channel.nackAll(true);
        break;
      case "reject":
        for (let tag = 1; tag <= lastTag; tag++) {
          channel.reject({ fields: { deliveryTag: tag } } as never, true);
        }
        break;
      case "get":
      case "channel_close":
        break;
    }
    await this.#connection.closeChannel(channel);
  }

  async #nextWindow(): Promise<void> {
    const { queue, limit, enough = limit, window, priority = 0, consumerTimeoutSecs } = this
      .#options;
    await this.#endWindow();
    const one = await this.#channelWithRoom();
    // Beyond `enough` it is read on for the order's sake.
    const wanted = this.#received < enough ? Math.min(enough, limit) : limit;
    const size = Math.min(window, LARGEST_WINDOW, wanted - this.#received);
    // Sorted as they come: see WINDOWS_PER_CHANNEL.
    const consumerTag = `${OWN_TAG}${String(++one.windows).padStart(2, "0")}`;
    this.#windowLeft = size;
    try {
      await one.channel.prefetch(size);
      await one.channel.consume(queue, (message) => {
        if (message === null) this.fail(this.#ended("the broker cancelled the consumer"));
      }, {
        consumerTag,
        priority,
        ...(consumerTimeoutSecs === undefined
          ? {}
          : { arguments: { "x-consumer-timeout": Math.round(consumerTimeoutSecs * 1_000) } }),
      });
    } catch (error) {
      throw this.#refusal(error);
    }
    one.consumerTag = consumerTag;
  }

  /** Cancels the consumer that is there, if any; what it was given stays held. */
  async #endWindow(): Promise<void> {
    const one = this.#channels.at(-1);
    if (one === undefined || one.consumerTag === "" || one.closed) return;
    try {
      await one.channel.cancel(one.consumerTag);
    } catch (error) {
      throw this.#connection.lostBecause ?? this.#failure ?? this.#ended(messageOf(error), error);
    }
    one.consumerTag = "";
  }

  async #channelWithRoom(): Promise<ReadChannel> {
    const last = this.#channels.at(-1);
    return last === undefined || last.windows === WINDOWS_PER_CHANNEL
      ? await this.#openChannel()
      : last;
  }

  async #openChannel(): Promise<ReadChannel> {
    const state = { windows: 0, consumerTag: "", held: 0, lastTag: 0, closed: false };
    const channel = await this.#connection.openChannel((error) => {
      state.closed = true;
      this.fail(this.#ended(messageOf(error), error));
    });
    const one = Object.assign(state, { channel });
    this.#channels.push(one);
    this.#connection.tap.tapDeliveries(channel.ch, this.#countingTap(one));
    return one;
  }

  #ended(why: string, cause?: unknown): AppError {
    return new AppError("failed", `Cannot read queue "${this.#options.queue}" to its end: ${why}`, {
      cause,
      hint: "was it deleted or moved, or is the broker's consumer_timeout too short? see its log",
    });
  }

  /** What a refused consume or get means; with the connection gone, that is the reason. */
  #refusal(error: unknown): AppError {
    return this.#connection.lostBecause ?? queueError(error, this.#options.queue);
  }

  /** Gets one message; false when the queue has none ready. Not a consumer, one round trip each. */
  async #get(): Promise<boolean> {
    const { queue } = this.#options;
    const { channel } = this.#channels[0] ?? await this.#openChannel();
    const before = this.#got;
    try {
      await channel.get(queue);
    } catch (error) {
      throw this.#refusal(error);
    }
    if (this.#got === before) return false;
    this.#windowLeft = 1;
    while (this.#received < this.#got && this.#failure === undefined) await this.#idle();
    return true;
  }

  #countingTap(one: ReadChannel): DeliveryTap {
    const sink = this.#sink;
    return {
      got: (left) => {
        this.#got++;
        // Each get takes one; where more are gone, somebody else takes some as well.
        if (left < this.#left - 1) this.#sawOthers = true;
        this.#left = left;
      },
      head: (head) => {
        this.#activity++;
        one.lastTag = head.deliveryTag;
        this.#lastRedelivered = head.redelivered;
        if (this.#isExhausted(head)) {
          this.#exhausted.push({
            on: one,
            tag: head.deliveryTag,
            place: this.#received,
            isCopied: false,
          });
          this.#wake();
        }
        sink.head(head);
      },
      body: (chunk) => {
        this.#activity++;
        sink.body(chunk);
      },
      end: () => {
        sink.end();
        one.held++;
        this.#received++;
        this.#stalls = 0;
        if (--this.#windowLeft === 0) this.#wake();
      },
    };
  }

  #isExhausted(head: DeliveryHead): boolean {
    const { exhausted } = this.#options;
    return exhausted !== undefined && (deliveryCount(head) ?? 0) >= exhausted.limit;
  }

  /** Waits for the window to fill; true when nothing at all arrived for `idleMs`. */
  async #idle(): Promise<boolean> {
    if (this.#windowLeft === 0 || this.#failure !== undefined) return false;
    if (this.#isStopped || this.#exhausted.length > 0) return false;
    const before = this.#activity;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, this.#options.idleMs);
    });
    clearTimeout(timer);
    this.#wake = () => {};
    return this.#activity === before && this.#windowLeft > 0 && this.#failure === undefined &&
      !this.#options.signal.aborted && !this.#isStopped && this.#exhausted.length === 0;
  }

  /** Nothing arrives: true when no message is ready; an error when the broker withholds them. */
  async #isDrained({ isQuiet }: { isQuiet: boolean }): Promise<boolean> {
    const { queue, returnMethod } = this.#options;
    await using inspector = new QueueInspector(this.#connection);
    const { ready, consumers } = await inspector.depth(queue);
    // A quorum queue without a leader says that it has neither messages nor our consumer.
    const hasLeader = consumers > 0 || returnMethod === "get";
    if (ready === 0 && hasLeader) {
      this.#sawOthers ||= consumers > (returnMethod === "get" ? 0 : 1);
      return true;
    }
    if (!isQuiet) return false;
    if (++this.#stalls < MAX_STALLS) return false;
    if (!hasLeader) throw noLeader(queue);
    throw new AppError(
      "failed",
      `Cannot read queue "${queue}": ${ready} messages are ready but the broker delivers none`,
      { hint: "another consumer may be the single active one; see rabbitmqctl list_consumers" },
    );
  }
}
