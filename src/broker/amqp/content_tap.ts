import { Buffer } from "node:buffer";
import type { ChannelModel } from "amqplib";
import { FRAME_BODY, FRAME_HEADER, FRAME_METHOD, FrameSplitter, METHOD } from "./frame.ts";

/** One `basic.deliver` and its content header. The byte arrays hold only during the call. */
export interface DeliveryHead {
  deliveryTag: number;
  redelivered: boolean;
  exchange: Uint8Array;
  routingKey: Uint8Array;
  /** Property flags and list, verbatim. */
  properties: Uint8Array;
  bodySize: number;
}

/** What a channel does with the messages that reach it. Called synchronously, must not throw. */
export interface DeliveryTap {
  /** `basic.get` found a message, and left so many; its head follows. */
  got?(left: number): void;
  head(head: DeliveryHead): void;
  body(chunk: Uint8Array): void;
  end(): void;
}

/** What a publishing channel hears from the broker. Called synchronously, must not throw. */
export interface ConfirmTap {
  confirm(tag: number, options: { multiple: boolean; ack: boolean }): void;
  /** `basic.return`: a mandatory message that no queue took; body and end follow, then its confirm. */
  returned(head: ReturnedHead): void;
  returnedBody(chunk: Uint8Array): void;
  returnedEnd(): void;
}

/** One `basic.return` and its content header. The byte arrays hold only during the call. */
export interface ReturnedHead {
  /** Why, as the broker says it: 312 NO_ROUTE. */
  code: number;
  text: string;
  exchange: Uint8Array;
  routingKey: Uint8Array;
  /** Property flags and list, verbatim. */
  properties: Uint8Array;
  bodySize: number;
}

interface ChannelTaps {
  delivery?: DeliveryTap;
  confirms?: ConfirmTap;
  /** Content that is under way on this channel: for whom, and how many bytes are still to come. */
  state: "idle" | "delivery" | "return";
  method?: { deliveryTag: number; redelivered: boolean; exchange: Uint8Array; key: Uint8Array };
  return?: Pick<ReturnedHead, "code" | "text" | "exchange" | "routingKey">;
  bodyLeft: number;
}

/** The parts of amqplib's connection object that the tap stands on (amqplib 2.3). */
interface AmqplibConnection {
  rest: Uint8Array;
  frameMax: number;
  recvSinceLastCheck: boolean;
  sentSinceLastCheck: boolean;
  stream: {
    read(): Uint8Array | null;
    write(bytes: Uint8Array, callback?: (error?: Error | null) => void): boolean;
    once(event: "drain", listener: () => void): void;
    writableNeedDrain: boolean;
  };
  recvFrame(): unknown;
}

const utf8 = new TextDecoder();

/**
 * Takes messages and confirms out of an amqplib connection before amqplib decodes them.
 *
 * amqplib turns properties into JavaScript values, which loses integer widths, 64-bit digits and
 * binary strings. All frames pass through its connection's `recvFrame()`; replaced on the
 * instance, it hands message content of tapped channels to the tap as raw bytes. Everything
 * else, and every channel without a tap, goes to amqplib as before.
 */
export class ContentTap {
  readonly #connection: AmqplibConnection;
  readonly #splitter: FrameSplitter;
  readonly #channels = new Map<number, ChannelTaps>();
  /** amqplib waits for the reply to a get whose message was taken: it is told "empty". */
  #answerGet = false;

  constructor(model: ChannelModel) {
    this.#connection = model.connection as unknown as AmqplibConnection;
    const original = this.#connection.recvFrame;
    this.#splitter = new FrameSplitter(this.#connection.frameMax, this.#connection.rest);
    this.#connection.rest = Buffer.alloc(0);
    this.#connection.recvFrame = () => this.#receive(original);
  }

  /** Largest frame that was agreed with the broker, in bytes. */
  get frameMax(): number {
    return this.#connection.frameMax;
  }

  /** Hands the deliveries of a channel to `tap`, from now on. */
  tapDeliveries(channel: number, tap: DeliveryTap): void {
    this.#taps(channel).delivery = tap;
  }

  /** Hands confirms and returns of a channel to `tap`, from now on. */
  tapConfirms(channel: number, tap: ConfirmTap): void {
    this.#taps(channel).confirms = tap;
  }

  /** Gives the channel back to amqplib; its number may be used again. */
  untap(channel: number): void {
    this.#channels.delete(channel);
  }

  /**
   * Writes whole frames to the socket. The bytes belong to the socket from then on. Resolves when
   * the socket takes more; `undefined` means at once.
   */
  write(frames: Uint8Array): Promise<void> | undefined {
    const { stream } = this.#connection;
    this.#connection.sentSinceLastCheck = true;
    if (stream.write(frames)) return undefined;
    return new Promise((resolve) => stream.once("drain", resolve));
  }

