import assert from "node:assert/strict";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { compress, decompress } from "./compression.ts";
import type { Compression } from "./layout.ts";
import { Lz4BlockDecoder } from "./lz4_decoder.ts";
import { Lz4BlockEncoder } from "./lz4_encoder.ts";

const MIB = 1024 * 1024;
const forms: { compression: Compression; formatVersion: 1 | 2 }[] = [
  { compression: "none", formatVersion: 2 },
  { compression: "zstd", formatVersion: 2 },
  { compression: "lz4", formatVersion: 2 },
  { compression: "lz4", formatVersion: 1 },
];

/** Repetitive, random and in between: what finds the corners of a match finder. */
const content = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.nat(3000)).map(([unit, times]) =>
      Uint8Array.from({ length: times }, (_, at) => unit[at % unit.length]!)
    ),
  ),
  { maxLength: 12 },
);

async function* stream(chunks: Iterable<Uint8Array>) {
  yield* chunks;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(source)));
}

/** Pseudo-random bytes with `variety` different values. */
function noise(size: number, variety: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    bytes[at] = (state >>> 16) % variety;
  }
  return bytes;
}

for (const form of forms) {
  const name = `${form.compression} of version ${form.formatVersion}`;

  Deno.test(`compression: ${name} gives back what went in, however it is split`, async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 5000 }), async (parts, step) => {
        const packed = await collect(compress(parts, form));
        const pieces = Array.from(
          { length: Math.ceil(packed.length / step) },
          (_, index) => packed.subarray(index * step, (index + 1) * step),
        );
        const unpacked = await collect(decompress(stream(pieces), form));
        assert.deepEqual(unpacked, new Uint8Array(Buffer.concat(parts)));
      }),
      { numRuns: 60 },
    );
  });

  Deno.test(`compression: ${name} of 5 MiB in large and small pieces`, async () => {
    for (const variety of [1, 3, 256]) {
      const whole = noise(5 * MIB + 3, variety);
      const parts = [whole.subarray(0, 2 * MIB), ...halves(whole.subarray(2 * MIB))];
      const packed = await Array.fromAsync(compress(parts, form));
      if (form.compression !== "none") {
        assert.ok(packed.reduce((sum, piece) => sum + piece.length, 0) < whole.length * 1.01);
      }
      const unpacked = await Array.fromAsync(decompress(stream(packed), form));
      assert.ok(unpacked.every((piece) => piece.length <= 2 * MIB));
      assert.ok(Buffer.concat(unpacked).equals(whole));
    }
  });

  Deno.test(`compression: ${name} passes on what its source throws`, async () => {
    const failing = async function* (parts: AsyncIterable<Uint8Array>) {
      yield* parts;
      throw new TypeError("source");
    };
    const whole = noise(3 * MIB, 4);
    await assert.rejects(collect(compress(failing(stream([whole])), form)), { message: "source" });
    const packed = compress([whole], form);
    await assert.rejects(collect(decompress(failing(packed), form)), { message: "source" });
  });

  Deno.test(`compression: ${name} lets go of its source when the reader stops`, async () => {
    let closed = false;
    const endless = async function* () {
      try {
        while (true) yield await Promise.resolve(noise(MIB, 256));
      } finally {
        closed = true;
      }
    };
    if (form.formatVersion === 1) return;
    for await (const piece of compress(endless(), form)) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.ok(closed);
  });
}

Deno.test("decompress: what expands past its limit is damaged, in little memory", async () => {
  const bomb = zstdCompressSync(new Uint8Array(512 * MIB));
  let read = 0;
  const options = { compression: "zstd", maxBytes: 100 * MIB } as const;
  await assert.rejects(async () => {
    for await (const piece of decompress(stream([bomb]), options)) {
      assert.ok(piece.length <= MIB);
      read += piece.length;
    }
  }, { code: "damaged", message: /more than the 104857600 bytes/ });
  assert.ok(read <= 100 * MIB);
});

Deno.test("decompress: garbage is damaged", async () => {
  const garbage = noise(1000, 256);
  for (const form of forms.slice(1)) {
    await assert.rejects(collect(decompress(stream([garbage]), form)), { code: "damaged" });
  }
});

Deno.test("lz4: a truncated or longer stream of blocks is damaged", async () => {
  for (const form of forms.slice(2)) {
    const packed = await collect(compress([noise(3000, 4)], form));
    for (let length = form.formatVersion - 1; length < packed.length; length += 7) {
      const part = stream([packed.subarray(0, length)]);
      await assert.rejects(collect(decompress(part, form)), { code: "damaged" }, `${length}`);
    }
    const longer = stream([packed, new Uint8Array([0x10, 0x41])]);
    await assert.rejects(collect(decompress(longer, form)), { code: "damaged" });
  }
});

Deno.test("lz4: blocks that lie about offsets and lengths are refused", () => {
  const decode = (size: number, ...block: number[]) => {
    const decoder = new Lz4BlockDecoder(size);
    const pieces = [...decoder.push(new Uint8Array(block))];
    decoder.finish();
    return Buffer.concat(pieces).toString("latin1");
  };
  // One literal, a match of 8 that overlaps itself, one literal; from the format's description.
  assert.equal(decode(10, 0x14, 0x61, 0x01, 0x00, 0x10, 0x62), "aaaaaaaaab");
  assert.throws(() => decode(9, 0x14, 0x61, 0x01, 0x00, 0x10, 0x62), /longer than it claims/);
  assert.throws(() => decode(11, 0x14, 0x61, 0x01, 0x00, 0x10, 0x62), /not complete/);
  assert.throws(() => decode(10, 0x14, 0x61, 0x02, 0x00, 0x10, 0x62), /before its beginning/);
  assert.throws(() => decode(10, 0x14, 0x61, 0x00, 0x00, 0x10, 0x62), /before its beginning/);
  assert.throws(() => decode(10, 0x14, 0x61, 0x01), /not complete/);
});

Deno.test("lz4: a block ends as the format demands: five literals, no match in the last twelve", () => {
  for (const size of [0, 1, 5, 12, 13, 14, 100]) {
    const encoder = new Lz4BlockEncoder();
    const block = [...encoder.push(new Uint8Array(size)), ...encoder.finish()];
    const lastLiterals = size < 13 ? size : 5;
    assert.deepEqual(block.slice(-lastLiterals - 1), [
      lastLiterals << 4,
      ...Array(lastLiterals).fill(0),
    ]);
  }
});

function halves(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 777) parts.push(bytes.subarray(at, at + 777));
  return parts;
}
