import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type GetOptions,
  ObjectExistsError,
  ObjectMissingError,
  readAll,
  type Storage,
} from "../../src/storage/storage.ts";

const MIB = 1024 * 1024;

/** Makes an empty store for one test. */
export interface StorageFactory {
  (): Promise<{ storage: Storage; dispose: () => Promise<void> }>;
}

/** What differs between stores. */
export interface ContractOptions {
  /** The store keeps objects in this process's memory, so that none can be tested for using little. */
  inMemory?: boolean;
}

/** Registers the tests that every `Storage` passes: one for each sentence of its contract. */
export function storageContract(
  name: string,
  factory: StorageFactory,
  options: ContractOptions = {},
): void {
  function test(title: string, run: (storage: Storage) => Promise<void>): void {
    Deno.test(`${name}: ${title}`, async () => {
      const { storage, dispose } = await factory();
      try {
        await run(storage);
        await storage.close();
        await storage.close();
      } finally {
        await dispose();
      }
    });
  }

  registerPutAndGet(test);
  registerFailures(test);
  registerIfAbsent(test);
  registerRanges(test);
  registerListing(test);
  registerKeys(test);
  if (!options.inMemory) registerMemoryBound(test);
}

type Test = (title: string, run: (storage: Storage) => Promise<void>) => void;

function registerPutAndGet(test: Test): void {
  test("gives back what was put, whatever the sizes of the chunks", async (storage) => {
    const sizes = fc.array(fc.integer({ min: 0, max: 700_000 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const chunks = lengths.map((length, at) => patterned(length, at));
        const size = await storage.put("a/b", streamOf(chunks));
        const expected = joined(chunks);
        assert.equal(size, expected.length);
        assert.equal((await storage.stat("a/b"))?.size, expected.length);
        assertSame(await content(storage, "a/b"), expected);
      }),
      { numRuns: 20 },
    );
  });

  test("gives pieces that are valid until the next, where that is asked for", async (storage) => {
    const whole = patterned(3 * MIB + 17, 4);
    await storage.put("k", streamOf([whole]));
    for (const range of [{}, { offset: 5, length: 2 * MIB }, { offset: 3 * MIB + 17 }]) {
      const pieces: Uint8Array[] = [];
      const read = storage.get("k", { ...range, reuseMemory: true });
      for await (const piece of read) pieces.push(piece.slice());
      const { offset = 0, length = whole.length } = range;
      assertSame(joined(pieces), whole.subarray(offset, offset + length));
    }
  });

  test("stores an object of 0 bytes", async (storage) => {
    assert.equal(await storage.put("empty", streamOf([])), 0);
    assert.equal((await storage.stat("empty"))?.size, 0);
    assert.equal((await content(storage, "empty")).length, 0);
  });

  test("takes a chunk before the next is made", async (storage) => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(1000);
      for (let round = 0; round < 1500; round++) {
        buffer.fill(round % 251);
        await Promise.resolve();
        yield buffer;
      }
    }
    await storage.put("k", reusing());
    const stored = await content(storage, "k");
    for (let round = 0; round < 1500; round++) assert.equal(stored[round * 1000], round % 251);
  });

  test("replaces an object", async (storage) => {
    await storage.put("k", streamOf([text("first, and longer")]));
    await storage.put("k", streamOf([text("second")]));
    assert.equal(await textOf(storage, "k"), "second");
  });

  test("shows a replaced object whole, old or new, to readers meanwhile", async (storage) => {
    await storage.put("k", streamOf([new Uint8Array(300_000).fill(0)]));
    let writing = true;
    async function write(): Promise<void> {
      for (let round = 1; round <= 20; round++) {
        await storage.put("k", streamOf([new Uint8Array(300_000).fill(round)]));
      }
      writing = false;
    }
    async function read(): Promise<void> {
      while (writing) {
        const bytes = await content(storage, "k");
        assert.equal(bytes.length, 300_000);
        assert.ok(bytes.every((byte) => byte === bytes[0]), "a mixture of two objects");
      }
    }
    await Promise.all([write(), read(), read()]);
  });

  test("tells when an object was stored", async (storage) => {
    await storage.put("k", streamOf([text("x")]));
    const object = await storage.stat("k");
    assert.equal(object?.key, "k");
    assert.ok(Math.abs(object!.modifiedAt - Date.now()) < 60_000);
  });

  test("knows no object that was never put", async (storage) => {
    assert.equal(await storage.stat("no/such"), undefined);
    const iterator = storage.get("no/such")[Symbol.asyncIterator]();
    await assert.rejects(
      () => iterator.next(),
      (error: unknown) => error instanceof ObjectMissingError && error.key === "no/such",
    );
  });

  test("deletes objects and passes over those that are not there", async (storage) => {
    for (const key of ["d/one", "d/two", "three"]) await storage.put(key, streamOf([text(key)]));
    await storage.delete(["d/one", "no/such", "three", "three"]);
    assert.deepEqual(await keysOf(storage, ""), ["d/two"]);
    assert.equal(await storage.stat("d/one"), undefined);
    await storage.delete([]);
  });
}

