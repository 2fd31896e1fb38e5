import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf, type Storage } from "../../storage/storage.ts";
import { generationKey, generationsOf, ownRecord } from "./lock_record.ts";
import { StorageLock, type StorageLockOptions } from "./storage_lock.ts";

const folder = "b/runs/backup/lock";

interface Told {
  readonly takeOvers: string[];
  readonly lost: AppError[];
}

function options(
  storage: Storage,
  more: Partial<StorageLockOptions> & { expirySeconds?: number } = {},
): StorageLockOptions & Told {
  const takeOvers: string[] = [];
  const lost: AppError[] = [];
  return {
    storage,
    folder,
    record: ownRecord(more.expirySeconds ?? 600),
    cannot: 'Cannot start backup "b"',
    isGone: () => false,
    breakLock: false,
    signal: new AbortController().signal,
    onTakeOver: (_, why) => takeOvers.push(why),
    onLost: (error) => lost.push(error),
    ...more,
    takeOvers,
    lost,
  };
}

const newStorage = () => new MemoryStorage(crypto.randomUUID());
const keysOf = async (storage: Storage) =>
  (await Array.fromAsync(storage.list(""))).map(({ key }) => key);

/** Objects that seem to be so old. */
class Aged extends MemoryStorage {
  ageMs = 0;

  override async *list(prefix: string) {
    for await (const object of super.list(prefix)) {
      yield { ...object, modifiedAt: object.modifiedAt - this.ageMs };
    }
  }
}

Deno.test("StorageLock: the second one is told who holds it, since when, and what to do", async () => {
  const storage = newStorage();
  const first = options(storage);
  await using lock = await StorageLock.acquire(first);
  assert.equal(lock.owner, first.record.owner);
  await assert.rejects(StorageLock.acquire(options(storage)), (error: AppError) => {
    const { host, user, pid, startedAt } = first.record;
    assert.equal(error.code, "locked");
    assert.equal(
      error.message,
      `Cannot start backup "b": ${user} on host "${host}" (process ${pid}) has been at it since ` +
        `${startedAt}, and renewed its lock 0 s ago`,
    );
    assert.match(error.hint!, /expires in 60[45] s, and --break-lock takes it over now$/);
    return true;
  });
  await lock.assertHeld();
  assert.deepEqual(await keysOf(storage), [generationKey(folder, 2)]);
});

Deno.test("StorageLock: given back, it leaves nothing", async () => {
  const storage = newStorage();
  for (let round = 0; round < 2; round++) {
    const lock = await StorageLock.acquire(options(storage));
    await lock[Symbol.asyncDispose]();
    assert.deepEqual(await keysOf(storage), []);
  }
});

Deno.test("StorageLock: of many at once exactly one gets it", async () => {
  for (let round = 0; round < 20; round++) {
    const storage = newStorage();
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => StorageLock.acquire(options(storage))),
    );
    const held = tries.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    assert.equal(held.length, 1);
    for (const one of tries) {
      if (one.status === "rejected") assert.equal((one.reason as AppError).code, "locked");
    }
    await held[0]!.check();
    await held[0]![Symbol.asyncDispose]();
    assert.deepEqual(await keysOf(storage), []);
  }
});

Deno.test("StorageLock: broken by another, the holder learns of it and stays out", async () => {
  const storage = new Aged(crypto.randomUUID());
  const first = options(storage);
  const lock = await StorageLock.acquire(first);
  // As if it had not been renewed for long enough to need no time to learn of it.
  storage.ageMs = 120_000;
  const second = options(storage, { breakLock: true });
  const taken = await StorageLock.acquire(second);
  assert.match(
    second.takeOvers.join(),
    /^its lock was renewed 120 s ago, and is broken .* learns of it within 0 s$/,
  );
  for (const ask of [() => lock.assertHeld(), () => lock.check()]) {
    await assert.rejects(ask(), {
      code: "locked",
      message: /was taken over by .* \(process \d+\)/,
    });
  }
  assert.equal(first.lost.length, 1);
  await lock[Symbol.asyncDispose]();
  await taken.assertHeld();
  await taken[Symbol.asyncDispose]();
  assert.deepEqual([await keysOf(storage), second.lost], [[], []]);
});

