import type { StreamEntry } from "../../message/stream_chunk.ts";
import { AppError } from "../../errors.ts";
import type { StreamConnection } from "./connection.ts";
import { COMMAND, responseError } from "./protocol.ts";
import { decoded, putString } from "./wire.ts";

/** A frame is sent when it holds this much, or as much as the broker takes. */
const FRAME_BYTES = 64 * 1024;
/** Frames whose memory is kept for the next ones. */
const SPARE_FRAMES = 16;
/** The longest head of an entry, and what stands in front of the first one. */
const ENTRY_HEAD_BYTES = 19;
const FRAME_HEAD_BYTES = 13;
const PUBLISHER_ID = 1;
const BATCH_BIT = 0x80;
const NO_FILTER = 0xffff;
const encoder = new TextEncoder();

/** An entry on its way into a stream. */
export interface OutgoingEntry extends StreamEntry {
  /** Greater than those before; the broker drops what is not greater than the last it has. */
  readonly id: bigint;
  /** The message, or the batch as it is. */
  readonly body: Uint8Array;
  /** Only single messages have one. */
  readonly filter?: string | undefined;
}

/** Options of {@linkcode StreamPublisher.open}. */
export interface PublisherOptions {
  readonly stream: string;
  /** Under this name the broker remembers the last publishing id. */
  readonly reference: string;
  /** Messages that may wait for their confirm. */
  readonly window: number;
  /** Called with how many messages were confirmed in all. */
  readonly onConfirmed: (messages: number) => void;
}

/** Publishes to one stream, in order, each entry once however often it is begun anew. */
export class StreamPublisher implements Disposable {
  /** The last publishing id that the broker has from this name; 0 for none. */
  readonly lastId: bigint;
  /** Messages confirmed. */
  confirmed = 0;
  readonly #connection: StreamConnection;
  readonly #options: PublisherOptions;
  /** Messages of entries that wait for their confirm, by publishing id. */
  readonly #waiting = new Map<bigint, number>();
  #messagesWaiting = 0;
  #failure: AppError | undefined;
  #wake: (() => void) | undefined;
  readonly #listeners: Disposable[];
  /** The frame that is being filled, from its length on. */
  #frame = new Uint8Array(0);
  #view = new DataView(this.#frame.buffer);
  #used = FRAME_HEAD_BYTES;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #entries = 0;
  #version = 1;

  private constructor(connection: StreamConnection, options: PublisherOptions, lastId: bigint) {
    this.#connection = connection;
    this.#options = options;
    this.lastId = lastId;
    connection.setPublisher(PUBLISHER_ID, {
      confirmed: (ids) => this.#confirmed(ids),
      refused: (ids, code) => this.#refused(ids, code),
    });
    this.#listeners = [
      connection.onLost((error) => this.#fail(error)),
      connection.onStreamChange((stream, error) => {
        if (stream === options.stream) this.#fail(moved(error));
      }),
    ];
  }

  /** Declares the publisher and asks for its last id. One publisher a connection. */
  static async open(
    connection: StreamConnection,
    options: PublisherOptions,
  ): Promise<StreamPublisher> {
    const { stream, reference } = options;
    await connection.request(
      COMMAND.declarePublisher,
      `publish to stream "${stream}"`,
      (writer) => {
        writer.octet(PUBLISHER_ID);
        putString(writer, reference);
        putString(writer, stream);
      },
    );
    const reader = await connection.request(
      COMMAND.queryPublisherSequence,
      `ask what is published to stream "${stream}"`,
      (writer) => {
        putString(writer, reference);
        putString(writer, stream);
      },
    );
    return new StreamPublisher(connection, options, decoded(() => reader.uint64()));
  }

