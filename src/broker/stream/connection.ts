import type { Socket } from "node:net";
import { WireReader, type WireWriter } from "../../message/wire.ts";
import { AppError, messageOf, RUN_AGAIN } from "../../errors.ts";
import type { StreamSocket } from "./socket.ts";
import { FrameSplitter } from "./frame_splitter.ts";
import { CODE, COMMAND, RESPONSE_BIT, responseError } from "./protocol.ts";
import { decoded, frameOf, putString, takeList, takeString } from "./wire.ts";

/** How long the broker may take to answer, milliseconds. */
const ANSWER_MS = 30_000;
/** How long a close may take, milliseconds. */
const CLOSE_MS = 2_000;

/** What a subscription gets, synchronously. What it throws ends the connection. */
export interface DeliverySink {
  delivery(size: number): void;
  chunkBytes(piece: Uint8Array): void;
  deliveryEnd(): void;
}

/** Answers to what a publisher sent. */
export interface ConfirmSink {
  confirmed(publishingIds: readonly bigint[]): void;
  refused(publishingIds: readonly bigint[], code: number): void;
}

/** Answers to requests, as readers of what stands behind the response code. */
interface Pending {
  readonly action: string;
  readonly resolve: (body: WireReader) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A connection of the stream protocol: frames out, answers and deliveries to whom they belong,
 * heartbeats. Opened by `openStreamConnection`.
 */
export class StreamConnection implements AsyncDisposable {
  /** host:port, for messages. */
  readonly address: string;
  /** What the broker says of itself and of the node, once the handshake is done. */
  properties: ReadonlyMap<string, string> = new Map();
  /** Largest frame that the broker takes, in bytes. */
  frameMax = Infinity;
  /** Newest version of `publish` that the broker takes. */
  publishVersion = 1;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = new Map<number, DeliverySink>();
  readonly #publishers = new Map<number, ConfirmSink>();
  readonly #lostListeners = new Set<(error: AppError) => void>();
  readonly #streamListeners = new Set<(stream: string, error: AppError) => void>();
  #tune = Promise.withResolvers<{ frameMax: number; heartbeat: number }>();
  #correlation = 0;
  /** Whose chunk is coming. */
  #current: DeliverySink | undefined;
  #lostBecause: AppError | undefined;
  #closing = false;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  /** Whether anything was sent since the last beat, and how many beats nothing was heard. */
  #sentSince = false;
  #silentBeats = 0;

