/**
 * AMQP 0-9-1 frames for tests, written from the specification (sections 2.3.5 and 4.2) and apart from
 * `src/`, so that the two check each other.
 */
import { Buffer } from "node:buffer";

export interface WireFrame {
  /** 1 method, 2 header, 3 body, 8 heartbeat. */
  readonly type: number;
  readonly channel: number;
  readonly payload: Uint8Array;
}

export function frame(type: number, channel: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(7);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return concat(head, payload, bytes(0xce));
}

/** All frames of a byte sequence; fails when it does not end with a whole one. */
export function parseFrames(wire: Uint8Array): WireFrame[] {
  const buffer = Buffer.from(wire);
  const frames: WireFrame[] = [];
  for (let at = 0; at < buffer.length;) {
    const end = at + 7 + buffer.readUInt32BE(at + 3);
    if (buffer[end] !== 0xce) throw new Error(`no frame end at ${end} of ${buffer.length}`);
    frames.push({
      type: buffer.readUInt8(at),
      channel: buffer.readUInt16BE(at + 1),
      payload: new Uint8Array(buffer.subarray(at + 7, end)),
    });
    at = end + 1;
  }
  return frames;
}

/** A method frame: class, method, arguments. */
export function method(
  channel: number,
  [classId, methodId]: readonly [number, number],
  ...args: Uint8Array[]
): Uint8Array {
  return frame(1, channel, concat(uint(classId, 2), uint(methodId, 2), ...args));
}

/** Content header and body frames with bodies cut at these sizes. */
export function content(
  channel: number,
  parts: { properties: Uint8Array; bodies: Uint8Array[]; announced?: number },
): Uint8Array {
  const { properties, bodies } = parts;
  const size = parts.announced ?? bodies.reduce((sum, body) => sum + body.length, 0);
  const header = concat(uint(60, 2), uint(0, 2), uint(size, 8), properties);
  return concat(frame(2, channel, header), ...bodies.map((body) => frame(3, channel, body)));
}

export interface Delivery {
  tag: number;
  redelivered: boolean;
  exchange: Uint8Array;
  routingKey: Uint8Array;
  properties: Uint8Array;
  bodies: Uint8Array[];
}

/** basic.deliver and its content. */
export function deliver(channel: number, message: Delivery, consumerTag = "ctag"): Uint8Array {
  return concat(
    method(channel, [60, 60], shortString(consumerTag), ...deliveryArguments(message)),
    content(channel, message),
  );
}

/** basic.get-ok and its content. */
export function getOk(channel: number, message: Delivery, messageCount = 0): Uint8Array {
  return concat(
    method(channel, [60, 71], ...deliveryArguments(message), uint(messageCount, 4)),
    content(channel, message),
  );
}

/** basic.return and its content. */
export function basicReturn(channel: number, code: number, text: string): Uint8Array {
  const names = [shortString(text), shortString(""), shortString("key")];
  return concat(
    method(channel, [60, 50], uint(code, 2), ...names),
    content(channel, { properties: uint(0, 2), bodies: [bytes(1, 2, 3), bytes(4)] }),
  );
}

export function basicAck(channel: number, tag: number, multiple: boolean): Uint8Array {
  return method(channel, [60, 80], uint(tag, 8), bytes(multiple ? 1 : 0));
}

/** `requeue` shares the octet with `multiple`; it means nothing in this direction. */
export function basicNack(
  channel: number,
  tag: number,
  options: { multiple: boolean; requeue?: boolean },
): Uint8Array {
  const bits = (options.multiple ? 1 : 0) | (options.requeue ? 2 : 0);
  return method(channel, [60, 120], uint(tag, 8), bytes(bits));
}

function deliveryArguments(message: Delivery): Uint8Array[] {
  const { tag, redelivered, exchange, routingKey } = message;
  return [
    uint(tag, 8),
    bytes(redelivered ? 1 : 0),
    shortString(exchange),
    shortString(routingKey),
  ];
}

export interface Published {
  readonly channel: number;
  readonly mandatory: boolean;
  readonly immediate: boolean;
  readonly exchange: Uint8Array;
  readonly routingKey: Uint8Array;
  readonly properties: Uint8Array;
  readonly bodies: Uint8Array[];
}

/** What a sequence of `basic.publish`, content header and body frames holds; fails on all else. */
export function parsePublishes(wire: Uint8Array): Published[] {
  const published: Published[] = [];
  let left = 0;
  for (const { type, channel, payload } of parseFrames(wire)) {
    const buffer = Buffer.from(payload);
    const last = published.at(-1);
    if (type === 1) {
      if (left !== 0) throw new Error(`a method where ${left} bytes of body were announced`);
      const ids = [buffer.readUInt16BE(0), buffer.readUInt16BE(2)];
      if (ids.join() !== "60,40") throw new Error(`a method ${ids}`);
      const keyAt = 7 + buffer.readUInt8(6);
      const bitsAt = keyAt + 1 + buffer.readUInt8(keyAt);
      if (bitsAt + 1 !== buffer.length) throw new Error("basic.publish is longer than its fields");
      if (buffer.readUInt16BE(4) !== 0) throw new Error("the reserved field is not 0");
      published.push({
        channel,
        mandatory: (buffer[bitsAt]! & 1) === 1,
        immediate: (buffer[bitsAt]! & 2) === 2,
        exchange: new Uint8Array(buffer.subarray(7, keyAt)),
        routingKey: new Uint8Array(buffer.subarray(keyAt + 1, bitsAt)),
        properties: new Uint8Array(0),
        bodies: [],
      });
      left = -1;
    } else if (type === 2 && left === -1) {
      if (buffer.readUInt32BE(0) !== 60 << 16) throw new Error("class or weight of the header");
      published[published.length - 1] = {
        ...last!,
        properties: new Uint8Array(buffer.subarray(12)),
      };
      left = Number(buffer.readBigUInt64BE(4));
    } else if (type === 3 && left > 0 && payload.length <= left && payload.length > 0) {
      last!.bodies.push(payload);
      left -= payload.length;
    } else {
      throw new Error(`a frame of type ${type}, ${payload.length} bytes, where ${left} are left`);
    }
  }
  if (left !== 0) throw new Error(`the last message is not whole: ${left}`);
  return published;
}

/** A value as `size` bytes, big endian. */
export function uint(value: number, size: 1 | 2 | 4 | 8): Uint8Array {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return new Uint8Array(buffer.subarray(8 - size));
}

export function shortString(value: string | Uint8Array): Uint8Array {
  const content = typeof value === "string" ? text(value) : value;
  return concat(uint(content.length, 1), content);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
