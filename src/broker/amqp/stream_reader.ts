/**
 * Streams by AMQP 0-9-1, for where their own protocol cannot be reached. Reading takes nothing: an
 * acknowledgement only lets the broker send more.
 */
import { AppError, messageOf, RUN_AGAIN } from "../../errors.ts";
import { streamOffset } from "../../message/broker_headers.ts";
import type { BrokerConnection, NumberedChannel } from "./connection.ts";
import type { DeliveryHead, DeliveryTap } from "./content_tap.ts";
import { queueError } from "./queue_inspector.ts";

/** Messages that the broker may send ahead; a quarter of them is acknowledged at once. */
const PREFETCH = 1_000;
/** The most that a consumer can have, so that a chunk of a stream comes whole. */
const LARGEST_PREFETCH = 65_535;

/** Where reading begins: the first message, the last chunk, or a message with this offset or later. */
export type StreamStart = "first" | "last" | { readonly offset: number };

/** Hears what comes, in order; it must not throw. */
export interface StreamMessageSink {
  /** The head holds during the call only; its properties have the header `x-stream-offset` still. */
  head(head: DeliveryHead, offset: number): void;
  body(chunk: Uint8Array): void;
  end(offset: number): void;
}

/** Options of {@linkcode readStreamMessages}. */
export interface StreamReadOptions {
  readonly stream: string;
  readonly from: StreamStart;
  /** Reading ends with the message of this offset, or one behind it. */
  readonly last: number;
  /** More is not asked for while this gives a promise. */
  readonly room: () => Promise<void> | undefined;
  readonly sink: StreamMessageSink;
  /** How long nothing may come before reading ends, milliseconds. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/**
 * Reads messages of a stream; says whether the last one came, or nothing more.
 *
 * Throws `broker_missing`, `broker_denied`, `refused`; `broker_unreachable` when the connection is
 * lost; `failed` when the broker cannot make a message one of AMQP 0-9-1, over which it closes the
 * connection: it should be one that nobody else uses.
 */
export async function readStreamMessages(
  connection: BrokerConnection,
  options: StreamReadOptions,
): Promise<"last" | "idle"> {
  const { stream, last, room, sink, idleMs } = options;
  let isOver = false;
  let unacknowledged = 0;
  await using consumer = await StreamConsumer.open(connection, {
    ...options,
    prefetch: PREFETCH,
    sink: {
      head: (head, offset) => isOver || offset > last || sink.head(head, offset),
      body: (chunk, offset) => isOver || offset > last || sink.body(chunk),
      end: (offset) => {
        if (isOver) return;
        if (offset <= last) sink.end(offset);
        unacknowledged++;
        isOver = offset >= last;
      },
    },
  });
  for (;;) {
    const before = consumer.activity;
    if (!isOver && unacknowledged < PREFETCH / 4) await consumer.next(idleMs);
    consumer.throwIfFailed(stream);
    if (isOver) return "last";
    if (consumer.activity === before && unacknowledged < PREFETCH / 4) return "idle";
    if (unacknowledged < PREFETCH / 4) continue;
    await room();
    unacknowledged = 0;
    consumer.acknowledge(stream);
  }
}

/** Offsets of the first and the last message that come by AMQP 0-9-1. */
export interface MessageBounds {
  readonly first: number;
  readonly last: number;
}

/**
 * Finds what comes of a stream by AMQP 0-9-1; undefined when nothing does within `waitMs`. There is
 * no question for it: the last chunk is asked for, and when its first message is there, another
 * answer of the same channel shows that the others are.
 *
 * Throws what {@linkcode readStreamMessages} does.
 */
export async function messageBounds(
  connection: BrokerConnection,
  options: { stream: string; waitMs: number; signal: AbortSignal },
): Promise<MessageBounds | undefined> {
  const last = await lastOffset(connection, options);
  if (last === undefined) return undefined;
  const first = await firstOffset(connection, options);
  return { first: first ?? last, last };
}

async function lastOffset(
  connection: BrokerConnection,
  { stream, waitMs, signal }: { stream: string; waitMs: number; signal: AbortSignal },
): Promise<number | undefined> {
  let last: number | undefined;
  await using consumer = await StreamConsumer.open(connection, {
    stream,
    from: "last",
    prefetch: LARGEST_PREFETCH,
    sink: { head: () => {}, body: () => {}, end: (offset) => last = offset },
    signal,
  });
  await consumer.until(() => last !== undefined, waitMs);
  await consumer.barrier(stream);
  return last;
}

async function firstOffset(
  connection: BrokerConnection,
  { stream, waitMs, signal }: { stream: string; waitMs: number; signal: AbortSignal },
): Promise<number | undefined> {
  let first: number | undefined;
  await using consumer = await StreamConsumer.open(connection, {
    stream,
    from: "first",
    prefetch: 1,
    sink: { head: (_, offset) => first ??= offset, body: () => {}, end: () => {} },
    signal,
  });
  await consumer.until(() => first !== undefined, waitMs);
  consumer.throwIfFailed(stream);
  return first;
}

/** One consumer on a channel of its own; disposing ends it. */
class StreamConsumer implements AsyncDisposable {
  /** Pieces of messages that came. */
  activity = 0;
  readonly #connection: BrokerConnection;
  readonly #signal: AbortSignal;
  #channel: NumberedChannel | undefined;
  #lastTag = 0;
  #failure: unknown;
  #wake: () => void = () => {};
  #forget: () => void = () => {};