  /**
   * Takes an entry, and sends it soon; a promise where there is to be waited for room in the window or
   * in the socket.
   */
  publish(entry: OutgoingEntry, signal: AbortSignal): Promise<void> | undefined {
    const size = ENTRY_HEAD_BYTES + (entry.filter?.length ?? 0) * 3 + entry.body.length;
    if (FRAME_HEAD_BYTES + size > this.#connection.frameMax) throw this.#tooLarge(entry);
    // Batches have no filter value, and version 2 has no batches.
    const version = entry.batch === undefined ? this.#connection.publishVersion : 1;
    const isOtherFrame = this.#entries > 0 &&
      (version !== this.#version || this.#used + size > this.#limit);
    const waiting = this.#messagesWaiting;
    if (isOtherFrame || (waiting > 0 && waiting + entry.records > this.#options.window)) {
      return this.#publishLater(entry, { version, size, signal });
    }
    this.#put(entry, { version, size });
    return this.#used >= this.#limit ? this.#flush() : undefined;
  }

  async #publishLater(
    entry: OutgoingEntry,
    { version, size, signal }: { version: number; size: number; signal: AbortSignal },
  ): Promise<void> {
    await this.#flush();
    const { window } = this.#options;
    await this.#until(
      () => this.#messagesWaiting === 0 || this.#messagesWaiting + entry.records <= window,
      signal,
    );
    this.#put(entry, { version, size });
    if (this.#used >= this.#limit) await this.#flush();
  }

  get #limit(): number {
    return Math.min(FRAME_BYTES, this.#connection.frameMax);
  }

  #tooLarge({ body }: OutgoingEntry): AppError {
    return new AppError(
      "refused",
      `Cannot publish to stream "${this.#options.stream}": a message of ${body.length} bytes is ` +
        "larger than the broker takes by the stream protocol " +
        `(${this.#connection.frameMax} bytes a frame)`,
      { hint: "raise stream.frame_max in the broker's configuration" },
    );
  }

  /** Sends what is left and waits until all is confirmed. */
  async finish(signal: AbortSignal): Promise<void> {
    await this.#flush();
    await this.#until(() => this.#waiting.size === 0, signal);
  }

  [Symbol.dispose](): void {
    this.#connection.setPublisher(PUBLISHER_ID, undefined);
    for (const listener of this.#listeners) listener[Symbol.dispose]();
  }

  /** Writes an entry into the frame; `size`: what it takes at the most. */
  #put(
    { id, body, batch, records, filter }: OutgoingEntry,
    { version, size }: { version: number; size: number },
  ): void {
    if (this.#entries === 0) this.#begin(version, size);
    const [frame, view] = [this.#frame, this.#view];
    let at = this.#used;
    view.setBigUint64(at, id);
    at += 8;
    if (batch === undefined) {
      if (version === 2) at = putFilter(frame, { filter, at });
      view.setUint32(at, body.length);
    } else {
      view.setUint8(at, BATCH_BIT | batch.codec << 4);
      view.setUint16(at + 1, records);
      view.setUint32(at + 3, batch.uncompressedSize);
      at += 7;
      view.setUint32(at, body.length);
    }
    frame.set(body, at + 4);
    this.#used = at + 4 + body.length;
    this.#entries++;
    this.#waiting.set(id, records);
    this.#messagesWaiting += records;
  }

  /** In memory that the socket has no more use for, where there is some. */
  #begin(version: number, size: number): void {
    this.#version = version;
    const length = Math.max(this.#limit, FRAME_HEAD_BYTES + size);
    const spare = this.#spare.pop();
    this.#frame = spare !== undefined && spare.length >= length ? spare : new Uint8Array(length);
    this.#view = new DataView(this.#frame.buffer);
    this.#used = FRAME_HEAD_BYTES;
  }

  async #flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#entries === 0) return;
    const view = this.#view;
    view.setUint32(0, this.#used - 4);
    view.setUint16(4, COMMAND.publish);
    view.setUint16(6, this.#version);
    view.setUint8(8, PUBLISHER_ID);
    view.setUint32(9, this.#entries);
    this.#entries = 0;
    const frame = this.#frame;
    const keep = () => {
      if (frame.length <= FRAME_BYTES && this.#spare.length < SPARE_FRAMES) this.#spare.push(frame);
    };
    await this.#connection.write(frame.subarray(0, this.#used), keep);
  }

  async #until(isReached: () => boolean, signal: AbortSignal): Promise<void> {
    const abort = () => this.#wake?.();
    signal.addEventListener("abort", abort);
    try {
      while (!isReached()) {
        if (this.#failure !== undefined) throw this.#failure;
        signal.throwIfAborted();
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      this.#wake = undefined;
      signal.removeEventListener("abort", abort);
    }
  }

  #confirmed(ids: readonly bigint[]): void {
    for (const id of ids) {
      const messages = this.#waiting.get(id);
      if (messages === undefined) continue;
      this.#waiting.delete(id);
      this.#messagesWaiting -= messages;
      this.confirmed += messages;
    }
    this.#options.onConfirmed(this.confirmed);
    this.#wake?.();
  }

  #refused(ids: readonly bigint[], code: number): void {
    const error = responseError(code, `publish to stream "${this.#options.stream}"`);
    // An id that does not wait is one of an earlier publisher.
    if (ids.some((id) => this.#waiting.has(id))) this.#fail(error);
  }

  #fail(error: AppError): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

/** Writes a filter value or that there is none; returns the place behind it. */
function putFilter(
  frame: Uint8Array,
  { filter, at }: { filter: string | undefined; at: number },
): number {
  const view = new DataView(frame.buffer, at);
  if (filter === undefined) {
    view.setUint16(0, NO_FILTER);
    return at + 2;
  }
  const { written } = encoder.encodeInto(filter, frame.subarray(at + 2));
  if (written > 0x7fff) throw new RangeError("Cannot encode a frame: a filter value is too long");
  view.setUint16(0, written);
  return at + 2 + written;
}

/** A leader that moves is no end: the next connection finds the new one. */
function moved(error: AppError): AppError {
  if (error.code === "broker_missing") return error;
  return new AppError("broker_unreachable", error.message, { cause: error.cause });
}