  #taps(channel: number): ChannelTaps {
    let taps = this.#channels.get(channel);
    if (taps === undefined) {
      taps = { state: "idle", bodyLeft: 0 };
      this.#channels.set(channel, taps);
    }
    return taps;
  }

  /** Stands in for `recvFrame`: false when the socket has nothing more, else a decoded frame. */
  #receive(original: () => unknown): unknown {
    for (;;) {
      const frame = this.#splitter.next();
      if (frame === undefined) {
        const incoming = this.#connection.stream.read();
        if (incoming === null) return false;
        this.#connection.recvSinceLastCheck = true;
        this.#splitter.push(incoming);
        continue;
      }
      const taps = this.#channels.get(frame.channel);
      if (taps !== undefined && this.#take(frame.type, taps, frame)) {
        if (!this.#answerGet) continue;
        this.#answerGet = false;
        return { id: METHOD.basicGetEmpty, channel: frame.channel, fields: {} };
      }
      const { bytes } = this.#splitter;
      this.#connection.rest = asBuffer(bytes.subarray(frame.start, frame.payloadEnd + 1));
      return original.call(this.#connection);
    }
  }

  /** True when the frame was content or a confirm of a tapped channel. */
  #take(
    type: number,
    taps: ChannelTaps,
    at: { payloadStart: number; payloadEnd: number },
  ): boolean {
    if (type === FRAME_METHOD) return this.#takeMethod(taps, at.payloadStart);
    if (taps.state === "idle") return false;
    if (type === FRAME_HEADER) this.#takeHeader(taps, at.payloadStart, at.payloadEnd);
    else if (type === FRAME_BODY) this.#takeBody(taps, at.payloadStart, at.payloadEnd);
    else return false;
    return true;
  }

  #takeMethod(taps: ChannelTaps, at: number): boolean {
    const splitter = this.#splitter;
    switch (splitter.u32(at)) {
      case METHOD.basicDeliver:
        if (taps.delivery === undefined) return false;
        // The consumer tag comes first; the channel says whose delivery it is.
        this.#takeDelivery(taps, at + 5 + splitter.bytes[at + 4]!);
        return true;
      case METHOD.basicGetOk:
        if (taps.delivery === undefined) return false;
        // Behind it comes how many messages are left.
        taps.delivery.got?.(splitter.u32(this.#takeDelivery(taps, at + 4)));
        this.#answerGet = true;
        return true;
      case METHOD.basicAck:
      case METHOD.basicNack:
        if (taps.confirms === undefined) return false;
        taps.confirms.confirm(splitter.u64(at + 4), {
          multiple: (splitter.bytes[at + 12]! & 1) === 1,
          ack: splitter.u32(at) === METHOD.basicAck,
        });
        return true;
      case METHOD.basicReturn:
        if (taps.confirms === undefined) return false;
        this.#takeReturn(taps, at + 4);
        return true;
      default:
        return false;
    }
  }

  /**
   * basic.deliver and basic.get-ok: delivery tag u64, redelivered bit, exchange, routing key. Returns
   * the offset behind that.
   */
  #takeDelivery(taps: ChannelTaps, at: number): number {
    const { bytes } = this.#splitter;
    let offset = at;
    const deliveryTag = this.#splitter.u64(offset);
    offset += 8;
    const redelivered = (bytes[offset]! & 1) === 1;
    offset += 1;
    const exchange = shortString(bytes, offset);
    offset += 1 + exchange.length;
    // Views, not copies: they stay valid when the next chunk comes, which is a new array.
    const key = shortString(bytes, offset);
    taps.method = { deliveryTag, redelivered, exchange, key };
    taps.state = "delivery";
    return offset + 1 + key.length;
  }

  /** basic.return: reply code u16, reply text, exchange, routing key. */
  #takeReturn(taps: ChannelTaps, at: number): void {
    const { bytes } = this.#splitter;
    const text = shortString(bytes, at + 2);
    const exchange = shortString(bytes, at + 3 + text.length);
    const routingKey = shortString(bytes, at + 4 + text.length + exchange.length);
    const code = this.#splitter.u16(at);
    taps.return = { code, text: utf8.decode(text), exchange, routingKey };
    taps.state = "return";
  }

  /** Content header: class u16, weight u16, body size u64, property flags and list. */
  #takeHeader(taps: ChannelTaps, start: number, end: number): void {
    const bodySize = this.#splitter.u64(start + 4);
    taps.bodyLeft = bodySize;
    const properties = this.#splitter.bytes.subarray(start + 12, end);
    if (taps.state === "return") {
      taps.confirms!.returned({ ...taps.return!, properties, bodySize });
    } else {
      const { deliveryTag, redelivered, exchange, key } = taps.method!;
      taps.delivery!.head({
        deliveryTag,
        redelivered,
        exchange,
        routingKey: key,
        properties,
        bodySize,
      });
    }
    if (bodySize === 0) this.#endContent(taps);
  }

  #takeBody(taps: ChannelTaps, start: number, end: number): void {
    if (end - start > taps.bodyLeft) {
      throw new RangeError("Cannot read message: its body is longer than its header says");
    }
    taps.bodyLeft -= end - start;
    const chunk = this.#splitter.bytes.subarray(start, end);
    if (taps.state === "delivery") taps.delivery!.body(chunk);
    else taps.confirms!.returnedBody(chunk);
    if (taps.bodyLeft === 0) this.#endContent(taps);
  }

  #endContent(taps: ChannelTaps): void {
    const { state } = taps;
    taps.state = "idle";
    if (state === "delivery") taps.delivery!.end();
    else taps.confirms!.returnedEnd();
  }
}

function shortString(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at + 1, at + 1 + bytes[at]!);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
