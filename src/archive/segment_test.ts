import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import { encodeProperties } from "../message/properties.ts";
import type { Compression } from "./layout.ts";
import type { V1Source } from "./rbak_v1.ts";
import { encodeRecord, readMessages } from "./record.ts";
import { checkSegment, type ExpectedSegment, openSegment, packSegment } from "./segment.ts";

const forms: { compression: Compression; v1?: V1Source }[] = [
  { compression: "none" },
  { compression: "zstd" },
  { compression: "lz4" },
  { compression: "zstd", v1: { vhost: "/", queue: "q", firstDeliveryTag: 1 } },
  { compression: "lz4", v1: { vhost: "/", queue: "q", firstDeliveryTag: 1 } },
  { compression: "none", v1: { vhost: "/", queue: "q", firstDeliveryTag: 1 } },
];

function messages(count: number): Message[] {
  return Array.from({ length: count }, (_, index) => {
    const body = new TextEncoder().encode(
      `{"id": ${index}, "text": "${"ab ".repeat(index % 50)}"}`,
    );
    const properties = encodeProperties({ deliveryMode: 2, timestamp: BigInt(index) });
    const head = {
      capturedAt: 1_700_000_000_000 + index,
      redelivered: index % 3 === 0,
      exchange: new Uint8Array(0),
      routingKey: new TextEncoder().encode("orders"),
      properties,
      bodySize: body.length,
    };
    return { head, body };
  });
}

interface Packed {
  stored: Uint8Array;
  expected: ExpectedSegment;
}

async function pack(list: Message[], form: (typeof forms)[number]): Promise<Packed> {
  const packing = packSegment(list.map(encodeRecord), {
    ...form,
    recordCount: list.length,
    firstTimestamp: list[0]?.head.capturedAt ?? 0,
    lastTimestamp: list.at(-1)?.head.capturedAt ?? 0,
  });
  const parts: Uint8Array[] = [];
  for (;;) {
    const next = await packing.next();
    if (next.done) {
      const stored = new Uint8Array(Buffer.concat(parts));
      return { stored, expected: { ...next.value, recordCount: list.length } };
    }
    parts.push(next.value);
  }
}

async function* pieces(stored: Uint8Array, size = stored.length) {
  for (let at = 0; at < stored.length; at += size) yield stored.subarray(at, at + size);
}

function read(stored: Uint8Array, expected?: ExpectedSegment, size?: number): Promise<Message[]> {
  const options = { name: "b/segment-0001", ...(expected === undefined ? {} : { expected }) };
  return Array.fromAsync(readMessages(openSegment(pieces(stored, size), options).records()));
}

const isDamaged = (error: unknown) =>
  error instanceof AppError && error.code === "damaged" &&
  error.message.startsWith('Cannot read segment "b/segment-0001": ');

for (const form of forms) {
  const name = `${form.compression} of version ${form.v1 === undefined ? 2 : 1}`;

  Deno.test(`segment: ${name} is read as it was packed, in pieces of any size`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.integer({ min: 1, max: 400 }), async (count, size) => {
        const list = messages(count);
        const { stored, expected } = await pack(list, form);
        assert.equal(stored.length, expected.sizeBytes);
        assert.deepEqual(await read(stored, expected, size), list);
        await checkSegment(pieces(stored, size), { name: "x", expected });
      }),
      { numRuns: 25 },
    );
  });

  Deno.test(`segment: every single-bit flip in ${name} is found`, async () => {
    const { stored, expected } = await pack(messages(40), form);
    const bits = stored.length * 8;
    // Header and footer whole, and a prime step through the rest.
    const flips = Array.from({ length: bits }, (_, bit) => bit)
      .filter((bit) => bit < 256 || bit >= bits - 64 || bit % 101 === 0);
    for (const bit of flips) {
      const flipped = stored.slice();
      flipped[bit >>> 3]! ^= 1 << (bit & 7);
      await assert.rejects(read(flipped), isDamaged, `bit ${bit}`);
      await assert.rejects(checkSegment(pieces(flipped), { name: "b/segment-0001", expected }), {
        message: 'Cannot read segment "b/segment-0001": its SHA-256 is not the manifest\'s',
      });
    }
    assert.ok(flips.length > 350);
  });

  Deno.test(`segment: every truncation and extension of ${name} is found`, async () => {
    const { stored, expected } = await pack(messages(20), form);
    for (let length = 0; length < stored.length; length += 1 + stored.length >>> 8) {
      await assert.rejects(read(stored.subarray(0, length)), isDamaged, `${length} bytes`);
      const check = checkSegment(pieces(stored.subarray(0, length)), { name: "x", expected });
      await assert.rejects(check, { code: "damaged", message: /has \d+ bytes, the manifest says/ });
    }
    const longer = new Uint8Array([...stored, 0]);
    await assert.rejects(read(longer), isDamaged);
  });
}

