/**
 * What surrounds the body of one message, verbatim from the wire.
 *
 * Names are bytes, not text: a broker accepts any bytes, and they must come back as they were.
 */
export interface MessageHead {
  /** When the message was read, in epoch milliseconds (`backed_up_at` of format version 1). */
  readonly capturedAt: number;
  /** The `redelivered` bit of `basic.deliver`. */
  readonly redelivered: boolean;
  /** Exchange the message was published to; at most 255 bytes. */
  readonly exchange: Uint8Array;
  /** Routing key it was published with; at most 255 bytes. */
  readonly routingKey: Uint8Array;
  /**
   * Property flags and property list of the content header, exactly as received
   * (AMQP 0-9-1 section 4.2.6.1, what follows the 64-bit body size). At least the two flag bytes.
   */
  readonly properties: Uint8Array;
  /** Length of the body in bytes. */
  readonly bodySize: number;
}

/** A whole message in memory. For bodies of any size use the streaming readers instead. */
export interface Message {
  readonly head: MessageHead;
  readonly body: Uint8Array;
}
