import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { concat } from "../../tests/helpers/amqp_wire.ts";
import { AppError } from "../errors.ts";
import { unpackBatch } from "./stream_batch.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const bytes = (text: string) => new TextEncoder().encode(text);
const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
const MESSAGES = ["first", "", "abcabcabcabcabcabcabc"].map(bytes);

const sized = (message: Uint8Array) => {
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, message.length);
  return concat(size, message);
};
const plain = (messages: readonly Uint8Array[]) => concat(...messages.map(sized));

function unpack(codec: number, packed: Uint8Array, messages: readonly Uint8Array[] = MESSAGES) {
  const batch = { codec, uncompressedSize: plain(messages).length };
  return unpackBatch(packed, { records: messages.length, batch });
}

/** A snappy block: literals of up to 60 bytes, then copies as they are given. */
const literal = (data: Uint8Array) => concat(Uint8Array.of((data.length - 1) << 2), data);
const snappyChunk = (kind: number, data: Uint8Array) =>
  concat(Uint8Array.of(kind, data.length + 4, 0, 0), hex("00 00 00 00"), data);
const STREAM_ID = hex("ff 06 00 00 73 4e 61 50 70 59");

const whole = plain(MESSAGES);
/** Up to where "abc" repeats. */
const head = whole.subarray(0, whole.length - 18);
const length = Uint8Array.of(whole.length);

Deno.test("batches of every codec are taken apart", () => {
  const snappy = concat(
    STREAM_ID,
    // A copy of 18 bytes from 3 back, in two ways; and without compression.
    snappyChunk(0x00, concat(length, literal(head), hex("46 03 00"))),
  );
  const short = concat(STREAM_ID, hex("fe 01 00 00 00"), snappyChunk(0x01, whole));
  const mixed = concat(
    STREAM_ID,
    snappyChunk(0x00, concat(length, literal(head), hex("1d 03 17 03 00 00 00"))),
    snappyChunk(0x00, concat(Uint8Array.of(1), literal(bytes("c")))),
  );
  const block = concat(Uint8Array.of(0xfe, head.length - 15), head, hex("03 00"));
  const frame = (flags: string, ...parts: Uint8Array[]) =>
    concat(hex(`04 22 4d 18 ${flags}`), ...parts, hex("00 00 00 00"));
  const lz4Block = (data: Uint8Array) => concat(Uint8Array.of(data.length, 0, 0, 0), data);
  const lz4 = frame("60 40 82", lz4Block(block));
  const checked = concat(
    frame("74 40 00", concat(Uint8Array.of(whole.length, 0, 0, 0x80), whole, hex("01 02 03 04"))),
    hex("05 06 07 08"),
  );
  // The second block refers to the first one.
  const linked = frame(
    "40 40 00",
    lz4Block(concat(Uint8Array.of(0xf0, head.length - 15), head)),
    lz4Block(hex("0e 03 00")),
  );
  const packed: [number, Uint8Array][] = [
    [CODECS.none, whole],
    [CODECS.gzip, gzipSync(whole)],
    [CODECS.zstd, zstdCompressSync(whole)],
    [CODECS.snappy, snappy],
    [CODECS.snappy, short],
    [CODECS.snappy, mixed],
    [CODECS.lz4, lz4],
    [CODECS.lz4, checked],
    [CODECS.lz4, linked],
  ];
  for (const [codec, one] of packed) assert.deepEqual(unpack(codec, one), MESSAGES, one.toHex());
});

Deno.test("a batch that is not what it says is refused", () => {
  const refused = (codec: number, packed: Uint8Array, message: RegExp) =>
    assert.throws(() => unpack(codec, packed), { code: "failed", message });
  refused(CODECS.none, whole.subarray(1), /its last message is cut off/);
  refused(CODECS.none, plain(MESSAGES.slice(1)), /it has 2 messages, and says 3/);
  refused(CODECS.gzip, gzipSync(concat(whole, whole)), /its codec finds it damaged/);
  refused(CODECS.gzip, bytes("no gzip"), /its codec finds it damaged/);
  refused(CODECS.snappy, snappyChunk(0x01, head), /it unpacks to less than it says/);
  refused(CODECS.snappy, snappyChunk(0x02, whole), /a part of unknown kind/);
  refused(CODECS.snappy, snappyChunk(0, concat(length, hex("46 03 00"))), /in front of it/);
  refused(CODECS.lz4, hex("04 22 4d 18 60 40 82 ff"), /its LZ4 frame is cut off/);
  refused(CODECS.lz4, whole, /does not begin like an LZ4 frame/);
  refused(7, whole, /no codec has the number 7/);
  assert.throws(
    () => unpackBatch(whole, { records: 1, batch: { codec: 2, uncompressedSize: 2 ** 31 } }),
    /it says to hold 2147483648 bytes/,
  );
});

Deno.test("property: arbitrary bytes are taken for a batch, or refused", () => {
  const start = fc.constantFrom(
    hex(""),
    concat(STREAM_ID, hex("00 40 00 00 00 00 00 00 40")),
    hex("04 22 4d 18 60 40 82 20 00 00 00"),
  );
  fc.assert(
    fc.property(fc.nat(5), start, fc.uint8Array({ maxLength: 100 }), (codec, from, rest) => {
      try {
        unpack(codec, concat(from, rest));
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === "failed", String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
