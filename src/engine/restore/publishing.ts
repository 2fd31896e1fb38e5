import type { RecordSink } from "../../archive/record.ts";
import type { Publisher } from "../../broker/amqp/publisher.ts";
import type { MessageHead } from "../../message/message.ts";
import type { QueueWork } from "../progress.ts";
import type { OutgoingProperties } from "./outgoing.ts";

const DEFAULT_EXCHANGE = new Uint8Array(0);

/** Where a message is published to. */
export interface Destination {
  readonly exchange: Uint8Array;
  readonly routingKey: Uint8Array;
}

/** Chooses where each message goes; undefined when it can go nowhere. */
export type Routing = (head: MessageHead) => Destination | undefined;

/** Options of {@linkcode QueuePublishing}. */
export interface PublishingOptions {
  readonly publisher: Publisher;
  readonly outgoing: OutgoingProperties;
  /** The queue that messages go straight to. */
  readonly queue: string;
  /** Absent: all go straight to the queue. */
  readonly routing?: Routing | undefined;
  readonly work: QueueWork;
  /** Records of the backup before the first one that is published. */
  readonly start: number;
  /** Hears of each record that is not published as it can go nowhere. */
  readonly onPassedOver: (record: number) => void;
}

/** Turns records into publishes. */
export class QueuePublishing implements RecordSink {
  /** Leading records that are in the target already. */
  skip = 0;
  /** Messages begun, and bytes of their bodies and properties. */
  messages = 0;
  bytes = 0;
  /** Bytes of bodies alone. */
  bodyBytes = 0;
  readonly #options: PublishingOptions;
  readonly #direct: Destination;
  #record: number;
  #skipping = false;

  constructor(options: PublishingOptions) {
    this.#options = options;
    this.#record = options.start;
    const routingKey = new TextEncoder().encode(options.queue);
    this.#direct = { exchange: DEFAULT_EXCHANGE, routingKey };
  }

  head(head: MessageHead): void {
    this.#skipping = this.skip > 0;
    if (this.#skipping) {
      this.skip--;
      return;
    }
    const { publisher, outgoing, routing, work, onPassedOver } = this.#options;
    const record = ++this.#record;
    // Through the default exchange it came straight to its queue.
    const direct = routing === undefined || head.exchange.length === 0;
    const to = direct ? this.#direct : routing(head);
    if (to === undefined) {
      this.#skipping = true;
      return onPassedOver(record);
    }
    const properties = outgoing.of(head.properties, { record, direct });
    publisher.begin({
      exchange: to.exchange,
      routingKey: to.routingKey,
      properties,
      bodySize: head.bodySize,
    });
    this.messages++;
    this.bodyBytes += head.bodySize;
    this.bytes += properties.length + head.bodySize;
    work.bytesDone += properties.length + head.bodySize;
  }

  body(chunk: Uint8Array): void {
    if (!this.#skipping) this.#options.publisher.body(chunk);
  }

  end(): void {
    if (!this.#skipping) this.#options.publisher.end();
  }
}