function registerFailures(test: Test): void {
  test("leaves nothing when the source fails", async (storage) => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(MIB);
      await Promise.resolve();
      throw Object.assign(new Error("the source broke"), { code: "ENOENT" });
    }
    await assert.rejects(() => storage.put("f/k", failing()), { message: "the source broke" });
    await assertEmpty(storage);
  });

  test("keeps the old object when the source of a new one fails", async (storage) => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(MIB);
      await Promise.resolve();
      throw new Error("the source broke");
    }
    await storage.put("k", streamOf([text("old")]));
    await assert.rejects(() => storage.put("k", failing()));
    assert.equal(await textOf(storage, "k"), "old");
    assert.deepEqual(await keysOf(storage, ""), ["k"]);
  });

  test("shows nothing before the source has ended", async (storage) => {
    let seen: string[] = ["never looked"];
    async function* looking(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(2 * MIB);
      assert.equal(await storage.stat("l/k"), undefined);
      seen = [...await keysOf(storage, ""), ...await foldersOf(storage, "")];
    }
    await storage.put("l/k", looking());
    assert.deepEqual(seen, []);
    assert.deepEqual(await keysOf(storage, ""), ["l/k"]);
  });

  test("stops at once when aborted, even while the source is silent", async (storage) => {
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(MIB);
      setTimeout(() => controller.abort(new Error("enough")), 10);
      await new Promise<void>(() => {});
    }
    await assert.rejects(
      () => storage.put("k", silent(), { signal: controller.signal }),
      { message: "enough" },
    );
    await assertEmpty(storage);
  });

  test("ends the source of a put that is aborted between two chunks", async (storage) => {
    const controller = new AbortController();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (let round = 0;; round++) {
          if (round === 3) controller.abort(new Error("enough"));
          await Promise.resolve();
          yield new Uint8Array(1000);
        }
      } finally {
        resolve();
      }
    }
    const put = storage.put("k", endless(), { signal: controller.signal });
    await assert.rejects(() => put, { message: "enough" });
    await ended;
    await assertEmpty(storage);
  });

  test("does nothing with a signal that was aborted before", async (storage) => {
    const signal = AbortSignal.abort(new Error("too late"));
    let read = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      read = true;
      await Promise.resolve();
      yield new Uint8Array(1);
    }
    await assert.rejects(() => storage.put("k", source(), { signal }), { message: "too late" });
    assert.equal(read, false);
    await assertEmpty(storage);
    await storage.put("k", streamOf([text("x")]));
    await assert.rejects(() => readAll(storage.get("k", { signal }), 10), { message: "too late" });
  });

  test("stops reading when aborted", async (storage) => {
    await storage.put("k", streamOf([new Uint8Array(8 * MIB)]));
    const controller = new AbortController();
    let size = 0;
    await assert.rejects(async () => {
      for await (const chunk of storage.get("k", { signal: controller.signal })) {
        size += chunk.length;
        controller.abort(new Error("enough"));
      }
    }, { message: "enough" });
    assert.ok(size > 0 && size < 8 * MIB, `${size} bytes`);
  });

  test("lets a reader leave early", async (storage) => {
    await storage.put("k", streamOf([new Uint8Array(8 * MIB)]));
    for await (const chunk of storage.get("k")) {
      assert.ok(chunk.length > 0);
      break;
    }
    await storage.delete(["k"]);
    await assertEmpty(storage);
  });
}