  constructor({ socket, listen }: StreamSocket, address: string) {
    this.#socket = socket;
    this.address = address;
    this.#tune.promise.catch(() => {});
    const splitter = new FrameSplitter({
      frame: (frame) => decoded(() => this.#frame(frame)),
      delivery: (subscription, size) => {
        this.#current = this.#subscriptions.get(subscription);
        this.#current?.delivery(size);
      },
      chunkBytes: (piece) => this.#current?.chunkBytes(piece),
      deliveryEnd: () => this.#current?.deliveryEnd(),
    });
    listen((bytes) => {
      if (this.#lostBecause !== undefined) return;
      this.#silentBeats = 0;
      try {
        splitter.push(bytes);
      } catch (error) {
        this.#lost(error instanceof AppError ? error : this.#lossError(messageOf(error), error));
      }
    });
    let cause: unknown;
    socket.on("error", (error) => cause = error);
    socket.on("close", () => {
      this.#lost(this.#lossError(cause === undefined ? "closed by the broker" : messageOf(cause)));
    });
  }

  /** Why the connection is of no use any more; undefined while it is. */
  get lostBecause(): AppError | undefined {
    return this.#lostBecause;
  }

  get isOpen(): boolean {
    return this.#lostBecause === undefined && !this.#closing;
  }

  /** Calls `listener` if the connection is lost; not when it is closed by us. */
  onLost(listener: (error: AppError) => void): Disposable {
    this.#lostListeners.add(listener);
    return { [Symbol.dispose]: () => this.#lostListeners.delete(listener) };
  }

  /** Calls `listener` when a stream is deleted or changes its members: what reads it has ended. */
  onStreamChange(listener: (stream: string, error: AppError) => void): Disposable {
    this.#streamListeners.add(listener);
    return { [Symbol.dispose]: () => this.#streamListeners.delete(listener) };
  }

  /**
   * Sends a request and gives the answer from behind its code on. `action` is what an error says
   * that could not be done.
   */
  async request(
    key: number,
    action: string,
    write: (writer: WireWriter) => void,
  ): Promise<WireReader> {
    if (this.#lostBecause !== undefined) throw this.#lostBecause;
    const correlation = this.#correlation = (this.#correlation + 1) & 0x7fff_ffff;
    const { promise, resolve, reject } = Promise.withResolvers<WireReader>();
    this.#pending.set(correlation, { action, resolve, reject });
    const timer = setTimeout(() => {
      this.#lost(this.#lossError(`no answer within ${ANSWER_MS / 1000} s`));
    }, ANSWER_MS);
    try {
      this.write(frameOf(key, (writer) => {
        writer.uint32(correlation);
        write(writer);
      }));
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(correlation);
    }
  }

  /**
   * Sends bytes of whole frames; a promise when the socket is full, until it has room again. The bytes
   * must stay as they are until `onSent` is called.
   */
  write(bytes: Uint8Array, onSent?: () => void): Promise<void> | undefined {
    if (this.#lostBecause !== undefined) throw this.#lostBecause;
    this.#sentSince = true;
    if (this.#socket.write(bytes, onSent)) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  /** The limits that the broker proposes once the login is through. */
  async proposedLimits(): Promise<{ frameMax: number; heartbeat: number }> {
    return await this.#tune.promise;
  }

  /** Sends heartbeats, and takes three intervals of silence for a lost connection. */
  startHeartbeat(seconds: number): void {
    if (seconds === 0) return;
    this.#heartbeat = setInterval(() => {
      // Two beats an interval.
      if (++this.#silentBeats > 6) {
        this.#lost(this.#lossError("the broker is silent"));
        return;
      }
      if (!this.#sentSince && this.isOpen) this.write(frameOf(COMMAND.heartbeat, () => {}));
      this.#sentSince = false;
    }, seconds * 500);
  }

  /** Where deliveries of a subscription go. */
  setSubscription(id: number, sink: DeliverySink | undefined): void {
    if (sink === undefined) this.#subscriptions.delete(id);
    else this.#subscriptions.set(id, sink);
  }

  /** Where confirms of a publisher go. */
  setPublisher(id: number, sink: ConfirmSink | undefined): void {
    if (sink === undefined) this.#publishers.delete(id);
    else this.#publishers.set(id, sink);
  }

  /** Closes the connection; whatever is still waited for fails. */
  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
    this.write(frameOf(COMMAND.close, (writer) => {
      writer.uint32(++this.#correlation);
      writer.uint16(CODE.ok);
      putString(writer, "done");
    }));
    this.#socket.end();
    await closed;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #frame(frame: Uint8Array): void {
    const reader = new WireReader(frame);
    const key = reader.uint16();
    reader.uint16(); // version
    if ((key & RESPONSE_BIT) !== 0) this.#response(key & ~RESPONSE_BIT, reader);
    else this.#command(key, reader);
  }

  #response(command: number, reader: WireReader): void {
    // Of credit there are answers only to what was wrong, and the subscription knows that already.
    if (command === COMMAND.credit) return;
    const pending = this.#pending.get(reader.uint32());
    if (pending === undefined) return;
    // The one answer without a code of its own.
    if (command === COMMAND.metadata) return pending.resolve(reader);
    const code = reader.uint16();
    if (code === CODE.ok) pending.resolve(reader);
    else pending.reject(responseError(code, pending.action));
  }

  #command(key: number, reader: WireReader): void {
    switch (key) {
      case COMMAND.publishConfirm: {
        const publisher = this.#publishers.get(reader.octet());
        publisher?.confirmed(takeList(reader, 8, () => reader.uint64()));
        return;
      }
      case COMMAND.publishError: {
        const publisher = this.#publishers.get(reader.octet());
        const errors = takeList(reader, 10, () => [reader.uint64(), reader.uint16()] as const);
        for (const [id, code] of errors) publisher?.refused([id], code);
        return;
      }
      case COMMAND.metadataUpdate: {
        const code = reader.uint16();
        const stream = takeString(reader);
        const error = responseError(code, `go on with stream "${stream}"`);
        for (const listener of [...this.#streamListeners]) listener(stream, error);
        return;
      }
      case COMMAND.tune:
        this.#tune.resolve({ frameMax: reader.uint32(), heartbeat: reader.uint32() });
        return;
      case COMMAND.close:
        this.#closedByBroker(reader);
        return;
    }
  }

  #closedByBroker(reader: WireReader): void {
    const correlation = reader.uint32();
    const code = reader.uint16();
    const reason = takeString(reader);
    this.write(frameOf(COMMAND.close | RESPONSE_BIT, (writer) => {
      writer.uint32(correlation);
      writer.uint16(CODE.ok);
    }));
    this.#lost(this.#lossError(`the broker closed it: ${reason || `code ${code}`}`));
  }

  #lossError(why: string, cause?: unknown): AppError {
    return new AppError(
      "broker_unreachable",
      `Cannot go on with ${this.address}: the connection for streams was lost (${why})`,
      { hint: RUN_AGAIN, cause },
    );
  }

  #lost(error: AppError): void {
    if (this.#lostBecause !== undefined) return;
    this.#lostBecause = error;
    clearInterval(this.#heartbeat);
    this.#socket.destroy();
    this.#tune.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    if (this.#closing) return;
    for (const listener of [...this.#lostListeners]) listener(error);
  }
}
