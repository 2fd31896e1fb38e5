import type { Compression } from "../archive/layout.ts";
import type { SpooledSegment } from "../checkpoint/rows.ts";

/** What the worker is asked to do with one queue. */
export interface PackJob {
  segments: readonly SpooledSegment[];
  /** How many leading segments are in storage already: they are read for the totals only. */
  alreadyStored: number;
  compression: Compression;
  level: number;
  format: "v2" | "rbak-v1";
  vhost: string;
  queue: string;
}

/** Size and checksum of a packed segment. */
export interface PackedFile {
  sizeBytes: number;
  uncompressedBytes: number;
  checksum: string;
}

/** What was learned from all records of the queue. */
export interface PackTotals {
  fingerprint: string;
  highestDeliveryCount: number | null;
  /** What format version 1 cannot hold exactly, one text a kind of loss. */
  losses: string[];
}

/** One step of a job, pulled by `next`. */
export type PackStep =
  | { type: "segment"; index: number }
  | { type: "bytes"; bytes: Uint8Array }
  | { type: "segment_end"; packed: PackedFile }
  | { type: "totals"; totals: PackTotals };

/** To the worker. */
export type PackRequest =
  | { type: "start"; id: number; job: PackJob }
  | { type: "next"; id: number }
  | { type: "stop"; id: number };

/** From the worker. */
export type PackReply =
  | { type: "step"; id: number; step: PackStep | undefined }
  | { type: "error"; id: number; code: string; message: string; hint: string | undefined };
