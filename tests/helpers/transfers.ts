/** The memory that large transfers take, of a process with nothing else in it. */
import { randomFillSync } from "node:crypto";
import { V8_FLAGS } from "../../scripts/build/runtime_flags.ts";
import type { SegmentEntry } from "../../src/archive/manifest.ts";
import { encodeRecord } from "../../src/archive/record.ts";
import type { SpooledSegment } from "../../src/checkpoint/rows.ts";
import type { TempDir } from "./temp.ts";

/** What `transfer_process.ts` is told, as its one argument. */
export interface TransferOrder {
  /** Keys of `storage` in the YAML file. */
  readonly storage: Record<string, unknown>;
  /** A segment as the spool holds it, which is stored so many times at once. */
  readonly spooled: SpooledSegment;
  readonly count: number;
  /** For what is fetched. */
  readonly folder: string;
  /** These are fetched at once, and nothing is stored. */
  readonly fetch?: readonly SegmentEntry[];
}

/** What came of it. */
export interface Transferred {
  /** Largest resident set (VmHWM). */
  readonly peakBytes: number;
  readonly entries: readonly SegmentEntry[];
}

const BODY_BYTES = 64 * 1024;

/** Writes a spooled segment of so many bytes, which nothing can compress. */
export async function spoolRandom(dir: TempDir, bytes: number): Promise<SpooledSegment> {
  const file = dir.join("spooled");
  using out = await Deno.open(file, { write: true, create: true });
  const empty = new Uint8Array(0);
  const body = new Uint8Array(BODY_BYTES);
  const written = { recordCount: 0, bytes: 0 };
  while (written.bytes < bytes) {
    const head = {
      capturedAt: written.recordCount,
      redelivered: false,
      exchange: empty,
      routingKey: empty,
      properties: Uint8Array.of(0, 0),
      bodySize: BODY_BYTES,
    };
    randomFillSync(body);
    const record = encodeRecord({ head, body });
    for (let at = 0; at < record.length;) at += await out.write(record.subarray(at));
    written.recordCount++;
    written.bytes += record.length;
  }
  return { file, ...written, firstTimestamp: 0, lastTimestamp: written.recordCount - 1 };
}

/** Runs the process to its end, as the builds run the program. */
export async function transfer(order: TransferOrder): Promise<Transferred> {
  const process = new URL("./transfer_process.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", V8_FLAGS, process, JSON.stringify(order)],
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`Cannot move segments: ${decoder.decode(stderr)}`);
  return JSON.parse(decoder.decode(stdout));
}
