import { createHash } from "node:crypto";
import { type Compression, compressionOfKey, queueFolder } from "../../archive/layout.ts";
import type { QueueEntry, SegmentEntry, SkippedQueue } from "../../archive/manifest.ts";
import { RecordParser } from "../../archive/record.ts";
import { openSegment } from "../../archive/segment.ts";
import { type DefinedObject, type Definitions, objectsOf } from "../../definitions/document.ts";
import { AppError, messageOf } from "../../errors.ts";
import type { MessageHead } from "../../message/message.ts";
import type { Storage } from "../../storage/storage.ts";

/** A queue that is put together from its stored segments alone says so. */
const UNSURE =
  "it was put together from what is stored of it: how many messages it had is not known";

/** What is told of queues by their segments. */
export interface RebuiltQueues {
  readonly queues: QueueEntry[];
  readonly skipped: SkippedQueue[];
  readonly warnings: string[];
  readonly compression: Compression | undefined;
}

/** A queue by its names, and what definitions say of it. */
interface KnownQueue {
  readonly vhost: string;
  readonly name: string;
  readonly defined?: DefinedObject;
}

/**
 * Puts the queues of an unfinished backup together from its stored segments: reads them all, and takes
 * of each queue those that follow one another. Names are those of the definitions, or the folder's own
 * where that tells it.
 */
export async function rebuildQueues(
  storage: Storage,
  { backupId, definitions, signal }: {
    backupId: string;
    definitions: Definitions | undefined;
    signal: AbortSignal;
  },
): Promise<RebuiltQueues> {
  const known = knownQueues(backupId, definitions);
  const queues: QueueEntry[] = [];
  const skipped: SkippedQueue[] = [];
  const warnings: string[] = [];
  let compression: Compression | undefined;
  for (const [folder, keys] of await keysByFolder(storage, backupId)) {
    const queue = known.get(folder) ?? plainQueue(backupId, folder);
    if (queue === undefined) {
      warnings.push(`the segments in ${folder} are of a queue whose name is not known`);
      continue;
    }
    const skip = (reason: string) => skipped.push(skippedQueue(queue, reason));
    if (definedType(queue.defined) === "stream") {
      skip("it is a stream, which cannot be put together from storage alone");
      continue;
    }
    const found = await readQueue(storage, { queue, keys, signal });
    if (typeof found === "string") skip(found);
    else {
      queues.push(found);
      compression ??= compressionOfKey(found.segments[0]!.key);
    }
  }
  return { queues, skipped, warnings, compression };
}

/** Queues that definitions name, by their folders. */
function knownQueues(
  backupId: string,
  definitions: Definitions | undefined,
): Map<string, KnownQueue> {
  const all = definitions === undefined ? [] : objectsOf(definitions, "queues");
  return new Map(all.map((defined) => {
    const [vhost, name] = [String(defined.vhost), String(defined.name)];
    return [queueFolder(backupId, vhost, name), { vhost, name, defined }];
  }));
}

/** The queue whose name its folder is; undefined where the folder is a hash of it. */
function plainQueue(backupId: string, folder: string): KnownQueue | undefined {
  const [vhostPart = "", name = ""] = folder.split("/").slice(-2);
  const vhost = vhostPart === "_default" ? "/" : vhostPart;
  return queueFolder(backupId, vhost, name) === folder ? { vhost, name } : undefined;
}

async function keysByFolder(storage: Storage, backupId: string): Promise<Map<string, string[]>> {
  const folders = new Map<string, string[]>();
  for await (const { key } of storage.list(`${backupId}/queues/`)) {
    const folder = key.slice(0, key.lastIndexOf("/"));
    folders.set(folder, [...folders.get(folder) ?? [], key]);
  }
  return folders;
}

