import { RecordFingerprint } from "../../archive/fingerprint.ts";
import { RecordParser } from "../../archive/record.ts";
import { openSegment, packSegment } from "../../archive/segment.ts";
import { deliveryCount } from "../../message/broker_headers.ts";
import { readSpooled } from "../spool/spool.ts";
import type {
  PackedFile,
  PackJob,
  PackResult,
  PackTotals,
  SegmentJob,
  TotalsJob,
  UnpackJob,
} from "./protocol.ts";

const PIECES_BETWEEN_STOPS = 64;

/**
 * Does one job: yields the bytes to store, each piece valid until the next is asked for, and returns
 * what was learned. Runs in a pack worker.
 */
export function runPackJob(job: PackJob): AsyncGenerator<Uint8Array, PackResult> {
  switch (job.kind) {
    case "segment":
      return packSpooled(job);
    case "totals":
      return learnTotals(job);
    case "unpack":
      return unpackFile(job);
  }
}

async function* packSpooled(job: SegmentJob): AsyncGenerator<Uint8Array, PackedFile> {
  const { segment, compression, level, v1 } = job;
  const losses = new Set<string>();
  // What makes records of version 1 keeps views of what it is given.
  const records = readSpooled(segment.file, { reuseBuffer: v1 === undefined });
  const packed = yield* packSegment(records, {
    recordCount: segment.recordCount,
    firstTimestamp: segment.firstTimestamp,
    lastTimestamp: segment.lastTimestamp,
    compression,
    level,
    reuseMemory: true,
    ...(v1 === undefined ? {} : { v1: { ...v1, onInexact: (what) => losses.add(what) } }),
  });
  return { ...packed, losses: [...losses] };
}

/** Yields the records, split anywhere. */
async function* unpackFile(
  { path, ...segment }: UnpackJob,
): AsyncGenerator<Uint8Array, undefined> {
  const stored = readSpooled(path, { reuseBuffer: false });
  yield* openSegment(stored, segment).records({ reuseMemory: true });
}

/** Yields nothing, now and then, so that it can be stopped. */
async function* learnTotals(
  { segments, countsDeliveries }: TotalsJob,
): AsyncGenerator<Uint8Array, PackTotals> {
  const fingerprint = new RecordFingerprint();
  let highest: number | null = null;
  const parser = new RecordParser({
    head: (head) => {
      fingerprint.head(head);
      const count = countsDeliveries ? deliveryCount(head) : undefined;
      if (count !== undefined) highest = Math.max(highest ?? 0, count);
    },
    body: (chunk) => fingerprint.body(chunk),
    end: () => fingerprint.end(),
  });
  let pieces = 0;
  for (const { file } of segments) {
    for await (const chunk of readSpooled(file, { reuseBuffer: true })) {
      parser.push(chunk);
      if (++pieces % PIECES_BETWEEN_STOPS === 0) yield new Uint8Array(0);
    }
  }
  parser.finish();
  return { fingerprint: fingerprint.digest(), highest_delivery_count: highest };
}