function registerIfAbsent(test: Test): void {
  test("ifAbsent refuses a key that exists and leaves the object", async (storage) => {
    await storage.put("a/k", streamOf([text("first")]), { ifAbsent: true });
    await assert.rejects(
      () => storage.put("a/k", streamOf([text("second")]), { ifAbsent: true }),
      (error: unknown) => error instanceof ObjectExistsError && error.key === "a/k",
    );
    assert.equal(await textOf(storage, "a/k"), "first");
    assert.deepEqual(await keysOf(storage, ""), ["a/k"]);
  });

  test("of many that put with ifAbsent at once exactly one wins", async (storage) => {
    for (let round = 0; round < 5; round++) {
      const key = `race/${round}`;
      const all = Array.from({ length: 25 }, (_, writer) => {
        const source = streamOf([text(`writer ${writer} `), text("wrote this")]);
        return storage.put(key, source, { ifAbsent: true }).then(() => writer);
      });
      const results = await Promise.allSettled(all);
      const winners = results.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
      assert.equal(winners.length, 1);
      assert.equal(await textOf(storage, key), `writer ${winners[0]} wrote this`);
      for (const each of results) {
        if (each.status === "rejected") assert.ok(each.reason instanceof ObjectExistsError);
      }
    }
    assert.equal((await keysOf(storage, "")).length, 5);
  });

  test("a put with ifAbsent that failed leaves the key free", async (storage) => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      await Promise.resolve();
      throw new Error("the source broke");
    }
    await assert.rejects(() => storage.put("k", failing(), { ifAbsent: true }));
    await storage.put("k", streamOf([text("then")]), { ifAbsent: true });
    assert.equal(await textOf(storage, "k"), "then");
  });
}

function registerRanges(test: Test): void {
  test("reads any range", async (storage) => {
    const whole = patterned(3 * MIB + 17, 1);
    await storage.put("k", streamOf([whole]));
    const place = fc.integer({ min: 0, max: whole.length });
    await fc.assert(
      fc.asyncProperty(place, place, async (one, other) => {
        const [offset, end] = [Math.min(one, other), Math.max(one, other)];
        const part = await content(storage, "k", { offset, length: end - offset });
        assertSame(part, whole.subarray(offset, end));
        assertSame(await content(storage, "k", { offset: one }), whole.subarray(one));
      }),
      { numRuns: 15, examples: [[0, 0], [whole.length, whole.length], [0, whole.length]] },
    );
  });

  test("reads less than a range with orLess where the object ends before", async (storage) => {
    const stored = Uint8Array.from({ length: 100 }, (_, at) => at);
    await storage.put("k", streamOf([stored]));
    await storage.put("empty", streamOf([]));
    const ranges = [[0, 40, 40], [0, 100, 100], [0, 500, 100], [60, 500, 100], [100, 5, 100]];
    for (const [offset = 0, length = 0, end] of ranges) {
      const range = { offset, length, orLess: true };
      assertSame(await content(storage, "k", range), stored.subarray(offset, end));
    }
    assert.equal((await content(storage, "empty", { length: 10, orLess: true })).length, 0);
    await assert.rejects(
      () => content(storage, "k", { offset: 101, length: 5, orLess: true }),
      RangeError,
    );
  });

  test("refuses a range that the object does not have", async (storage) => {
    await storage.put("k", streamOf([new Uint8Array(100)]));
    const ranges = [{ offset: 101 }, { offset: 0, length: 101 }, { offset: 60, length: 41 }];
    for (const range of [...ranges, { offset: -1 }, { offset: 5, length: -1 }]) {
      await assert.rejects(() => content(storage, "k", range), RangeError);
    }
  });

  test("gives chunks of a bounded size", async (storage) => {
    await storage.put("k", streamOf([new Uint8Array(5 * MIB)]));
    for await (const chunk of storage.get("k")) assert.ok(chunk.length > 0 && chunk.length <= MIB);
  });
}

