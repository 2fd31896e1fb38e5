import { createHash } from "node:crypto";
import { decompress } from "../../archive/compression.ts";
import { RecordFingerprint } from "../../archive/fingerprint.ts";
import { compressionOfKey } from "../../archive/layout.ts";
import {
  type DefinitionsEntry,
  type Manifest,
  messagesIn,
  type QueueEntry,
  type SegmentEntry,
  totalsOf,
} from "../../archive/manifest.ts";
import { RecordParser } from "../../archive/record.ts";
import { expectedOf, openSegment } from "../../archive/segment.ts";
import type { MessageHead } from "../../message/message.ts";
import { readAll, type Storage } from "../../storage/storage.ts";
import { MAX_DEFINITIONS_BYTES } from "./definitions.ts";
import type { QueueWork } from "../progress.ts";

/** Where a check reads from. */
export interface CheckSource {
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/** What reading all segments of one queue, in order, tells about its content. */
export class QueueContent {
  records = 0;
  readonly #work: QueueWork;
  readonly #fingerprint = new RecordFingerprint();
  #bodyBytes = 0;
  #largestBody = 0;
  #first: number | undefined;
  #last: number | undefined;

  /** `work` is kept up to date while reading. */
  constructor(work: QueueWork) {
    this.#work = work;
  }

  /**
   * Reads one segment whole; returns what disagrees with the manifest.
   *
   * @throws {AppError} `damaged` when the segment is.
   */
  async read({ storage, signal }: CheckSource, segment: SegmentEntry): Promise<string[]> {
    const { reader, parser } = this.#open(storage.get(segment.key, { signal }), segment);
    this.#first = this.#last = undefined;
    for await (const piece of reader.records()) {
      signal.throwIfAborted();
      parser.push(piece);
      this.#work.messagesDone = this.records;
      this.#work.bytesDone += piece.length;
    }
    const header = await reader.header;
    const wanted = [segment.first_timestamp, segment.last_timestamp];
    return [
      ...differs("its header", [header.firstTimestamp, header.lastTimestamp], wanted),
      ...(segment.record_count === 0
        ? []
        : differs("its records", [this.#first, this.#last], wanted)),
    ];
  }

  /** What disagrees with the manifest once all segments are read. */
  problems(queue: QueueEntry, formatVersion: Manifest["format_version"]): string[] {
    const problems: string[] = [];
    const compare = (what: string, found: unknown, wanted: unknown) => {
      if (found !== wanted) {
        problems.push(`its segments have ${what} ${found}, the manifest says ${wanted}`);
      }
    };
    compare("message count", this.records, queue.message_count);
    // Version 1 knows neither.
    if (formatVersion === 1) return problems;
    compare("a sum of body sizes of", this.#bodyBytes, queue.body_bytes);
    compare("a largest body of", this.#largestBody, queue.largest_body);
    if (queue.capture !== null) {
      compare("fingerprint", this.#fingerprint.digest(), queue.capture.fingerprint);
    }
    return problems;
  }

  #open(stored: AsyncIterable<Uint8Array>, segment: SegmentEntry) {
    const reader = openSegment(stored, {
      name: segment.key,
      expected: expectedOf(segment),
    });
    const parser = new RecordParser({
      head: (head) => this.#head(head),
      body: (chunk) => this.#fingerprint.body(chunk),
      end: () => this.records++,
    });
    return { reader, parser };
  }

  #head(head: MessageHead): void {
    this.#fingerprint.head(head);
    this.#first ??= head.capturedAt;
    this.#last = head.capturedAt;
    this.#bodyBytes += head.bodySize;
    this.#largestBody = Math.max(this.#largestBody, head.bodySize);
  }
}

/** Reads an object and holds it against its checksum. */
export async function checkDefinitions(
  { storage, signal }: CheckSource,
  entry: DefinitionsEntry,
): Promise<string[]> {
  const hash = createHash("sha256");
  for await (const piece of storage.get(entry.key, { reuseMemory: true, signal })) {
    hash.update(piece);
  }
  return hash.digest("hex") === entry.checksum ? [] : ["its SHA-256 is not the manifest's"];
}

/**
 * Reads definitions of version 1, which have no checksum: they are to unpack to the manifest's size,
 * and to be JSON.
 */
export async function checkDefinitionsV1(
  { storage, signal }: CheckSource,
  entry: DefinitionsEntry,
): Promise<string[]> {
  const unpacked = decompress(storage.get(entry.key, { signal }), {
    compression: compressionOfKey(entry.key),
    formatVersion: 1,
    maxBytes: MAX_DEFINITIONS_BYTES,
  });
  const bytes = await readAll(unpacked, MAX_DEFINITIONS_BYTES);
  if (bytes.length !== entry.size_bytes) {
    return [`it unpacks to ${bytes.length} bytes, the manifest says ${entry.size_bytes}`];
  }
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return [];
  } catch {
    return ["it is no JSON"];
  }
}

/** What does not add up within a manifest. */
export function* sumProblems(
  manifest: Manifest,
): Generator<{ vhost: string; queue: string; key: string; problem: string }> {
  const totals = Object.entries(totalsOf(manifest.queues));
  for (const [name, total] of totals) {
    if (manifest[name as keyof Manifest] === total) continue;
    const problem = `the manifest says ${name} ${
      manifest[name as keyof Manifest]
    }, its queues add up to ${total}`;
    yield { vhost: "", queue: "", key: "", problem };
  }
  const seen = new Set<string>();
  for (const { vhost, name, message_count: count, segments } of manifest.queues) {
    const found = { vhost, queue: name, key: "" };
    const records = sum(segments.map(messagesIn));
    if (records !== count) {
      const problem = `the manifest says ${count} messages, its segments add up to ${records}`;
      yield { ...found, problem };
    }
    const identity = JSON.stringify([vhost, name]);
    if (seen.has(identity)) yield { ...found, problem: "the manifest names it twice" };
    seen.add(identity);
  }
}

function differs(
  whose: string,
  [first, last]: (number | undefined)[],
  [wantedFirst, wantedLast]: number[],
): string[] {
  if (first === wantedFirst && last === wantedLast) return [];
  return [
    `${whose} run from ${first} to ${last}, the manifest says ${wantedFirst} to ${wantedLast}`,
  ];
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