Deno.test("StorageLock: whoever slept while another had it and gave it back has lost it", async () => {
  const storage = new Aged(crypto.randomUUID());
  const first = options(storage);
  const lock = await StorageLock.acquire(first);
  storage.ageMs = 120_000;
  const other = await StorageLock.acquire(options(storage, { breakLock: true }));
  await other[Symbol.asyncDispose]();
  await assert.rejects(lock.assertHeld(), { code: "locked", message: /taken over by another run/ });
  assert.equal(first.lost.length, 1);
  await lock[Symbol.asyncDispose]();
  assert.deepEqual(await keysOf(storage), []);
});

Deno.test("StorageLock: one that expired, by the storage's clock, is taken over and told", async () => {
  const storage = new Aged(crypto.randomUUID());
  const lock = await StorageLock.acquire(options(storage, { expirySeconds: 60 }));
  storage.ageMs = 64_000;
  await assert.rejects(StorageLock.acquire(options(storage)), { code: "locked" });
  storage.ageMs = 66_000;
  const second = options(storage);
  await using _taken = await StorageLock.acquire(second);
  assert.deepEqual(second.takeOvers, ["its lock was not renewed for 66 s"]);
  await lock[Symbol.asyncDispose]();
  assert.equal((await generationsOf(storage, folder)).length, 1);
});

Deno.test("StorageLock: that of a process that is known to be gone is taken in silence", async () => {
  const storage = newStorage();
  const first = options(storage);
  const lock = await StorageLock.acquire(first);
  const second = options(storage, { isGone: ({ owner }) => owner === first.record.owner });
  await using _taken = await StorageLock.acquire(second);
  assert.deepEqual(second.takeOvers, []);
  await lock[Symbol.asyncDispose]();
});

Deno.test("StorageLock: it is renewed by itself, and lost when that fails for too long", async () => {
  const storage = newStorage();
  const held = options(storage, { expirySeconds: 1 });
  const lock = await StorageLock.acquire(held);
  for (let waited = 0; (await generationsOf(storage, folder))[0]!.generation < 8; waited++) {
    assert.ok(waited < 600, "it is not renewed");
    await delay(50);
  }
  assert.equal(held.lost.length, 0);
  storage.put = () => Promise.reject(new AppError("storage_unreachable", "away"));
  for (let waited = 0; held.lost.length === 0; waited++) {
    assert.ok(waited < 600, "it is not lost");
    await delay(50);
  }
  assert.equal(held.lost[0]!.code, "storage_unreachable");
  assert.match(held.lost[0]!.message, /its lock could not be renewed for 1 s$/);
  await lock[Symbol.asyncDispose]();
});

Deno.test("StorageLock: who breaks it waits until its holder has learned of it", async () => {
  const storage = newStorage();
  const first = options(storage, { expirySeconds: 5 });
  const lock = await StorageLock.acquire(first);
  const taken = await StorageLock.acquire(options(storage, { breakLock: true }));
  assert.equal(first.lost.length, 1);
  await taken[Symbol.asyncDispose]();
  await lock[Symbol.asyncDispose]();

  const again = await StorageLock.acquire(options(storage));
  const signal = AbortSignal.timeout(100);
  await assert.rejects(StorageLock.acquire(options(storage, { breakLock: true, signal })));
  await again[Symbol.asyncDispose]();
});

Deno.test("StorageLock: a renewal that fails half-way is made up for by the next one", async () => {
  for (const method of ["list", "delete"] as const) {
    const storage = newStorage();
    const held = options(storage);
    const lock = await StorageLock.acquire(held);
    const whole = storage[method];
    storage[method] = () => {
      throw new AppError("storage_unreachable", "away");
    };
    await assert.rejects(lock.assertHeld(), { code: "storage_unreachable" });
    storage[method] = whole as never;
    await lock.assertHeld();
    await lock[Symbol.asyncDispose]();
    assert.deepEqual([held.lost, await keysOf(storage)], [[], []], method);
  }
});

Deno.test("StorageLock: what is no lock of ours keeps others out as well", async () => {
  const storage = new Aged(crypto.randomUUID());
  await storage.put(generationKey(folder, 7), bytesOf("null"));
  await assert.rejects(StorageLock.acquire(options(storage)), {
    code: "locked",
    message: /somebody on host "an unknown host"/,
  });
  storage.ageMs = 120_000;
  const breaking = options(storage, { breakLock: true });
  await (await StorageLock.acquire(breaking))[Symbol.asyncDispose]();
  assert.deepEqual(await keysOf(storage), []);
});
