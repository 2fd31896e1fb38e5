import type { StreamConnection } from "../../broker/stream/connection.ts";
import { subscribe } from "../../broker/stream/subscription.ts";
import { AppError, RUN_AGAIN } from "../../errors.ts";
import { type ChunkHeader, type ChunkSink, nextOffset } from "../../message/stream_chunk.ts";

/** Chunks that the broker may send ahead. */
const CREDIT = 32;
/** How long nothing may come although there is something, milliseconds. */
const STALL_MS = 120_000;
const SUBSCRIPTION_ID = 1;

/** Options of {@linkcode readChunks}. */
export interface ReadOptions {
  readonly stream: string;
  readonly from: bigint;
  /** Reading ends with the chunk that has this offset, which is committed. */
  readonly last: bigint;
  /** Chunks are not asked for while this gives a promise. */
  readonly room: () => Promise<void> | undefined;
  readonly sink: ChunkSink;
  readonly signal: AbortSignal;
}

/**
 * Reads the chunks of a stream, from an offset up to one that was there. Ends before it where what
 * there is begins behind it by now.
 *
 * @throws {AppError} `broker_unreachable` when the connection is lost or the stream moves: what the
 * sink has is whole but for a chunk that was begun
 */
export async function readChunks(
  connection: StreamConnection,
  options: ReadOptions,
): Promise<void> {
  const { stream, from, last, sink, signal } = options;
  const reading = new Reading(options);
  using _lost = connection.onLost((error) => reading.fail(error));
  using _moved = connection.onStreamChange((changed, error) => {
    if (changed === stream) reading.fail(error);
  });
  const abort = () => reading.fail(signal.reason);
  signal.addEventListener("abort", abort);
  const stalled = setInterval(() => reading.checkStall(), STALL_MS / 4);
  try {
    signal.throwIfAborted();
    const subscription = await subscribe(connection, {
      stream,
      id: SUBSCRIPTION_ID,
      from: { offset: from },
      credit: CREDIT,
      allChunks: true,
      sink: {
        ...sinkMethods(sink),
        end: (header) => {
          // Behind the last one there may be more: they are of the next backup.
          if (reading.isOver) return;
          sink.end(header);
          reading.came(header, { last });
        },
      },
    });
    reading.start((chunks) => subscription.credit(chunks));
    await reading.done;
    if (connection.isOpen) await subscription.unsubscribe();
  } finally {
    clearInterval(stalled);
    signal.removeEventListener("abort", abort);
  }

  function sinkMethods(to: ChunkSink): Omit<ChunkSink, "end"> {
    return {
      header: (header, ...rest) => {
        if (header.offset > last) reading.end();
        if (!reading.isOver) to.header(header, ...rest);
      },
      bytes: (piece) => reading.isOver || to.bytes?.(piece),
      entry: (entry) => reading.isOver || to.entry?.(entry),
    };
  }
}

/** The state of one reading: what is to come, and whether it still may. */
class Reading {
  readonly #ended = Promise.withResolvers<void>();
  readonly #room: ReadOptions["room"];
  isOver = false;
  #credit: ((chunks: number) => void) | undefined;
  /** Chunks that came and were not paid for with credit yet. */
  #owed = 0;
  #isWaiting = false;
  #lastCame = performance.now();

  constructor({ room }: ReadOptions) {
    this.#room = room;
    this.#ended.promise.catch(() => {});
  }

  get done(): Promise<void> {
    return this.#ended.promise.finally(() => this.isOver = true);
  }

  /** The subscription is there; all that it had credit for may have come with its answer. */
  start(credit: (chunks: number) => void): void {
    this.#credit = credit;
    if (!this.isOver) this.#pay();
  }

  came(header: ChunkHeader, { last }: { last: bigint }): void {
    this.#lastCame = performance.now();
    if (nextOffset(header) > last) return this.end();
    this.#owed++;
    if (this.#owed >= CREDIT / 4) this.#pay();
  }

  end(): void {
    this.isOver = true;
    this.#ended.resolve();
  }

  fail(error: unknown): void {
    this.isOver = true;
    this.#ended.reject(error);
  }

  checkStall(): void {
    if (this.#isWaiting || performance.now() - this.#lastCame < STALL_MS) return;
    this.fail(
      new AppError(
        "broker_unreachable",
        `Cannot read the stream: nothing came for ${STALL_MS / 1000} s`,
        { hint: RUN_AGAIN },
      ),
    );
  }

  #pay(): void {
    if (this.#isWaiting || this.#credit === undefined || this.#owed === 0) return;
    const room = this.#room();
    if (room === undefined) {
      this.#credit(this.#owed);
      this.#owed = 0;
      return;
    }
    this.#isWaiting = true;
    room.then(() => {
      this.#isWaiting = false;
      this.#lastCame = performance.now();
      if (!this.isOver) this.#pay();
    }, (error) => this.fail(error));
  }
}
