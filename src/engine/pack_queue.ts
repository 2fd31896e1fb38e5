import { RecordFingerprint } from "../archive/fingerprint.ts";
import { RecordParser } from "../archive/record.ts";
import { packSegment } from "../archive/segment.ts";
import type { SpooledSegment } from "../checkpoint/rows.ts";
import { headerValue } from "../message/properties.ts";
import type { PackJob, PackStep } from "./pack_protocol.ts";

/** Below what the compressor passes on uncopied, so that one buffer serves for all reads. */
const READ_BYTES = 128 * 1024;

/** Packs the spooled segments of one queue; runs in the pack worker. */
export async function* packQueue(job: PackJob): AsyncGenerator<PackStep> {
  const fingerprint = new RecordFingerprint();
  const losses = new Set<string>();
  let highest: number | null = null;
  const parser = new RecordParser({
    head: (head) => {
      fingerprint.head(head);
      const count = deliveryCount(head.properties);
      if (count !== undefined) highest = Math.max(highest ?? 0, count);
    },
    body: (chunk) => fingerprint.body(chunk),
    end: () => fingerprint.end(),
  });
  let firstDeliveryTag = 1;
  for (const [index, segment] of job.segments.entries()) {
    const records = observed(readFile(segment.file, job), (chunk) => parser.push(chunk));
    if (index < job.alreadyStored) {
      for await (const _chunk of records);
    } else {
      yield { type: "segment", index };
      yield* packOne(job, { segment, records, firstDeliveryTag, losses });
    }
    firstDeliveryTag += segment.recordCount;
  }
  parser.finish();
  yield {
    type: "totals",
    totals: {
      fingerprint: fingerprint.digest(),
      highestDeliveryCount: highest,
      losses: [...losses],
    },
  };
}

/** The broker's count of deliveries; undefined without one, also where a client sent nonsense. */
function deliveryCount(properties: Uint8Array): number | undefined {
  try {
    const header = headerValue(properties, "x-delivery-count");
    if (header === undefined || !("value" in header)) return undefined;
    const { value } = header;
    return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

async function* packOne(
  job: PackJob,
  input: {
    segment: SpooledSegment;
    records: AsyncIterable<Uint8Array>;
    firstDeliveryTag: number;
    losses: Set<string>;
  },
): AsyncGenerator<PackStep> {
  const { segment, records, firstDeliveryTag, losses } = input;
  const { vhost, queue } = job;
  const onInexact = (what: string) => losses.add(what);
  const packing = packSegment(records, {
    recordCount: segment.recordCount,
    firstTimestamp: segment.firstTimestamp,
    lastTimestamp: segment.lastTimestamp,
    compression: job.compression,
    level: job.level,
    ...(job.format === "rbak-v1" ? { v1: { vhost, queue, firstDeliveryTag, onInexact } } : {}),
  });
  for (;;) {
    const { value, done } = await packing.next();
    if (done) {
      yield { type: "segment_end", packed: value };
      return;
    }
    yield { type: "bytes", bytes: value };
  }
}

async function* observed(
  source: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

/**
 * A file in pieces, all in the same buffer: garbage of this size would outgrow the memory that is
 * set. Only what makes records of version 1 keeps views of them.
 */
async function* readFile(path: string, { format }: PackJob): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  let buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const read = await file.read(buffer);
    if (read === null) return;
    yield buffer.subarray(0, read);
    if (format === "rbak-v1") buffer = new Uint8Array(READ_BYTES);
  }
}
