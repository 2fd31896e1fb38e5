/** Large segments at once, through a slow way: memory stays where the configuration has it. */
import assert from "node:assert/strict";
import { StorageProxy } from "./helpers/storage_proxy.ts";
import { newStore, OBJECT_BACKENDS, storageServers } from "./helpers/storages.ts";
import { tempDir } from "./helpers/temp.ts";
import { spoolRandom, transfer } from "./helpers/transfers.ts";

const MIB = 2 ** 20;
const AT_ONCE = 8;
const MOST_BYTES = 250e6;
/** Of each connection, in both directions. */
const BYTES_PER_SECOND = 40 * MIB;

// The servers of the other clouds' kinds keep all that they are given in memory.
for (const backend of OBJECT_BACKENDS.filter((one) => one === "s3")) {
  Deno.test(`${backend}: eight segments of 128 MiB at once, in and out, take less than 250 MB`, async () => {
    await using dir = await tempDir();
    await using proxy = await StorageProxy.inFrontOf(storageServers()[backend].endpoint);
    proxy.bytesPerSecond = BYTES_PER_SECOND;
    const storage = { ...await newStore(backend), endpoint: proxy.endpoint };
    const spooled = await spoolRandom(dir, 128 * MIB);
    const order = { storage, spooled, count: AT_ONCE, folder: dir.path };

    const stored = await transfer(order);
    assert.equal(stored.entries.length, AT_ONCE);
    assert.ok(stored.entries.every(({ size_bytes }) => size_bytes >= 128 * MIB));
    assertPeak(stored.peakBytes, "stored");

    const fetched = await transfer({ ...order, fetch: stored.entries });
    assertPeak(fetched.peakBytes, "fetched");
  });
}

function assertPeak(bytes: number, what: string): void {
  assert.ok(bytes < MOST_BYTES, `${what} with ${Math.round(bytes / 1e6)} MB`);
}
