import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { messagesOfBatch } from "./batch.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const TEXTS = ["one", "", "three three three three three three"];
const PLAIN = concat(
  ...TEXTS.map((text) => concat(Uint8Array.of(0, 0, 0, text.length), bytes(text))),
);

/** One literal, then a copy of `distance` back, as a Snappy block. */
const SNAPPY_BLOCK = concat(
  Uint8Array.of(PLAIN.length, (21 - 1) << 2),
  PLAIN.subarray(0, 21),
  // "three " once more, four times, and its first five letters.
  Uint8Array.of((24 - 1) << 2 | 2, 6, 0, 1 | (5 - 4) << 2, 6),
);
/** The same as an LZ4 block: literals, a match, and the literals that have to be last. */
const LZ4_BLOCK = concat(
  Uint8Array.of(15 << 4 | 15, 21 - 15),
  PLAIN.subarray(0, 21),
  Uint8Array.of(6, 0, 24 - 4 - 15, 5 << 4),
  PLAIN.subarray(45),
);

function snappy(block: Uint8Array, type = 0): Uint8Array {
  const length = block.length + 4;
  return concat(
    Uint8Array.of(0xff, 6, 0, 0, ...bytes("sNaPpY")),
    Uint8Array.of(0xfe, 1, 0, 0, 0),
    Uint8Array.of(type, length & 0xff, length >> 8, 0, 0, 0, 0, 0),
    block,
  );
}

function lz4(block: Uint8Array, isPlain = false): Uint8Array {
  const head = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82);
  const size = Uint8Array.of(block.length & 0xff, block.length >> 8, 0, isPlain ? 0x80 : 0);
  return concat(head, size, block, new Uint8Array(4));
}

const batch = (codec: number, body: Uint8Array, uncompressedSize = PLAIN.length) =>
  messagesOfBatch({ records: TEXTS.length, batch: { codec, uncompressedSize } }, body);

for (
  const [name, codec, body] of [
    ["no codec", 0, PLAIN],
    ["gzip", 1, gzipSync(PLAIN)],
    ["snappy", 2, snappy(SNAPPY_BLOCK)],
    ["snappy that did not help", 2, snappy(PLAIN, 1)],
    ["lz4", 3, lz4(LZ4_BLOCK)],
    ["lz4 that did not help", 3, lz4(PLAIN, true)],
    ["zstd", 4, zstdCompressSync(PLAIN)],
  ] as const
) {
  Deno.test(`the messages of a batch are had out of ${name}`, () => {
    const found = batch(codec, body);
    assert.ok(Array.isArray(found), String(found));
    assert.deepEqual(found.map((one) => new TextDecoder().decode(one)), TEXTS);
  });

  Deno.test(`a batch in ${name} that is cut off anywhere says so`, () => {
    for (let end = 0; end < body.length - 4; end++) {
      const found = batch(codec, body.subarray(0, end));
      assert.match(String(found), /cannot be unpacked/, `cut at ${end}`);
    }
  });
}

Deno.test("a batch that claims to be huge, or to be in an unknown codec, is left alone", () => {
  assert.match(String(batch(1, gzipSync(PLAIN), 2 ** 32 - 1)), /a batch of 4294967295 bytes/);
  assert.match(String(batch(7, PLAIN)), /codec 7/);
  // It has more in it than it says.
  assert.match(String(batch(1, gzipSync(PLAIN), 5)), /cannot be unpacked/);
});
