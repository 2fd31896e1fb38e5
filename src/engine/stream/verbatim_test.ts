/** What is captured is what is put back: chunks through spool, segments and publish frames. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { streamMessages } from "../../../tests/helpers/amqp10_messages.ts";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { type EntrySpec, streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { tempDir } from "../../../tests/helpers/temp.ts";
import { openSegment, packSegment } from "../../archive/segment.ts";
import { FrameSplitter } from "../../broker/stream/frame_splitter.ts";
import { COMMAND } from "../../broker/stream/protocol.ts";
import { frameOf } from "../../broker/stream/wire.ts";
import { ChunkParser } from "../../message/stream_chunk.ts";
import { readSpooled } from "../spool/spool.ts";
import { ChunkSpool, type SpooledStreamSegment } from "./chunk_spool.ts";
import { readEntries } from "./entries.ts";

const entries: fc.Arbitrary<EntrySpec[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ body: streamMessages }) },
    {
      weight: 1,
      arbitrary: fc.record({
        body: fc.uint8Array({ minLength: 1, maxLength: 300 }),
        batch: fc.record({ codec: fc.nat(4), records: fc.integer({ min: 1, max: 0xffff }) }),
      }),
    },
  ),
  { minLength: 1, maxLength: 6 },
);
const chunks = fc.array(
  fc.record({ entries, gap: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(50)) }),
  { minLength: 1, maxLength: 6 },
);

/** Deliveries as a socket gives them, in pieces of these sizes, in one and the same memory. */
function deliver(spool: ChunkSpool, wire: Uint8Array, sizes: readonly number[]): void {
  const parser = new ChunkParser(spool);
  const splitter = new FrameSplitter({
    frame: () => assert.fail("there are deliveries only"),
    delivery: (_, size) => parser.begin(size),
    chunkBytes: (piece) => parser.push(piece),
    deliveryEnd: () => parser.end(),
  });
  const memory = new Uint8Array(Math.max(...sizes));
  for (let at = 0, round = 0; at < wire.length; round++) {
    const piece = wire.subarray(at, at + sizes[round % sizes.length]!);
    memory.set(piece);
    splitter.push(memory.subarray(0, piece.length));
    memory.fill(0xee);
    at += piece.length;
  }
}

Deno.test("property: every AMQP 1.0 type, and bytes that are none, come back byte for byte", async () => {
  await using folder = await tempDir();
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      chunks,
      fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 6 }),
      fc.constantFrom("zstd" as const, "lz4" as const, "none" as const),
      fc.integer({ min: 100, max: 5000 }),
      async (specs, sizes, compression, segmentMaxBytes) => {
        let offset = 7;
        const expected: [bigint, number, number | undefined, string][] = [];
        const wire = specs.map(({ entries, gap }) => {
          offset += gap;
          const chunk = streamChunk({ offset, entries });
          for (const { body, batch } of entries) {
            const records = batch?.records ?? 1;
            expected.push([BigInt(offset + 1), records, batch?.codec, body.toHex()]);
            offset += records;
          }
          return frameOf(COMMAND.deliver, (writer) => {
            writer.octet(1);
            writer.raw(chunk);
          });
        });
        const segments: SpooledStreamSegment[] = [];
        using spool = new ChunkSpool({
          folder: folder.join(`${round++}`),
          sequence: 1,
          next: 7n,
          segmentMaxBytes,
          onSegment: (segment) => segments.push(segment),
          onChunk: () => {},
        });
        deliver(spool, concat(...wire), sizes);
        spool.finish();
        const found: typeof expected = [];
        for (const segment of segments) {
          const packed = packSegment(readSpooled(segment.file, { reuseBuffer: true }), {
            ...segment,
            compression,
          });
          const stored: Uint8Array[] = [];
          for await (const piece of packed) stored.push(piece.slice());
          const records = openSegment(
            (async function* () {
              yield* stored;
            })(),
            { name: "s" },
          ).records();
          for await (const some of readEntries(records)) {
            for (const { id, records, batch, body } of some) {
              found.push([id, records, batch?.codec, body.toHex()]);
            }
          }
        }
        assert.deepEqual(found, expected);
      },
    ),
    { numRuns: 60 },
  );
});
