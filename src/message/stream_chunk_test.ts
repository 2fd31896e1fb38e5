import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../tests/helpers/amqp_wire.ts";
import { type EntrySpec, streamChunk } from "../../tests/helpers/stream_chunks.ts";
import { AppError } from "../errors.ts";
import { ChunkParser, nextOffset, type StreamEntry } from "./stream_chunk.ts";

const bytes = (max: number) => fc.uint8Array({ maxLength: max });
const entrySpecs: fc.Arbitrary<EntrySpec[]> = fc.array(
  fc.oneof(
    fc.record({ body: bytes(40) }),
    fc.record({
      body: bytes(40),
      batch: fc.record({ codec: fc.nat(4), records: fc.nat(0xffff) }),
    }),
  ),
  { maxLength: 8 },
);

/** Parses a chunk that comes in pieces of the given sizes. */
function parse(chunk: Uint8Array, sizes: readonly number[] = []) {
  const found = {
    entries: [] as (StreamEntry & { body: Uint8Array })[],
    passed: [] as Uint8Array[],
  };
  let pieces: Uint8Array[] = [];
  let open: StreamEntry | undefined;
  let next: bigint | undefined;
  const parser = new ChunkParser({
    header: (_, raw, size) => {
      assert.equal(size, chunk.length);
      found.passed.push(raw);
    },
    bytes: (piece) => found.passed.push(piece.slice()),
    entry: (entry) => open = entry,
    body: (piece) => pieces.push(piece.slice()),
    entryEnd: () => {
      found.entries.push({ ...open!, body: concat(...pieces) });
      pieces = [];
    },
    end: (header) => next = nextOffset(header),
  });
  parser.begin(chunk.length);
  let at = 0;
  for (const size of [...sizes, chunk.length]) {
    parser.push(chunk.subarray(at, at + size));
    at += size;
  }
  parser.end();
  return { ...found, next };
}

Deno.test("ChunkParser: every entry comes out as it went in, however the bytes are split", () => {
  fc.assert(fc.property(
    entrySpecs,
    fc.array(fc.nat(30), { maxLength: 12 }),
    fc.nat(1e9),
    (entries, sizes, offset) => {
      const chunk = streamChunk({ offset, entries });
      const found = parse(chunk, sizes);
      assert.deepEqual(
        found.entries.map(({ body, records, batch }) => ({ body, records, codec: batch?.codec })),
        entries.map(({ body, batch }) => ({
          body,
          records: batch?.records ?? 1,
          codec: batch?.codec,
        })),
      );
      assert.deepEqual(concat(...found.passed), chunk);
      const records = entries.reduce((sum, { batch }) => sum + (batch?.records ?? 1), 0);
      assert.equal(found.next, BigInt(offset + records));
    },
  ));
});

Deno.test("ChunkParser: a byte of the entries that is another is found", () => {
  const entries = [{ body: Uint8Array.of(1, 2, 3) }, { body: Uint8Array.of(4) }];
  const chunk = streamChunk({ offset: 7, entries });
  for (let at = 48; at < chunk.length; at++) {
    const damaged = chunk.slice();
    damaged[at]! ^= 1;
    assert.throws(() => parse(damaged), { code: "damaged" });
  }
  // What the header says of the entries, too.
  for (const at of [0, 3, 7, 35, 39]) {
    const damaged = chunk.slice();
    damaged[at]! ^= 1;
    assert.throws(() => parse(damaged), { code: "damaged" });
  }
  assert.throws(() => parse(chunk.subarray(0, -1)), { code: "damaged" });
});

Deno.test("ChunkParser: chunks of tracking pass with their trailer, and are no messages", () => {
  const trailer = Uint8Array.of(0, 2, 109, 101, 0, 0, 0, 0, 0, 0, 0, 9);
  const messages = streamChunk({ offset: 1, entries: [{ body: Uint8Array.of(1) }], trailer });
  assert.equal(parse(messages).entries.length, 1);
  const tracking = streamChunk({ offset: 2, type: 1, entries: [{ body: Uint8Array.of(1, 9) }] });
  const found = parse(tracking);
  assert.deepEqual(found.entries, []);
  assert.equal(found.next, 3n);
});

Deno.test("ChunkParser: arbitrary bytes are an error or a chunk, nothing else", () => {
  const head = streamChunk({ offset: 1, entries: [] });
  fc.assert(fc.property(
    fc.oneof(bytes(200), bytes(150).map((tail) => concat(head, tail))),
    fc.array(fc.tuple(fc.nat(199), fc.nat(255)), { maxLength: 4 }),
    (chunk, changes) => {
      const changed = chunk.slice();
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      try {
        parse(changed);
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === "damaged", String(error));
      }
    },
  ));
});
