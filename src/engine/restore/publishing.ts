import type { RecordSink } from "../../archive/record.ts";
import { DEFAULT_EXCHANGE, type Publisher } from "../../broker/amqp/publisher.ts";
import type { MessageHead } from "../../message/message.ts";
import type { QueueWork } from "../progress.ts";
import type { OutgoingProperties } from "./outgoing.ts";
import type { MessagePicker } from "./picker.ts";
import type { SentFigures } from "./sent.ts";

/** Where a message is published to. */
export interface Destination {
  readonly exchange: Uint8Array;
  readonly routingKey: Uint8Array;
}

/** Where a message goes, `direct` to its queue, and in how many queues it comes to be. */
export interface Routed {
  readonly to: Destination | "direct";
  /** As far as bindings tell; 0 where they do not. */
  readonly copies: number;
}

/** Chooses where each message goes; undefined when it can go nowhere. */
export type Routing = (head: MessageHead) => Routed | undefined;

/** Without exchanges. */
const STRAIGHT: Routed = { to: "direct", copies: 1 };

/** Options of {@linkcode QueuePublishing}. */
export interface PublishingOptions {
  readonly publisher: Publisher;
  readonly picker: MessagePicker;
  readonly outgoing: OutgoingProperties;
  /** The queue that messages go straight to. */
  readonly queue: string;
  /** Whether the queue takes messages with such properties; the others are passed over. */
  readonly isTaken?: ((properties: Uint8Array) => boolean) | undefined;
  /** Absent: all go straight to the queue. */
  readonly routing?: Routing | undefined;
  /** Learns of each message that is published. */
  readonly figures: SentFigures;
  readonly work: QueueWork;
  /** Hears of each chosen message that is not published; counted among those that are chosen. */
  readonly onPassedOver: (taken: number) => void;
}

/** Turns the records that are chosen into publishes. */
export class QueuePublishing implements RecordSink {
  /** Leading records that an earlier run has seen to. */
  skip = 0;
  /** Messages begun, and bytes of their bodies and properties. */
  messages = 0;
  bytes = 0;
  readonly #options: PublishingOptions;
  readonly #direct: Destination;
  /** Of the backup, counted from 1. */
  #record = 0;
  #skipping = true;

  constructor(options: PublishingOptions) {
    this.#options = options;
    const routingKey = new TextEncoder().encode(options.queue);
    this.#direct = { exchange: DEFAULT_EXCHANGE, routingKey };
  }

  /** The records of a segment follow, in front of which so many are in the backup. */
  beginSegment(recordsBefore: number): void {
    this.#record = recordsBefore;
  }

  /** Whether nothing more is to be published: the limit is reached, and the last message whole. */
  get isComplete(): boolean {
    return this.#skipping && this.#options.picker.isFull;
  }

  head(head: MessageHead): void {
    const { publisher, picker, outgoing, routing, isTaken, figures, work } = this.#options;
    const record = ++this.#record;
    this.#skipping = this.skip > 0 || !picker.takes(head);
    if (this.#skipping) {
      if (this.skip > 0) this.skip--;
      return;
    }
    const routed = routing === undefined ? STRAIGHT : routing(head);
    if (routed === undefined || isTaken?.(head.properties) === false) {
      this.#skipping = true;
      return this.#options.onPassedOver(picker.taken);
    }
    const direct = routed.to === "direct";
    const { exchange, routingKey } = routed.to === "direct" ? this.#direct : routed.to;
    const properties = outgoing.of(head.properties, {
      record,
      direct,
      capturedAt: head.capturedAt,
    });
    publisher.begin({
      exchange,
      routingKey,
      properties,
      bodySize: head.bodySize,
    });
    figures.add(head.bodySize, routed.copies);
    this.messages++;
    this.bytes += properties.length + head.bodySize;
    work.bytesDone += properties.length + head.bodySize;
  }

  body(chunk: Uint8Array): void {
    if (!this.#skipping) this.#options.publisher.body(chunk);
  }

  end(): void {
    if (!this.#skipping) this.#options.publisher.end();
    this.#skipping = true;
  }
}