function registerListing(test: Test): void {
  const KEYS = ["a", "a-b/k", "a.txt", "a/b/c", "a/b.d", "a/b/c0", "a0", "B/x", "b", "z y/!"];
  const SORTED = [...KEYS].sort((one, other) => one < other ? -1 : 1);
  // A file system cannot hold both "a" and "a/...".
  const stored = SORTED.filter((key) => key !== "a");

  test("lists in byte order of keys, by string prefix", async (storage) => {
    for (const key of stored.toReversed()) await storage.put(key, streamOf([text(key)]));
    for (
      const prefix of ["", "a", "a/", "a/b", "a/b/", "a/b/c0", "a-", "z", "B/x", "no", "a/no/"]
    ) {
      const expected = stored.filter((key) => key.startsWith(prefix));
      assert.deepEqual(await keysOf(storage, prefix), expected, `prefix "${prefix}"`);
    }
    for await (const object of storage.list("")) {
      assert.equal(object.size, object.key.length);
      assert.deepEqual(await storage.stat(object.key), object);
    }
  });

  test("lists any keys in byte order", async (storage) => {
    // No component is an extension-less start of another's folder: folders begin with "d", files with "f".
    const component = fc.string({
      unit: fc.constantFrom(..." !#-.0Az~_"),
      minLength: 1,
      maxLength: 4,
    });
    const folder = fc.array(component.map((name) => `d${name}`), { maxLength: 3 });
    const key = fc.tuple(folder, component.map((name) => `f${name}`))
      .map(([folders, file]) => [...folders, file].join("/"));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 12 }), async (keys) => {
        for (const each of keys) await storage.put(each, streamOf([]));
        const sorted = [...keys].sort((one, other) => one < other ? -1 : 1);
        assert.deepEqual(await keysOf(storage, ""), sorted);
        await storage.delete(keys);
        await assertEmpty(storage);
      }),
      { numRuns: 15 },
    );
  });

  test("lists the folders below a folder", async (storage) => {
    for (const key of stored) await storage.put(key, streamOf([]));
    assert.deepEqual(await foldersOf(storage, ""), ["B", "a", "a-b", "z y"]);
    assert.deepEqual(await foldersOf(storage, "a"), ["b"]);
    assert.deepEqual(await foldersOf(storage, "a/b"), []);
    assert.deepEqual(await foldersOf(storage, "no"), []);
    await storage.delete(["a-b/k"]);
    assert.deepEqual(await foldersOf(storage, ""), ["B", "a", "z y"]);
  });

  test("lists thousands of objects", async (storage) => {
    const keys = Array.from({ length: 2500 }, (_, at) => `many/${String(at).padStart(5, "0")}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => storage.put(key, streamOf([]))));
    }
    assert.deepEqual(await keysOf(storage, "many/"), keys);
    assert.deepEqual(await foldersOf(storage, ""), ["many"]);
    await storage.delete(keys);
    await assertEmpty(storage);
  });
}

function registerKeys(test: Test): void {
  const BAD = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "a\\b",
    "a\nb",
    "a\0b",
    "\u007f",
    "\ud800",
    "a\x85b",
    ".tmp-x",
    "a/.tmp-x/b",
    "a".repeat(256),
    "ab/".repeat(400) + "c",
  ];

  test("refuses odd keys everywhere", async (storage) => {
    for (const key of BAD) {
      const say = JSON.stringify(key);
      await assert.rejects(() => storage.put(key, streamOf([])), RangeError, say);
      await assert.rejects(() => content(storage, key), RangeError, say);
      await assert.rejects(() => storage.stat(key), RangeError, say);
      await assert.rejects(() => storage.delete([key]), RangeError, say);
      if (key !== "") await assert.rejects(() => foldersOf(storage, key), RangeError, say);
    }
    for (const prefix of ["/", "../", "a/../", "./", "a//", "a\\", "\ud800", "/a", ".tmp-"]) {
      await assert.rejects(() => keysOf(storage, prefix), RangeError, JSON.stringify(prefix));
    }
    await assertEmpty(storage);
  });

  test("accepts names of an earlier tool, which are not ASCII", async (storage) => {
    const key = "v1/queues/fx/odd name é 🐇/segment-0001";
    await storage.put(key, streamOf([text(key)]));
    assert.equal(await textOf(storage, key), key);
    assert.deepEqual(await keysOf(storage, "v1/queues/fx/odd name é"), [key]);
    assert.deepEqual(await foldersOf(storage, "v1/queues/fx"), ["odd name é 🐇"]);
  });

  test("accepts every printable ASCII character but slash and backslash", async (storage) => {
    const characters = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at))
      .filter((character) => !"/\\".includes(character));
    const keys = characters.map((character) => `x${character}y/${character}z`);
    for (const key of keys) await storage.put(key, streamOf([text(key)]));
    for (const key of keys) assert.equal(await textOf(storage, key), key);
    assert.equal((await keysOf(storage, "")).length, keys.length);
  });

  test("accepts the longest component, and names that only look like others", async (storage) => {
    const keys = [
      `${"n".repeat(255)}/${"m".repeat(255)}`,
      "...",
      ".hidden",
      "..a",
      "a..",
      "a. /b ",
    ];
    for (const key of keys) await storage.put(key, streamOf([text(key)]));
    assert.deepEqual(await keysOf(storage, ""), [...keys].sort());
    for (const key of keys) assert.equal(await textOf(storage, key), key);
  });
}

function registerMemoryBound(test: Test): void {
  test("stores and reads 256 MiB in bounded memory", async (storage) => {
    const total = 256 * MIB;
    const before = Deno.memoryUsage().rss;
    let peak = before;
    function watch(): void {
      peak = Math.max(peak, Deno.memoryUsage().rss);
    }
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < total; sent += MIB) {
        watch();
        await Promise.resolve();
        yield new Uint8Array(MIB).fill(sent / MIB);
      }
    }
    assert.equal(await storage.put("big", source()), total);
    let size = 0;
    for await (const chunk of storage.get("big")) {
      size += chunk.length;
      watch();
    }
    assert.equal(size, total);
    const grown = (peak - before) / MIB;
    assert.ok(grown < 128, `memory grew by ${grown.toFixed(0)} MiB`);
  });
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Bytes in which a shifted or swapped part shows. */
function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >>> 8) * 7 + seed) & 0xff;
  return bytes;
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve();
    yield chunk;
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

/** Quicker than `deepEqual` on megabytes. */
function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assert.equal(at, -1, `bytes differ from ${at} on`);
}

function content(
  storage: Storage,
  key: string,
  range: GetOptions = {},
): Promise<Uint8Array> {
  return readAll(storage.get(key, range), 64 * MIB);
}

async function textOf(storage: Storage, key: string): Promise<string> {
  return new TextDecoder().decode(await content(storage, key));
}

async function keysOf(storage: Storage, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(storage.list(prefix))).map((object) => object.key);
}

async function foldersOf(storage: Storage, folder: string): Promise<string[]> {
  return await Array.fromAsync(storage.listFolders(folder));
}

async function assertEmpty(storage: Storage): Promise<void> {
  assert.deepEqual(await keysOf(storage, ""), []);
  assert.deepEqual(await foldersOf(storage, ""), []);
}