/** The entry of a queue, or why there is none. */
async function readQueue(
  storage: Storage,
  { queue, keys, signal }: { queue: KnownQueue; keys: readonly string[]; signal: AbortSignal },
): Promise<QueueEntry | string> {
  const segments: SegmentEntry[] = [];
  const totals = { body_bytes: 0, largest_body: 0, message_count: 0 };
  let end = "";
  for (let sequence = 1;; sequence++) {
    const key = keys.find((one) => sequenceOf(one) === sequence);
    if (key === undefined) break;
    try {
      const { entry, bodyBytes, largestBody } = await readSegment(storage, {
        key,
        sequence,
        signal,
      });
      const last = segments.at(-1)?.last_timestamp ?? -Infinity;
      // Left by an earlier reading of the queue, which was begun anew.
      if (entry.first_timestamp < last) break;
      segments.push(entry);
      totals.message_count += entry.record_count;
      totals.body_bytes += bodyBytes;
      totals.largest_body = Math.max(totals.largest_body, largestBody);
    } catch (error) {
      if (!(error instanceof AppError) || !["damaged", "refused"].includes(error.code)) throw error;
      end = messageOf(error);
      break;
    }
  }
  if (segments.length === 0) return end === "" ? "its first segment is not stored" : end;
  const { vhost, name, defined } = queue;
  return {
    vhost,
    name,
    queue_type: definedType(defined),
    durable: defined?.durable !== false,
    auto_delete: defined?.auto_delete === true,
    arguments: { ...defined?.arguments as Record<string, unknown> | undefined },
    segments,
    ...totals,
    first_message_timestamp: segments[0]!.first_timestamp,
    last_message_timestamp: segments.at(-1)!.last_timestamp,
    capture: null,
    partial: end === "" ? UNSURE : `${UNSURE}; ${end}`,
  };
}

/** Reads a segment whole, against its own checks. */
async function readSegment(
  storage: Storage,
  { key, sequence, signal }: { key: string; sequence: number; signal: AbortSignal },
): Promise<{ entry: SegmentEntry; bodyBytes: number; largestBody: number }> {
  const sha = createHash("sha256");
  let size = 0;
  async function* hashed() {
    for await (const chunk of storage.get(key, { signal })) {
      sha.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  let [unpacked, bodyBytes, largestBody] = [0, 0, 0];
  const reader = openSegment(hashed(), { name: key });
  const { formatVersion, recordCount, firstTimestamp, lastTimestamp } = await reader.header;
  if (formatVersion === 1) {
    throw new AppError("refused", "format rbak-v1 cannot be put together from storage alone");
  }
  const parser = new RecordParser({
    head: (head) => {
      if (isChunk(head)) {
        throw new AppError("refused", "it is a stream, which cannot be put together from storage");
      }
      bodyBytes += head.bodySize;
      largestBody = Math.max(largestBody, head.bodySize);
    },
    body: () => {},
    end: () => {},
  });
  for await (const piece of reader.records()) {
    parser.push(piece);
    unpacked += piece.length;
  }
  const entry: SegmentEntry = {
    key,
    sequence,
    record_count: recordCount,
    size_bytes: size,
    uncompressed_bytes: unpacked,
    first_timestamp: firstTimestamp,
    last_timestamp: lastTimestamp,
    checksum: sha.digest("hex"),
  };
  return { entry, bodyBytes, largestBody };
}

/** A message that came through the default exchange has its queue's name as routing key. */
function isChunk({ exchange, routingKey }: MessageHead): boolean {
  return exchange.length === 0 && routingKey.length === 0;
}

function sequenceOf(key: string): number {
  return Number(/segment-(\d+)/.exec(key.slice(key.lastIndexOf("/")))?.[1] ?? 0);
}

/** The type of a queue by its definition. */
export function definedType(defined: DefinedObject | undefined): string {
  const type = (defined?.arguments as Record<string, unknown> | undefined)?.["x-queue-type"];
  return typeof type === "string" ? type : "classic";
}

function skippedQueue({ vhost, name, defined }: KnownQueue, reason: string): SkippedQueue {
  return { vhost, name, queue_type: definedType(defined), kind: "failed", reason };
}
