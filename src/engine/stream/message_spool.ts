import type { StreamMessageSink } from "../../broker/amqp/stream_reader.ts";
import type { DeliveryHead } from "../../broker/amqp/content_tap.ts";
import type { SpooledChunks } from "../../checkpoint/rows.ts";
import type { AppError } from "../../errors.ts";
import { SpoolWriter } from "../spool/spool.ts";
import { noChunks, type SpooledStreamSegment } from "./chunk_spool.ts";

/** Options of {@linkcode MessageSpool}. */
export interface MessageSpoolOptions {
  /** Folder for the segments of one stream; made new. */
  folder: string;
  /** Sequence of the first segment. */
  sequence: number;
  /** Offset of the first message that is wanted. */
  next: number;
  segmentMaxBytes: number;
  segmentMaxIntervalMs: number;
  onSegment: (segment: SpooledStreamSegment, sequence: number) => void;
  onMessage: () => void;
  onError: (error: AppError) => void;
}

/**
 * Writes messages of a stream that come by AMQP 0-9-1 as records into files on the local disk, and
 * notes which offsets did not come.
 */
export class MessageSpool implements StreamMessageSink, Disposable {
  /** The offset behind the last message. */
  next: number;
  readonly #options: MessageSpoolOptions;
  readonly #writer: SpoolWriter;
  #sequence: number;
  #stream: SpooledChunks | undefined;
  #bodySize = 0;

  constructor(options: MessageSpoolOptions) {
    this.#options = options;
    this.#sequence = options.sequence;
    this.next = options.next;
    this.#writer = new SpoolWriter({
      ...options,
      onSegment: (segment) => {
        const stream = this.#stream!;
        this.#stream = undefined;
        options.onSegment({ ...segment, stream }, this.#sequence++);
      },
    });
    if (this.#writer.failure !== undefined) throw this.#writer.failure;
  }

  get messages(): number {
    return this.#writer.messageCount;
  }

  get bytes(): number {
    return this.#writer.bytes;
  }

  head(head: DeliveryHead): void {
    this.#bodySize = head.bodySize;
    this.#writer.head(head);
  }

  body(chunk: Uint8Array): void {
    this.#writer.body(chunk);
  }

  end(offset: number): void {
    const stream = this.#stream ??= noChunks(offset);
    if (offset > this.next) stream.gaps.push({ first: this.next, last: offset - 1 });
    this.next = offset + 1;
    stream.messageCount++;
    stream.lastOffset = offset;
    stream.bodyBytes += this.#bodySize;
    stream.largestBody = Math.max(stream.largestBody, this.#bodySize);
    this.#writer.end();
    this.#options.onMessage();
  }

  /** Forgets the message that was begun. */
  abandon(): void {
    this.#writer.abandon();
  }

  /** Closes the last segment. */
  finish(): void {
    this.#writer.finish();
    if (this.#writer.failure !== undefined) throw this.#writer.failure;
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }
}
