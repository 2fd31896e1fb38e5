import type { CaptureReport } from "../../archive/manifest.ts";
import type { ExpectedSegment, PackedSegment } from "../../archive/segment.ts";
import type { Compression } from "../../archive/layout.ts";
import type { SpooledSegment } from "../../checkpoint/rows.ts";

/** One spooled segment to be made into a segment file. */
export interface SegmentJob {
  kind: "segment";
  segment: SpooledSegment;
  compression: Compression;
  level: number | undefined;
  /** Write format version 1, whose records name their queue and are numbered through it. */
  v1?: { vhost: string; queue: string; firstDeliveryTag: number };
}

/** All records of one queue to be looked at, in order. */
export interface TotalsJob {
  kind: "totals";
  segments: readonly SpooledSegment[];
  /** The broker counts deliveries of this queue's messages: it is a quorum queue. */
  countsDeliveries: boolean;
}

/** A segment file on the local disk, whose records are wanted. */
export interface UnpackJob {
  kind: "unpack";
  path: string;
  /** Stands in error messages. */
  name: string;
  expected: ExpectedSegment;
}

export type PackJob = SegmentJob | TotalsJob | UnpackJob;

/** What the manifest says of a packed segment, and what its format could not hold exactly. */
export interface PackedFile extends PackedSegment {
  /** One text a kind of loss; format version 1 only. */
  losses: string[];
}

/** What was learned from all records of the queue. */
export type PackTotals = Pick<CaptureReport, "fingerprint" | "highest_delivery_count">;

export type PackResult = PackedFile | PackTotals | undefined;

/**
 * To the worker. Each `next` is answered by one reply. It brings back the memory of the piece before:
 * thrown away, as much as the whole output would wait for the garbage collection of both threads.
 */
export type PackRequest =
  | { type: "start"; id: number; job: PackJob }
  | { type: "next"; id: number; spare?: ArrayBuffer }
  | { type: "stop"; id: number };

/** From the worker. */
export type PackReply =
  | { type: "bytes"; id: number; bytes: Uint8Array }
  | { type: "end"; id: number; result: PackResult }
  | { type: "error"; id: number; code: string; message: string; hint: string | undefined };
