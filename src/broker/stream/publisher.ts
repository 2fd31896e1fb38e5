import type { StreamEntry } from "../../message/stream_chunk.ts";
import { WireWriter } from "../../message/wire.ts";
import { AppError } from "../../errors.ts";
import type { StreamConnection } from "./connection.ts";
import { COMMAND, responseError } from "./protocol.ts";
import { decoded, putString } from "./wire.ts";

/** A frame is sent when it holds this much, or as much as the broker takes. */
const FRAME_BYTES = 64 * 1024;
/** The longest head of an entry, and what stands in front of the first one. */
const ENTRY_HEAD_BYTES = 19;
const FRAME_HEAD_BYTES = 13;
const PUBLISHER_ID = 1;
const BATCH_BIT = 0x80;
const NO_FILTER = 0xffff;

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
  #frame = new WireWriter();
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

  /** Takes an entry, and sends it soon; waits for room in the window and in the socket. */
  async publish(entry: OutgoingEntry, signal: AbortSignal): Promise<void> {
    const size = FRAME_HEAD_BYTES + ENTRY_HEAD_BYTES + (entry.filter?.length ?? 0) * 3 +
      entry.body.length;
    if (size > this.#connection.frameMax) {
      throw new AppError(
        "refused",
        `Cannot publish to stream "${this.#options.stream}": a message of ${entry.body.length} ` +
          `bytes is larger than the broker takes by the stream protocol ` +
          `(${this.#connection.frameMax} bytes a frame)`,
        { hint: "raise stream.frame_max in the broker's configuration" },
      );
    }
    // Batches have no filter value, and version 2 has no batches.
    const version = entry.batch === undefined ? this.#connection.publishVersion : 1;
    const limit = Math.min(FRAME_BYTES, this.#connection.frameMax);
    if (
      this.#entries > 0 && (version !== this.#version || this.#frame.length + size > limit)
    ) await this.#flush();
    if (this.#messagesWaiting > 0 && this.#messagesWaiting + entry.records > this.#options.window) {
      await this.#flush();
      await this.#until(
        () =>
          this.#messagesWaiting === 0 ||
          this.#messagesWaiting + entry.records <= this.#options.window,
        signal,
      );
    }
    this.#version = version;
    this.#put(entry);
    this.#waiting.set(entry.id, entry.records);
    this.#messagesWaiting += entry.records;
    if (this.#frame.length >= limit) await this.#flush();
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

  #put({ id, body, batch, records, filter }: OutgoingEntry): void {
    const frame = this.#frame;
    this.#entries++;
    frame.uint64(id);
    if (batch === undefined) {
      if (this.#version === 2) {
        if (filter === undefined) frame.uint16(NO_FILTER);
        else putString(frame, filter);
      }
      frame.uint32(body.length);
    } else {
      frame.octet(BATCH_BIT | batch.codec << 4);
      frame.uint16(records);
      frame.uint32(batch.uncompressedSize);
      frame.uint32(body.length);
    }
    frame.raw(body);
  }

  async #flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#entries === 0) return;
    const content = this.#frame.finish();
    const head = new Uint8Array(FRAME_HEAD_BYTES);
    const view = new DataView(head.buffer);
    view.setUint32(0, FRAME_HEAD_BYTES - 4 + content.length);
    view.setUint16(4, COMMAND.publish);
    view.setUint16(6, this.#version);
    head[8] = PUBLISHER_ID;
    view.setUint32(9, this.#entries);
    this.#frame = new WireWriter();
    this.#entries = 0;
    this.#connection.write(head);
    await this.#connection.write(content);
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

/** A leader that moves is no end: the next connection finds the new one. */
function moved(error: AppError): AppError {
  if (error.code === "broker_missing") return error;
  return new AppError("broker_unreachable", error.message, { cause: error.cause });
}
