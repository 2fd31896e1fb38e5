import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import type { Message, MessageHead } from "../message/message.ts";
import {
  encodeRecord,
  encodeRecordHead,
  MAX_PROPERTIES_BYTES,
  readMessages,
  recordHeadSize,
  RecordParser,
} from "./record.ts";

const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });

const message: fc.Arbitrary<Message> = fc.record({
  capturedAt: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
  redelivered: fc.boolean(),
  exchange: bytes(255),
  routingKey: bytes(255),
  properties: bytes(300, 2),
  body: bytes(500),
}, { noNullPrototype: true }).map(({ body, ...head }) => ({
  head: { ...head, bodySize: body.length },
  body,
}));

const plain: MessageHead = {
  capturedAt: 0x0102_0304_0506,
  redelivered: true,
  exchange: new Uint8Array([0x65]),
  routingKey: new Uint8Array([0x72, 0x6b]),
  properties: new Uint8Array([0x10, 0x00, 0x02]),
  bodySize: 2,
};

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Cuts at the given places, taken modulo the length. */
function split(whole: Uint8Array, places: number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % (whole.length + 1)), whole.length];
  cuts.sort((a, b) => a - b);
  return cuts.slice(1).map((cut, index) => whole.subarray(cuts[index], cut));
}

function parse(chunks: readonly Uint8Array[]): Message[] {
  const messages: Message[] = [];
  let pieces: Uint8Array[] = [];
  let head: MessageHead;
  const parser = new RecordParser({
    head: (next) => head = next,
    body: (piece) => {
      assert.ok(piece.length > 0);
      pieces.push(piece);
    },
    end: () => {
      messages.push({ head, body: joined(pieces) });
      pieces = [];
    },
  });
  for (const chunk of chunks) parser.push(chunk);
  parser.finish();
  return messages;
}

async function* stream(chunks: Iterable<Uint8Array>) {
  yield* chunks;
}

Deno.test("record: the layout is the one of FORMAT.md", () => {
  const record = encodeRecord({ head: plain, body: new Uint8Array([0x68, 0x69]) });
  assert.equal(
    Buffer.from(record).toString("hex"),
    "17000000" + "01" + "0605040302010000" + "0165" + "02726b" + "03000000" + "100002" + "6869",
  );
});

Deno.test("record: heads and bodies come back, wherever the stream is split", () => {
  const places = fc.array(fc.nat(), { maxLength: 20 });
  fc.assert(fc.property(fc.array(message, { maxLength: 8 }), places, (messages, cuts) => {
    const whole = joined(messages.map(encodeRecord));
    assert.deepEqual(parse(split(whole, cuts)), messages);
  }));
});

Deno.test("record: a stream of single bytes is parsed too", () => {
  const messages = fc.sample(message, 5);
  const whole = joined(messages.map(encodeRecord));
  assert.deepEqual(parse([...whole].map((octet) => new Uint8Array([octet]))), messages);
});

Deno.test("readMessages: whole messages in order", async () => {
  const places = fc.array(fc.nat(), { maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 6 }), places, async (messages, cuts) => {
      const whole = joined(messages.map(encodeRecord));
      assert.deepEqual(await Array.fromAsync(readMessages(stream(split(whole, cuts)))), messages);
    }),
  );
});

Deno.test("record: a body of many chunks passes through without being collected", () => {
  const size = 64 * 1024 * 1024;
  const head = new Uint8Array(recordHeadSize(plain));
  encodeRecordHead({ ...plain, bodySize: size }, head, 0);
  let seen = 0;
  let largest = 0;
  let ends = 0;
  const parser = new RecordParser({
    head: ({ bodySize }) => assert.equal(bodySize, size),
    body: (piece) => {
      seen += piece.length;
      largest = Math.max(largest, piece.length);
    },
    end: () => ends++,
  });
  parser.push(head);
  const chunk = new Uint8Array(1024 * 1024);
  for (let sent = 0; sent < size; sent += chunk.length) parser.push(chunk);
  parser.finish();
  assert.deepEqual([seen, largest, ends], [size, chunk.length, 1]);
});

Deno.test("record: a truncated stream is damaged, unless it ends between two records", async () => {
  const record = encodeRecord({ head: plain, body: new Uint8Array([1, 2]) });
  const two = joined([record, record]);
  for (let length = 1; length < two.length; length++) {
    if (length === record.length) continue;
    const part = [two.subarray(0, length)];
    assert.throws(() => parse(part), isDamaged, `${length} bytes`);
    await assert.rejects(Array.fromAsync(readMessages(stream(part))), isDamaged);
  }
  assert.equal(parse([record]).length, 1);
});

Deno.test("record: impossible lengths are damaged", () => {
  const record = encodeRecord({ head: plain, body: new Uint8Array([1, 2]) });
  const lengths: [at: number, value: number, what: RegExp][] = [
    [0, 16, /claims a length of 16/],
    [0, 0xffff_ffff, /claims a length of 4294967295/],
    [18, 1, /claims 1 bytes of properties/],
    [18, MAX_PROPERTIES_BYTES + 1, /bytes of properties/],
    [18, 6, /longer than the record/],
  ];
  for (const [at, value, what] of lengths) {
    const broken = record.slice();
    new DataView(broken.buffer).setUint32(at, value, true);
    assert.throws(() => parse([broken]), (error) => isDamaged(error) && what.test(error.message));
  }
});

Deno.test("record: garbage is parsed or damaged, nothing else", () => {
  fc.assert(fc.property(bytes(400), fc.array(fc.nat(), { maxLength: 5 }), (garbage, cuts) => {
    try {
      parse(split(garbage, cuts));
    } catch (error) {
      assert.ok(isDamaged(error), String(error));
    }
  }));
});

Deno.test("record: what the format cannot hold is refused before anything is written", () => {
  const target = new Uint8Array(100);
  const tooLong = { ...plain, routingKey: new Uint8Array(256) };
  assert.throws(() => encodeRecordHead(tooLong, new Uint8Array(1000), 0), RangeError);
  assert.throws(() => encodeRecordHead({ ...plain, bodySize: 2 ** 31 }, target, 0), RangeError);
  assert.throws(() => encodeRecordHead(plain, target, 80), /too short/);
  assert.deepEqual(target, new Uint8Array(100));
});

function isDamaged(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "damaged";
}
