import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { type ChunkSpec, streamChunk } from "../../../tests/helpers/stream_chunks.ts";
import { encodeChunkHead } from "../../archive/chunk_record.ts";
import { decodeChunkHeader } from "../../message/stream_chunk.ts";
import { type EntryChoice, readEntries } from "./entries.ts";

const TIME = 1_700_000_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array) => new TextDecoder().decode(body);

/** A record with a chunk. */
function recordOf(spec: ChunkSpec): Uint8Array {
  const chunk = streamChunk(spec);
  const target = new Uint8Array(64);
  const header = decodeChunkHeader(chunk);
  const end = encodeChunkHead(header, chunk.length, { target, offset: 0 });
  return concat(target.subarray(0, end), chunk);
}

/** Messages with their lengths in front; the helper says twice the size of what is packed. */
function batchOf(messages: readonly string[]) {
  const content = concat(
    ...messages.map((one) => concat(Uint8Array.of(0, 0, 0, one.length), bytes(one))),
  );
  return { body: content, batch: { codec: 0, records: messages.length } };
}

/** Offsets 10 to 19: two messages, a batch of five, three messages; written at TIME and a second later. */
const RECORDS = [
  recordOf({
    offset: 10,
    timestamp: TIME,
    entries: [
      { body: bytes("m10") },
      { body: bytes("m11") },
      batchOf(["m12", "m13", "m14", "m15", "m16"]),
    ],
  }),
  recordOf({
    offset: 17,
    timestamp: TIME + 1000,
    entries: ["m17", "m18", "m19"].map((one) => ({ body: bytes(one) })),
  }),
];

async function read(choice?: EntryChoice, records = RECORDS) {
  async function* pieces() {
    // Split inside of heads and bodies.
    for (const record of records) {
      for (let at = 0; at < record.length; at += 7) yield record.slice(at, at + 7);
    }
  }
  const entries = (await Array.fromAsync(readEntries(pieces(), choice))).flat();
  return entries.map(({ id, records: count, batch, body }) =>
    batch === undefined ? [Number(id), text(body)] : [Number(id), count]
  );
}

Deno.test("readEntries: a batch is cut where a window of offsets cuts it, and stays whole elsewhere", async () => {
  assert.deepEqual(await read(), [
    ...[[11, "m10"], [12, "m11"], [13, 5]],
    ...[[18, "m17"], [19, "m18"], [20, "m19"]],
  ]);
  assert.deepEqual(await read({ offsets: { first: 11, last: 17 } }), [
    ...[[12, "m11"], [13, 5], [18, "m17"]],
  ]);
  assert.deepEqual(await read({ offsets: { first: 14, last: 15 } }), [[15, "m14"], [16, "m15"]]);
  assert.deepEqual(await read({ offsets: { first: 16, last: Infinity } }), [
    ...[[17, "m16"], [18, "m17"], [19, "m18"], [20, "m19"]],
  ]);
  assert.deepEqual(await read({ offsets: { first: 20, last: 30 } }), []);
  const early = { start: 0, end: TIME, field: "backed_up_at" } as const;
  assert.deepEqual(await read({ time: early, offsets: { first: 16, last: 30 } }), [[17, "m16"]]);
});

Deno.test("readEntries: what is changed is told where each message stood, those of batches as well", async () => {
  const change = (
    message: Uint8Array,
    { offset, timestamp }: { offset: bigint; timestamp: number },
  ) => bytes(`${text(message)} ${offset} ${timestamp - TIME}`);
  assert.deepEqual(await read({ change, offsets: { first: 11, last: 17 } }), [
    ...[[12, "m11 11 0"], [13, "m12 12 0"], [14, "m13 13 0"], [15, "m14 14 0"]],
    ...[[16, "m15 15 0"], [17, "m16 16 0"], [18, "m17 17 1000"]],
  ]);
});

Deno.test("readEntries: a batch that cannot be taken apart is an error only where it has to be", async () => {
  const odd = { body: new Uint8Array(gzipSync(bytes("odd"))), batch: { codec: 1, records: 2 } };
  const records = [recordOf({ offset: 5, entries: [odd] })];
  assert.deepEqual(await read({}, records), [[6, 2]]);
  await assert.rejects(read({ offsets: { first: 6, last: 9 } }, records), {
    code: "failed",
    message: /^Cannot unpack a batch: .*, at offset 5$/,
  });
});
