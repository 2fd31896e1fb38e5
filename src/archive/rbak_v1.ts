/** Payloads of format version 1, to records of version 2 and back. */
import { AppError } from "../errors.ts";
import { headFromV1, tailToV1, type V1Source } from "./rbak_v1_record.ts";
import { encodeRecordHead, MAX_RECORD_BYTES, readMessages, recordHeadSize } from "./record.ts";

export type { V1Source };

/** Most bytes of JSON that a record may have beside its body. */
const MAX_TAIL_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** The first field of every record that the earlier tool writes. */
const PREFIX = new TextEncoder().encode('{"body":');
const OPEN = 0x5b, CLOSE = 0x5d, COMMA = 0x2c, ZERO = 0x30, NINE = 0x39;
const NULL_LETTERS = new Set(new TextEncoder().encode("null"));

/**
 * Turns the payload of a version 1 segment into records of version 2, with the property lists
 * rebuilt. Holds one record at a time, its body as bytes.
 *
 * @throws {AppError} `damaged`
 */
export async function* recordsFromV1(
  payload: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = new V1RecordReader();
  for await (const chunk of payload) {
    for (let at = 0; at < chunk.length;) {
      at = reader.push(chunk, at);
      if (reader.complete) yield* reader.take();
    }
  }
  if (!reader.between) throw damaged("they end in the middle of a record");
}

/**
 * Turns records of version 2 into the payload of a version 1 segment, as the earlier tool writes it.
 * Holds one record at a time.
 */
export async function* recordsToV1(
  records: AsyncIterable<Uint8Array>,
  source: V1Source,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let deliveryTag = source.firstDeliveryTag;
  for await (const { head, body } of readMessages(records)) {
    const tail = encoder.encode(tailToV1(head, deliveryTag++, source));
    const start = new Uint8Array(4 + PREFIX.length);
    const length = PREFIX.length + bodyTextSize(body) + tail.length;
    if (length > 0xffff_ffff) {
      throw new AppError("refused", "Cannot write format rbak-v1: a message is too long for it");
    }
    new DataView(start.buffer).setUint32(0, length, true);
    start.set(PREFIX, 4);
    yield start;
    yield* bodyText(body);
    yield tail;
  }
}

/** Takes records apart: length, `{"body":`, the body's numbers as bytes, and the rest as text. */
class V1RecordReader {
  #length = 0;
  #lengthBytes = 0;
  /** Bytes of the record read so far, without its length field. */
  #position = 0;
  #inBody = true;
  #bodyKind: "list" | "null" | undefined;
  #body = new Uint8Array(1024);
  #bodySize = 0;
  /** The number that is being read; -1 when there is no digit yet. */
  #number = -1;
  #tail = new Uint8Array(1024);
  #tailSize = 0;

  get between(): boolean {
    return this.#lengthBytes === 0;
  }

  get complete(): boolean {
    return this.#lengthBytes === 4 && this.#position === this.#length;
  }

