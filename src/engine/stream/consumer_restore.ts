/** Offsets that consumers had stored: put into the target, where the same messages are now. */
import { setTimeout as delay } from "node:timers/promises";
import type { StoredConsumer } from "../../archive/manifest.ts";
import { lastChunk } from "../../broker/stream/commands.ts";
import type { StreamConnection } from "../../broker/stream/connection.ts";
import { queryOffset, storeOffset } from "../../broker/stream/offsets.ts";
import type { OutgoingEntry } from "../../broker/stream/publisher.ts";
import { AppError } from "../../errors.ts";
import { nextOffset } from "../../message/stream_chunk.ts";
import type { EventSink } from "../events.ts";
import type { QueueName } from "../restore/mapping.ts";

/** How long a stored offset may take to show, and how often is looked, milliseconds. */
const SHOWN_MS = 10_000;
const ASKED_MS = 50;

/** Options of {@linkcode ConsumerRestore}. */
export interface ConsumerRestoreOptions {
  readonly consumers: readonly StoredConsumer[];
  readonly destination: QueueName;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/**
 * Follows the entries that are published, and stores the offset of a consumer when all is confirmed
 * that it had done with, and nothing behind it is published: the last offset of the target is its new
 * one then. Offsets that are there are left as they are.
 */
export class ConsumerRestore {
  readonly #options: ConsumerRestoreOptions;
  /** By their old offsets. */
  readonly #pending: StoredConsumer[];
  /** Old offsets of the last entry that is in the target. */
  #last: { first: number; last: number } | undefined;

  constructor(options: ConsumerRestoreOptions) {
    this.#options = options;
    this.#pending = options.consumers.toSorted((a, b) => a.offset - b.offset);
  }

  /** Forgets those that an earlier connection has dealt with: what is behind them was published. */
  resumeAt(lastId: bigint): void {
    while (this.#pending.length > 0 && BigInt(this.#pending[0]!.offset) + 1n < lastId) {
      this.#pending.shift();
    }
    // Of a batch the first message; the whole of it is passed again.
    const first = Number(lastId) - 1;
    this.#last = lastId === 0n ? undefined : { first, last: first };
  }

  /** An entry is in the target, or on its way there. */
  passed({ id, records }: Pick<OutgoingEntry, "id" | "records">): void {
    const first = Number(id) - 1;
    this.#last = { first, last: first + records - 1 };
  }

  /** Whether there are consumers that an entry with this id is new to. */
  isDueBefore(id: bigint): boolean {
    const [next] = this.#pending;
    return next !== undefined && BigInt(next.offset) < id - 1n;
  }

  /** Stores what is due before an entry, or all; everything that was published is confirmed. */
  async store(connection: StreamConnection, beforeId?: bigint): Promise<void> {
    while (beforeId === undefined ? this.#pending.length > 0 : this.isDueBefore(beforeId)) {
      const consumer = this.#pending[0]!;
      const chunk = await lastChunk(connection, this.#options.destination.name);
      const last = chunk === undefined ? undefined : nextOffset(chunk) - 1n;
      await this.#store(connection, { ...consumer, last });
      this.#pending.shift();
    }
  }

  async #store(
    connection: StreamConnection,
    { name, offset: old, last }: StoredConsumer & { last: bigint | undefined },
  ): Promise<void> {
    const { destination: { name: stream } } = this.#options;
    if (last === undefined) {
      return this.#warn(
        `Consumer "${name}" of stream "${stream}" begins anew: it had done with nothing that is there`,
      );
    }
    // It may stand inside of a batch.
    const inBatch = this.#last === undefined ? 0 : Math.max(0, this.#last.last - old);
    const offset = last - BigInt(inBatch);
    try {
      const there = await queryOffset(connection, { stream, name });
      if (there === undefined) {
        storeOffset(connection, { stream, name, offset });
        await this.#untilShown(connection, { name, offset });
      } else if (there !== offset) {
        this.#warn(
          `Consumer "${name}" of stream "${stream}" has the offset ${there} in the target, and keeps ` +
            `it; by the backup it is ${offset}`,
        );
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "broker_unreachable") throw error;
      this.#warn(
        `The offset ${offset} of consumer "${name}" of stream "${stream}" is not stored: ` +
          error.message,
        "it takes read permission on the stream; or set restore.consumer_offsets: false",
      );
    }
  }

  async #untilShown(
    connection: StreamConnection,
    { name, offset }: { name: string; offset: bigint },
  ): Promise<void> {
    const { destination: { name: stream }, signal } = this.#options;
    const deadline = performance.now() + SHOWN_MS;
    while (await queryOffset(connection, { stream, name }) !== offset) {
      if (performance.now() > deadline) {
        throw new AppError("failed", `it did not show within ${SHOWN_MS / 1000} s`);
      }
      await delay(ASKED_MS, undefined, { signal });
    }
  }

  #warn(message: string, hint?: string): void {
    const { destination: { vhost, name }, emit } = this.#options;
    emit({ type: "warning", vhost, queue: name, message, ...(hint === undefined ? {} : { hint }) });
  }
}