Deno.test("segment: hostile content under right checksums is damaged or read, never worse", async () => {
  const sound = await Promise.all(forms.map((form) => pack(messages(12), form)));
  const change = fc.tuple(fc.nat(), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(forms.length - 1),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (index, changes) => {
        const stored = sound[index]!.stored.slice();
        const end = stored.length - 8;
        for (const [at, octet] of changes) stored[8 + at % (end - 8)] = octet;
        new DataView(stored.buffer).setUint32(end, crc32(stored.subarray(0, end)), true);
        await read(stored).catch((error) => assert.ok(isDamaged(error), String(error.stack)));
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("segment: the header is that of FORMAT.md", async () => {
  const { stored } = await pack(messages(3), { compression: "lz4" });
  assert.equal(
    Buffer.from(stored.subarray(0, 32)).toString("hex"),
    "5242414b" + "02" + "02" + "0000" + "0300000000000000" + "0068e5cf8b010000" +
      "0268e5cf8b010000",
  );
  assert.equal(Buffer.from(stored.subarray(-4)).toString("latin1"), "KABR");
  const reader = openSegment(pieces(stored, 7), { name: "x" });
  assert.deepEqual(await reader.header, {
    formatVersion: 2,
    compression: "lz4",
    recordCount: 3,
    firstTimestamp: 1_700_000_000_000,
    lastTimestamp: 1_700_000_000_002,
  });
});

Deno.test("segment: a sound file that is not the manifest's is damaged", async () => {
  const { stored, expected } = await pack(messages(5), { compression: "zstd" });
  const wrong: [Partial<ExpectedSegment>, RegExp][] = [
    [{ recordCount: 6 }, /claims 5 records, the manifest says 6/],
    [{ sizeBytes: 1 }, /has \d+ bytes, the manifest says 1/],
    [{ checksum: "0".repeat(64) }, /SHA-256/],
    [{ uncompressedBytes: 10 }, /unpacks to more than the 10 bytes/],
    [{ uncompressedBytes: 1e6 }, /unpacks to \d+ bytes, the manifest says 1000000/],
  ];
  for (const [change, message] of wrong) {
    await assert.rejects(read(stored, { ...expected, ...change }), { message });
  }
});

Deno.test("segment: a newer version and an unknown codec are named", async () => {
  const { stored } = await pack(messages(2), { compression: "none" });
  const newer = stored.slice();
  newer[4] = 3;
  await assert.rejects(read(newer), { message: /format version 3; this tool knows 1 and 2/ });
  const unknown = stored.slice();
  unknown[5] = 9;
  await assert.rejects(read(unknown), { message: /codec 9/ });
});

Deno.test("segment: more or fewer records than announced cannot be packed", async () => {
  const records = messages(3).map(encodeRecord);
  const options = { firstTimestamp: 0, lastTimestamp: 0, compression: "none" } as const;
  for (const [list, recordCount] of [[records, 2], [records, 4], [[records[0]!.slice(1)], 1]]) {
    const packing = packSegment(list as Uint8Array[], {
      ...options,
      recordCount: recordCount as number,
    });
    await assert.rejects(Array.fromAsync(packing));
  }
});

Deno.test("segment: what the store throws passes through unchanged, and it is closed", async () => {
  const { stored } = await pack(messages(500), { compression: "zstd" });
  const failing = async function* () {
    yield stored.subarray(0, 300);
    throw new AppError("storage_unreachable", "Cannot reach the store");
  };
  const reader = openSegment(failing(), { name: "x" });
  await assert.rejects(Array.fromAsync(reader.records()), { message: "Cannot reach the store" });

  let closed = false;
  const watched = async function* () {
    try {
      yield* pieces(stored, 100);
    } finally {
      closed = true;
    }
  };
  for await (const chunk of openSegment(watched(), { name: "x" }).records()) {
    assert.ok(chunk.length > 0);
    break;
  }
  assert.ok(closed);
});
