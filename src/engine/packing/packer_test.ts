import assert from "node:assert/strict";
import { join } from "node:path";
import { concat } from "../../../tests/helpers/amqp_wire.ts";
import { tempDir } from "../../../tests/helpers/temp.ts";
import { RecordFingerprint } from "../../archive/fingerprint.ts";
import { encodeRecord, RecordParser } from "../../archive/record.ts";
import { openSegment } from "../../archive/segment.ts";
import type { SpooledSegment } from "../../checkpoint/rows.ts";
import type { AppError } from "../../errors.ts";
import { Packer } from "./packer.ts";

const COMPRESSIONS = ["zstd", "lz4", "none"] as const;
const encoder = new TextEncoder();

/** One header, `x-delivery-count`, as the broker writes it. */
function countedProperties(count: number): Uint8Array {
  const name = encoder.encode("x-delivery-count");
  const entry = concat(Uint8Array.of(name.length), name, encoder.encode("l"), new Uint8Array(8));
  entry[entry.length - 1] = count;
  const flags = Uint8Array.of(0x20, 0, 0, 0, 0, entry.length);
  return concat(flags, entry);
}

function record(number: number, properties: Uint8Array = Uint8Array.of(0, 0)): Uint8Array {
  // Not to be compressed away: pieces of the packed file are to be many.
  const body = new Uint8Array(1000 + number % 7).map((_, at) =>
    Math.imul(number * 4099 + at, 2654435761) >>> 24
  );
  const head = {
    capturedAt: 1_700_000_000_000 + number,
    redelivered: number % 2 === 0,
    exchange: encoder.encode("x"),
    routingKey: encoder.encode(`key.${number}`),
    properties,
    bodySize: body.length,
  };
  return encodeRecord({ head, body });
}

async function spooled(folder: string, name: string, records: Uint8Array[]) {
  const file = join(folder, name);
  const bytes = concat(...records);
  await Deno.writeFile(file, bytes);
  const segment: SpooledSegment = {
    file,
    recordCount: records.length,
    bytes: bytes.length,
    firstTimestamp: 1,
    lastTimestamp: 2,
  };
  return { segment, bytes };
}

const { signal } = new AbortController();

for (const compression of COMPRESSIONS) {
  Deno.test(`Packer: packs two segments at once with ${compression}, byte for byte`, async () => {
    await using folder = await tempDir();
    using packer = new Packer();
    const packed = await Promise.all([0, 1].map(async (index) => {
      const records = Array.from({ length: 1500 }, (_, at) => record(index * 1500 + at));
      const { segment, bytes } = await spooled(folder.path, `s${index}`, records);
      const pieces: Uint8Array[] = [];
      const job = packer.segment({ segment, compression, level: 3 });
      let next = await job.next();
      // Copied, as a storage has to: the memory is used again.
      for (; !next.done; next = await job.next()) pieces.push(next.value.slice());
      return { bytes, file: concat(...pieces), result: next.value };
    }));
    for (const { bytes, file, result } of packed) {
      assert.equal(result.sizeBytes, file.length);
      assert.equal(result.uncompressedBytes, bytes.length);
      assert.deepEqual(result.losses, []);
      const expected = { ...result, recordCount: 1500 };
      const reader = openSegment(ReadableStream.from([file]), { name: "packed", expected });
      const records = await Array.fromAsync(reader.records());
      assert.ok(Buffer.from(concat(...records)).equals(bytes));
    }
  });
}

Deno.test("Packer: totals of all segments are those of one pass over their records", async () => {
  await using folder = await tempDir();
  using packer = new Packer();
  const first = await spooled(folder.path, "s1", [record(1), record(2, countedProperties(7))]);
  const second = await spooled(folder.path, "s2", [record(3, countedProperties(3)), record(4)]);
  const fingerprint = new RecordFingerprint();
  const parser = new RecordParser(fingerprint);
  parser.push(first.bytes);
  parser.push(second.bytes);
  const expected = fingerprint.digest();
  assert.deepEqual(
    await packer.totals({ segments: [first.segment, second.segment], countsDeliveries: true }, {
      signal,
    }),
    {
      fingerprint: expected,
      highest_delivery_count: 7,
    },
  );
  const other = await packer.totals({
    segments: [second.segment, first.segment],
    countsDeliveries: true,
  }, { signal });
  assert.notEqual(other.fingerprint, expected);
  assert.equal(other.highest_delivery_count, 7);
  const uncounted = await spooled(folder.path, "s3", [record(5)]);
  assert.equal(
    (await packer.totals({ segments: [uncounted.segment], countsDeliveries: true }, { signal }))
      .highest_delivery_count,
    null,
  );
});

Deno.test("Packer: a spooled file that is gone or damaged is an error of its job only", async () => {
  await using folder = await tempDir();
  using packer = new Packer();
  const { segment } = await spooled(folder.path, "s1", [record(1)]);
  const pack = (change: Partial<SpooledSegment>) =>
    packer.segment({ segment: { ...segment, ...change }, compression: "none", level: 3 });
  const run = (change: Partial<SpooledSegment>) => Array.fromAsync(pack(change));
  await assert.rejects(() => run({ file: join(folder.path, "gone") }), {
    message: /^Cannot pack spooled messages: .*gone/,
  });
  await Deno.writeFile(join(folder.path, "cut"), record(1).subarray(0, 500));
  await assert.rejects(
    () => run({ file: join(folder.path, "cut") }),
    (error: AppError) => error.code === "damaged",
  );
  assert.ok((await run({})).length > 0);
});

Deno.test("Packer: a job that is left half-way, and totals that are stopped, end", async () => {
  await using folder = await tempDir();
  using packer = new Packer();
  const records = Array.from({ length: 3000 }, (_, at) => record(at));
  const { segment } = await spooled(folder.path, "s1", records);
  for await (const _ of packer.segment({ segment, compression: "none", level: 3 })) break;
  const many = Array.from({ length: 20 }, () => segment);
  const stop = new AbortController();
  const totals = packer.totals({ segments: many, countsDeliveries: true }, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(() => totals, { message: "enough" });
  assert.match(
    (await packer.totals({ segments: [segment], countsDeliveries: true }, { signal })).fingerprint,
    /^[0-9a-f]{64}$/,
  );
});
