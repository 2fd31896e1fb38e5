/** The lock of runs, on every kind of storage. */
import assert from "node:assert/strict";
import { ownRecord } from "../src/engine/handover/lock_record.ts";
import { StorageLock, type StorageLockOptions } from "../src/engine/handover/storage_lock.ts";
import type { AppError } from "../src/errors.ts";
import { openStorage } from "../src/storage/open.ts";
import type { Storage } from "../src/storage/storage.ts";
import { newStore, OBJECT_BACKENDS, storeConfig } from "./helpers/storages.ts";
import { tempDir } from "./helpers/temp.ts";

const AT_ONCE = 6;
/** With the margin for clocks that tell seconds. */
const EXPIRED_MS = 8_000;

function options(
  storage: Storage,
  more: { breakLock?: boolean; expirySeconds?: number; lost?: AppError[]; told?: string[] } = {},
): StorageLockOptions {
  return {
    storage,
    folder: "b/runs/backup/lock",
    record: ownRecord(more.expirySeconds ?? 600),
    cannot: 'Cannot start backup "b"',
    isGone: () => false,
    breakLock: more.breakLock ?? false,
    signal: new AbortController().signal,
    onTakeOver: (_, why) => more.told?.push(why),
    onLost: (error) => more.lost?.push(error),
  };
}

/** Its own connections, as another machine has them. */
const openers: Record<string, () => Promise<{ open: () => Promise<Storage> } & AsyncDisposable>> = {
  directory: async () => {
    const dir = await tempDir();
    const keys = { backend: "filesystem", path: dir.join("backups") };
    return {
      open: () => openStorage(storeConfig(keys)),
      [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
    };
  },
  memory: () => {
    const keys = { backend: "memory", prefix: crypto.randomUUID() };
    return Promise.resolve({
      open: () => openStorage(storeConfig(keys)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};
for (const backend of OBJECT_BACKENDS) {
  openers[backend] = async () => {
    const keys = await newStore(backend);
    return {
      open: () => openStorage(storeConfig({ ...keys, retry_max_secs: 5 })),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  };
}

for (const [name, opener] of Object.entries(openers)) {
  Deno.test(`${name}: one of many gets the lock; it is broken, expires, and is given back`, async () => {
    await using place = await opener();
    const stores = await Promise.all(Array.from({ length: AT_ONCE }, () => place.open()));
    const [one, other] = stores as [Storage, Storage];
    try {
      // At once.
      const tries = await Promise.allSettled(
        stores.map((store) => StorageLock.acquire(options(store))),
      );
      const held = tries.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
      assert.equal(held.length, 1);
      for (const each of tries) {
        if (each.status === "rejected") assert.equal((each.reason as AppError).code, "locked");
      }
      await held[0]!.assertHeld();
      await held[0]![Symbol.asyncDispose]();
      assert.deepEqual(await Array.fromAsync(one.list("b/")), []);

      // Broken: who had it learns of it.
      const lost: AppError[] = [];
      const first = await StorageLock.acquire(options(one, { expirySeconds: 10, lost }));
      const taken = await StorageLock.acquire(options(other, { breakLock: true }));
      assert.match(lost.join(), /its lock was taken over by .* \(process \d+\)/);
      await assert.rejects(first.assertHeld(), { code: "locked" });
      await first[Symbol.asyncDispose]();
      await taken.assertHeld();
      await taken[Symbol.asyncDispose]();

      // Expired: by the storage's clock.
      const told: string[] = [];
      const sleeping = await StorageLock.acquire(options(one, { expirySeconds: 1 }));
      one.put = () => Promise.reject(new Error("cut off"));
      await new Promise((resolve) => setTimeout(resolve, EXPIRED_MS));
      const late = await StorageLock.acquire(options(other, { told }));
      assert.match(told.join(), /^its lock was not renewed for \d+ s$/);
      await sleeping[Symbol.asyncDispose]();
      await late.assertHeld();
      await late[Symbol.asyncDispose]();
      assert.deepEqual(await Array.fromAsync(one.list("b/")), []);
    } finally {
      for (const store of stores) await store.close();
    }
  });
}
