/**
 * A process that moves segments as a backup or a restore does, several at once, and tells its peak
 * memory; see `transfers.ts`. What a backup loads is loaded, too.
 */
import "../../src/engine/backup/backup.ts";
import "../../src/engine/restore/restore.ts";
import { Packer } from "../../src/engine/packing/packer.ts";
import { fetchSegment } from "../../src/engine/stored/segment_fetch.ts";
import { StorageMappingSchema } from "../../src/config/schema/storage.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { SegmentEntry } from "../../src/archive/manifest.ts";
import type { TransferOrder } from "./transfers.ts";

const { signal } = new AbortController();
const order = JSON.parse(Deno.args[0]!) as TransferOrder;
const storage = await openStorage(StorageMappingSchema.parse(order.storage));
const entries = order.fetch === undefined
  ? await store(storage, order)
  : await fetchAll(storage, order.fetch, order);
await storage.close();
const status = await Deno.readTextFile("/proc/self/status");
const peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) * 1024;
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ peakBytes, entries })));

async function store(
  storage: Storage,
  { count, spooled }: TransferOrder,
): Promise<SegmentEntry[]> {
  using packer = new Packer();
  const keys = Array.from({ length: count }, (_, index) => `b/segment-${index}`);
  return await Promise.all(keys.map(async (key, index) => {
    let packed;
    async function* bytes() {
      packed = yield* packer.segment({ segment: spooled, compression: "zstd", level: 3 });
    }
    await storage.put(key, bytes(), { signal });
    const { sizeBytes, uncompressedBytes, checksum } = packed!;
    return {
      key,
      sequence: index + 1,
      record_count: spooled.recordCount,
      size_bytes: sizeBytes,
      uncompressed_bytes: uncompressedBytes,
      first_timestamp: spooled.firstTimestamp,
      last_timestamp: spooled.lastTimestamp,
      checksum,
    };
  }));
}

async function fetchAll(
  storage: Storage,
  entries: readonly SegmentEntry[],
  { folder }: TransferOrder,
): Promise<SegmentEntry[]> {
  await Promise.all(entries.map(async (entry) => {
    await using _fetched = await fetchSegment(storage, entry, { folder, signal });
  }));
  return [...entries];
}
