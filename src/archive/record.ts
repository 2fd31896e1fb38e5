import { AppError } from "../errors.ts";
import type { Message, MessageHead } from "../message/message.ts";
import { joined } from "../message/wire.ts";

/** Largest record that is written or read: everything behind its length field, in bytes. */
export const MAX_RECORD_BYTES = 1024 * 1024 * 1024;
/** Largest property list that is written or read, in bytes; it is held in memory as a whole. */
export const MAX_PROPERTIES_BYTES = 16 * 1024 * 1024;

/** length u32, flags u8, captured_at i64, and the exchange's length u8. */
const FIXED_BYTES = 14;
/** The least that a length field can announce: empty names and two bytes of property flags. */
const MIN_RECORD_BYTES = 17;
const REDELIVERED = 1;
const TWO_32 = 0x1_0000_0000;
const EMPTY: Uint8Array = new Uint8Array(0);

/** Receives the parts of records in order: one `head`, any number of `body` pieces, one `end`. */
export interface RecordSink {
  head(head: MessageHead): void;
  /** A piece of the body, never empty; a view into the parsed chunk, not a copy. */
  body(chunk: Uint8Array): void;
  end(): void;
}

/** Bytes of a record in front of its body, its length field included. */
export function recordHeadSize(head: MessageHead): number {
  return FIXED_BYTES + 1 + 4 + head.exchange.length + head.routingKey.length +
    head.properties.length;
}

/**
 * Writes everything of a record up to its body (FORMAT.md, "Record") and returns the offset behind
 * it; `head.bodySize` bytes of body must follow. Allocates nothing.
 *
 * @throws {RangeError} when a part is longer than the format holds, or `target` is too short.
 */
export function encodeRecordHead(head: MessageHead, target: Uint8Array, offset: number): number {
  const { exchange, routingKey, properties } = head;
  const length = recordHeadSize(head) - 4 + head.bodySize;
  if (
    exchange.length > 255 || routingKey.length > 255 || properties.length < 2 ||
    properties.length > MAX_PROPERTIES_BYTES || length > MAX_RECORD_BYTES
  ) throw new RangeError("Cannot write record: a part of the message is too long for the format");
  if (offset + length - head.bodySize + 4 > target.length) {
    throw new RangeError("Cannot write record: the target buffer is too short");
  }
  let at = putUint32(target, offset, length);
  target[at++] = head.redelivered ? REDELIVERED : 0;
  const high = Math.floor(head.capturedAt / TWO_32);
  at = putUint32(target, at, head.capturedAt - high * TWO_32);
  at = putUint32(target, at, high);
  target[at++] = exchange.length;
  target.set(exchange, at);
  at += exchange.length;
  target[at++] = routingKey.length;
  target.set(routingKey, at);
  at += routingKey.length;
  at = putUint32(target, at, properties.length);
  target.set(properties, at);
  return at + properties.length;
}

/** One whole record: head and body. */
export function encodeRecord(message: Message): Uint8Array {
  if (message.body.length !== message.head.bodySize) {
    throw new RangeError("Cannot write record: the body is not as long as its head says");
  }
  const record = new Uint8Array(recordHeadSize(message.head) + message.body.length);
  record.set(message.body, encodeRecordHead(message.head, record, 0));
  return record;
}

/**
 * Cuts a stream of records, split anywhere, into heads and pieces of bodies. Holds at most one head;
 * bodies pass through. What it hands out are views into the pushed chunks, so these must not be
 * written to afterwards.
 */