  private constructor(connection: BrokerConnection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  static async open(
    connection: BrokerConnection,
    options: {
      stream: string;
      from: StreamStart;
      prefetch: number;
      sink: {
        head(head: DeliveryHead, offset: number): void;
        body(chunk: Uint8Array, offset: number): void;
        end(offset: number): void;
      };
      signal: AbortSignal;
    },
  ): Promise<StreamConsumer> {
    const { stream, from, prefetch, signal } = options;
    signal.throwIfAborted();
    const consumer = new StreamConsumer(connection, signal);
    const channel = await connection.openChannel((error) => consumer.#fail(error));
    consumer.#channel = channel;
    consumer.#forget = connection.onLost((error) => consumer.#fail(error));
    connection.tap.tapDeliveries(channel.ch, consumer.#tap(options.sink));
    try {
      await channel.prefetch(prefetch);
      await channel.consume(stream, (message) => {
        if (message === null) consumer.#fail(new Error("the broker cancelled the consumer"));
      }, {
        arguments: {
          "x-stream-offset": typeof from === "string" ? from : { "!": "int64", value: from.offset },
        },
      });
    } catch (error) {
      await consumer[Symbol.asyncDispose]();
      throw readError(connection.lostBecause ?? error, stream);
    }
    return consumer;
  }

  /** Waits until something comes or fails, at most so long. */
  async next(milliseconds: number): Promise<void> {
    if (this.#failure !== undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const abort = () => this.#wake();
    this.#signal.addEventListener("abort", abort);
    try {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, milliseconds);
        if (this.#signal.aborted) resolve();
      });
    } finally {
      clearTimeout(timer);
      this.#wake = () => {};
      this.#signal.removeEventListener("abort", abort);
    }
  }

  async until(isReached: () => boolean, milliseconds: number): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while (!isReached() && this.#failure === undefined && !this.#signal.aborted) {
      const left = deadline - performance.now();
      if (left <= 0) return;
      await this.next(left);
    }
  }

  /** When this returns, all that the broker sent before it was asked has come. */
  async barrier(stream: string): Promise<void> {
    this.throwIfFailed(stream);
    try {
      await this.#channel!.prefetch(LARGEST_PREFETCH);
    } catch (error) {
      throw readError(this.#connection.lostBecause ?? this.#failure ?? error, stream);
    }
    this.throwIfFailed(stream);
  }

  acknowledge(stream: string): void {
    this.throwIfFailed(stream);
    try {
      this.#channel!.ack({ fields: { deliveryTag: this.#lastTag } } as never, true);
    } catch (error) {
      throw readError(this.#connection.lostBecause ?? error, stream);
    }
  }

  throwIfFailed(stream: string): void {
    this.#signal.throwIfAborted();
    if (this.#failure === undefined) return;
    throw readError(this.#connection.lostBecause ?? this.#failure, stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel === undefined || !this.#connection.isOpen) return;
    if (this.#failure === undefined) await this.#connection.closeChannel(channel).catch(() => {});
    this.#connection.tap.untap(channel.ch);
  }

  #tap(sink: {
    head(head: DeliveryHead, offset: number): void;
    body(chunk: Uint8Array, offset: number): void;
    end(offset: number): void;
  }): DeliveryTap {
    let offset = 0;
    return {
      head: (head) => {
        this.activity++;
        offset = streamOffset(head.properties) ?? offset + 1;
        this.#lastTag = head.deliveryTag;
        sink.head(head, offset);
      },
      body: (chunk) => {
        this.activity++;
        sink.body(chunk, offset);
      },
      end: () => {
        sink.end(offset);
        this.#wake();
      },
    };
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }
}

function readError(error: unknown, stream: string): AppError {
  const text = messageOf(error);
  if (/INTERNAL.ERROR/.test(text)) {
    return new AppError(
      "failed",
      `Cannot read stream "${stream}" by AMQP 0-9-1: it holds what this broker cannot give ` +
        "out that way, and closes the connection over it",
      {
        cause: error,
        hint: "make the stream port reachable (source.stream_port): by it every message is read",
      },
    );
  }
  if (/running replica|no_local_stream_replica|local replica/i.test(text)) {
    return new AppError(
      "failed",
      `Cannot read stream "${stream}" by AMQP 0-9-1: the node of amqp_url has no copy of it`,
      {
        cause: error,
        hint: "let amqp_url lead to a node that has, or make the stream port reachable",
      },
    );
  }
  if (/^Channel clos(ing|ed)/.test(text)) {
    // Said by our own side, before it is told why.
    return new AppError(
      "broker_unreachable",
      `Cannot read stream "${stream}" by AMQP 0-9-1: the connection was lost`,
      { cause: error, hint: RUN_AGAIN },
    );
  }
  return queueError(error, stream);
}