  /** Reads on from `at`, at most to the end of the record, and returns where it stopped. */
  push(chunk: Uint8Array, at: number): number {
    if (this.#lengthBytes < 4) {
      this.#length += chunk[at]! * 2 ** (8 * this.#lengthBytes++);
      if (this.#lengthBytes === 4 && this.#length < PREFIX.length) {
        throw damaged(`a record claims a length of ${this.#length} bytes`);
      }
      return at + 1;
    }
    const start = at;
    const end = Math.min(chunk.length, at + this.#length - this.#position);
    while (at < end && this.#position + at - start < PREFIX.length) {
      if (chunk[at] !== PREFIX[this.#position + at - start]) throw damaged("one begins otherwise");
      at++;
    }
    if (at < end && this.#inBody) at = this.#readBody(chunk, at, end);
    if (at < end) {
      this.#tail = this.#append(this.#tail, this.#tailSize, chunk.subarray(at, end));
      this.#tailSize += end - at;
      if (this.#tailSize > MAX_TAIL_BYTES) throw damaged("one is too long");
    }
    this.#position += end - start;
    return end;
  }

  /** The complete record in version 2, and room for the next. */
  take(): Uint8Array[] {
    if (this.#inBody) throw damaged("one ends within its body");
    const json = '{"body":0' + new TextDecoder().decode(this.#tail.subarray(0, this.#tailSize));
    const body = this.#body.subarray(0, this.#bodySize);
    const head = headFromV1(json, body.length);
    const record = new Uint8Array(recordHeadSize(head));
    encodeRecordHead(head, record, 0);
    this.#length =
      this.#lengthBytes =
      this.#position =
      this.#tailSize =
      this.#bodySize =
        0;
    this.#inBody = true;
    this.#bodyKind = undefined;
    this.#body = new Uint8Array(1024);
    return body.length === 0 ? [record] : [record, body];
  }

  /** Reads `null`, or a list of numbers; stops behind it. */
  #readBody(chunk: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const octet = chunk[at++]!;
      if (this.#bodyKind === "list") {
        if (octet >= ZERO && octet <= NINE) {
          this.#number = Math.max(0, this.#number) * 10 + octet - ZERO;
          continue;
        }
        // Only `[]` closes without a number.
        if (octet === COMMA || this.#number >= 0 || this.#bodySize > 0) this.#addToBody();
        if (octet === COMMA) continue;
        this.#inBody = false;
        if (octet === CLOSE) return at;
      } else if (this.#bodyKind === "null" && octet === COMMA) {
        // This comma belongs to the rest of the record.
        this.#inBody = false;
        return at - 1;
      } else if (NULL_LETTERS.has(octet)) {
        this.#bodyKind = "null";
        continue;
      } else if (octet === OPEN && this.#bodyKind === undefined) {
        this.#bodyKind = "list";
        continue;
      }
      throw damaged("one has a body that is no list of bytes");
    }
    return at;
  }

  #addToBody(): void {
    if (this.#number < 0 || this.#number > 255 || this.#bodySize >= MAX_RECORD_BYTES) {
      throw damaged("one has a body that is no list of bytes");
    }
    if (this.#bodySize === this.#body.length) {
      const larger = new Uint8Array(this.#body.length * 2);
      larger.set(this.#body);
      this.#body = larger;
    }
    this.#body[this.#bodySize++] = this.#number;
    this.#number = -1;
  }

  #append(
    target: Uint8Array<ArrayBuffer>,
    filled: number,
    part: Uint8Array,
  ): Uint8Array<ArrayBuffer> {
    if (filled + part.length > target.length) {
      const larger = new Uint8Array(Math.max(target.length * 2, filled + part.length));
      larger.set(target);
      target = larger;
    }
    target.set(part, filled);
    return target;
  }
}

/** Length of a body as JSON. */
function bodyTextSize(body: Uint8Array): number {
  if (body.length === 0) return 4;
  let size = 2 + body.length - 1;
  for (const octet of body) size += octet > 99 ? 3 : octet > 9 ? 2 : 1;
  return size;
}

/** A body as JSON, in pieces: `[1,2,3]`, or `null` when it is empty. */
function* bodyText(body: Uint8Array): Generator<Uint8Array> {
  if (body.length === 0) {
    yield new TextEncoder().encode("null");
    return;
  }
  let piece = new Uint8Array(Math.min(PIECE_BYTES, body.length * 4 + 2));
  let at = 0;
  piece[at++] = OPEN;
  for (let index = 0; index < body.length; index++) {
    if (at + 4 > piece.length) {
      yield piece.subarray(0, at);
      piece = new Uint8Array(PIECE_BYTES);
      at = 0;
    }
    const octet = body[index]!;
    if (octet > 99) piece[at++] = ZERO + Math.floor(octet / 100);
    if (octet > 9) piece[at++] = ZERO + Math.floor(octet / 10) % 10;
    piece[at++] = ZERO + octet % 10;
    piece[at++] = index === body.length - 1 ? CLOSE : COMMA;
  }
  yield piece.subarray(0, at);
}

function damaged(what: string): AppError {
  return new AppError("damaged", `Cannot read records of version 1: ${what}`);
}