export class RecordParser {
  readonly #sink: RecordSink;
  #bodyLeft = 0;
  /** The beginning of a head whose rest is in the next chunk. */
  #pending: Uint8Array | undefined;
  #pendingLength = 0;
  // Records of a queue mostly share these two: reusing them saves two allocations a record.
  #exchange: Uint8Array = EMPTY;
  #routingKey: Uint8Array = EMPTY;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** @throws {AppError} `damaged` when a length is impossible. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        at = this.#passBody(chunk, at);
      } else if (this.#pending !== undefined) {
        at = this.#fillPending(chunk, at);
      } else {
        const size = headBytesNeeded(chunk, at, chunk.length - at);
        if (size > chunk.length - at) {
          this.#keep(chunk, at, size);
          return;
        }
        this.#takeHead(chunk, at, size);
        at += size;
      }
    }
  }

  /** @throws {AppError} `damaged` when the stream ended within a record. */
  finish(): void {
    if (this.#bodyLeft > 0 || this.#pending !== undefined) {
      throw damaged("they end in the middle of a record");
    }
  }

  #passBody(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#bodyLeft);
    this.#sink.body(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    this.#bodyLeft -= end - at;
    if (this.#bodyLeft === 0) this.#sink.end();
    return end;
  }

  #keep(chunk: Uint8Array, at: number, size: number): void {
    const pending = new Uint8Array(size);
    pending.set(chunk.subarray(at));
    this.#pending = pending;
    this.#pendingLength = chunk.length - at;
  }

  #fillPending(chunk: Uint8Array, at: number): number {
    let pending = this.#pending!;
    const end = Math.min(chunk.length, at + pending.length - this.#pendingLength);
    pending.set(chunk.subarray(at, end), this.#pendingLength);
    this.#pendingLength += end - at;
    if (this.#pendingLength < pending.length) return end;
    const needed = headBytesNeeded(pending, 0, pending.length);
    if (needed > pending.length) {
      const larger = new Uint8Array(needed);
      larger.set(pending);
      this.#pending = pending = larger;
      return end;
    }
    this.#pending = undefined;
    this.#takeHead(pending, 0, pending.length);
    return end;
  }

  #takeHead(bytes: Uint8Array, start: number, size: number): void {
    let at = start + FIXED_BYTES;
    const exchange = this.#exchange = same(this.#exchange, bytes, at, bytes[at - 1]!);
    at += exchange.length + 1;
    const routingKey = this.#routingKey = same(this.#routingKey, bytes, at, bytes[at - 1]!);
    at += routingKey.length + 4;
    const bodySize = getUint32(bytes, start) + 4 - size;
    const high = getUint32(bytes, start + 9) | 0;
    this.#bodyLeft = bodySize;
    this.#sink.head({
      capturedAt: high * TWO_32 + getUint32(bytes, start + 5),
      redelivered: (bytes[start + 4]! & REDELIVERED) !== 0,
      exchange,
      routingKey,
      properties: bytes.subarray(at, start + size),
      bodySize,
    });
    if (bodySize === 0) this.#sink.end();
  }
}

/** Counts records that {@linkcode RecordParser} finds. */
export class RecordCounter implements RecordSink {
  count = 0;

  head(): void {}
  body(): void {}
  end(): void {
    this.count++;
  }
}

/**
 * Reads whole messages, one body in memory at a time (and those that share a chunk with it).
 *
 * @throws {AppError} `damaged` when the records are.
 */
export async function* readMessages(
  records: AsyncIterable<Uint8Array>,
): AsyncGenerator<Message> {
  let ready: Message[] = [];
  let head: MessageHead | undefined;
  let pieces: Uint8Array[] = [];
  const parser = new RecordParser({
    head: (next) => head = next,
    // A piece of a larger body would keep its whole chunk alive until the body is complete.
    body: (piece) => pieces.push(piece.length === head!.bodySize ? piece : new Uint8Array(piece)),
    end: () => {
      ready.push({ head: head!, body: joined(pieces, head!.bodySize) });
      pieces = [];
    },
  });
  for await (const chunk of records) {
    parser.push(chunk);
    const batch = ready;
    ready = [];
    yield* batch;
  }
  parser.finish();
}

/** Size of the head that begins at `start`, or as much of it as must be there to know more. */
function headBytesNeeded(bytes: Uint8Array, start: number, available: number): number {
  if (available < FIXED_BYTES) return FIXED_BYTES;
  const length = getUint32(bytes, start);
  if (length < MIN_RECORD_BYTES || length > MAX_RECORD_BYTES) {
    throw damaged(`a record claims a length of ${length} bytes`);
  }
  let needed = FIXED_BYTES + bytes[start + FIXED_BYTES - 1]! + 1;
  if (available < needed) return needed;
  needed += bytes[start + needed - 1]! + 4;
  if (available < needed) return needed;
  const properties = getUint32(bytes, start + needed - 4);
  if (properties < 2 || properties > MAX_PROPERTIES_BYTES) {
    throw damaged(`a record claims ${properties} bytes of properties`);
  }
  needed += properties;
  if (needed > length + 4) throw damaged("the parts of a record are longer than the record");
  return needed;
}

/** `known` when it equals the bytes at `start`, else a copy of those. */
function same(known: Uint8Array, bytes: Uint8Array, start: number, length: number): Uint8Array {
  if (known.length === length) {
    let at = 0;
    while (at < length && known[at] === bytes[start + at]) at++;
    if (at === length) return known;
  }
  // Not slice(), which for a Buffer would be a view.
  return new Uint8Array(bytes.subarray(start, start + length));
}

function putUint32(target: Uint8Array, at: number, value: number): number {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
  return at + 4;
}

function getUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}

function damaged(what: string): AppError {
  return new AppError("damaged", `Cannot read records: ${what}`);
}
