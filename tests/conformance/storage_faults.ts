/** A network and a storage that misbehave: nothing is lost, nothing is corrupt. */
import assert from "node:assert/strict";
import { openStorage, type StorageWait } from "../../src/storage/open.ts";
import { readAll, type Storage } from "../../src/storage/storage.ts";
import { type Fault, type ProxiedRequest, StorageProxy } from "../helpers/storage_proxy.ts";
import {
  newStore,
  type ObjectBackend,
  storageServers,
  storeConfig,
  unfinishedUploads,
} from "../helpers/storages.ts";

export const MIB = 2 ** 20;
/** Three parts, the last one short. */
export const LARGE = 11 * MIB + 17;

/** What {@linkcode setUp} gives. */
export interface Setting extends AsyncDisposable {
  readonly storage: Storage;
  readonly proxy: StorageProxy;
  readonly waits: StorageWait[];
  readonly bucket: string;
}

/** A store behind a proxy. */
export async function setUp(
  backend: ObjectBackend,
  options: { patience?: number; signal?: AbortSignal; keys?: Record<string, unknown> } = {},
): Promise<Setting> {
  const proxy = await StorageProxy.inFrontOf(storageServers()[backend].endpoint);
  const keys = await newStore(backend);
  const waits: StorageWait[] = [];
  const config = storeConfig({
    ...keys,
    endpoint: proxy.endpoint,
    part_size: "5MiB",
    retry_max_secs: options.patience ?? 30,
    ...options.keys,
  });
  const storage = await openStorage(config, {
    onWait: (wait) => waits.push(wait),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return {
    storage,
    proxy,
    waits,
    bucket: String(keys.bucket),
    async [Symbol.asyncDispose]() {
      await storage.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** As long as the proxy counts requests up to here: each costs a second. */
const ASKED_TO_WAIT = 15;

const SOMETIMES: [name: string, fault: (round: number) => Fault | undefined][] = [
  ["connections that end", () => ({ kind: "reset" })],
  ["answers that are lost", () => ({ kind: "lose-answer" })],
  ["500s", () => ({ kind: "answer", status: 500 })],
  [
    "503s with Retry-After",
    (round) =>
      round > ASKED_TO_WAIT
        ? undefined
        : { kind: "answer", status: 503, headers: { "retry-after": "1" } },
  ],
  ["429s", () => ({ kind: "answer", status: 429 })],
  ["pages of another proxy", () => ({ kind: "answer", status: 502, body: "<html>Bad gateway" })],
  ["answers that are cut", (round) => ({ kind: "truncate", bytes: round * 1000 })],
  ["answers that stall", (round) => ({ kind: "stall", bytes: round * 1000, ms: 500 })],
  ["a long way", () => ({ kind: "delay", ms: 300 })],
];

/** Registers the tests that every kind of object store passes. */
export function storageFaults(backend: ObjectBackend): void {
  // At once: most of it is waiting.
  Deno.test(`${backend}: faults now and then do no harm`, async () => {
    await Promise.all(SOMETIMES.map(async ([name, fault]) => {
      try {
        await withFaults(backend, fault);
      } catch (error) {
        throw new Error(`${name} did harm`, { cause: error });
      }
    }));
  });

  Deno.test(`${backend}: a put with ifAbsent whose answer is lost has not lost against itself`, async () => {
    for (const size of [1000, LARGE]) {
      await using set = await setUp(backend);
      const { storage, proxy } = set;
      let lost = 0;
      proxy.fault = (request) =>
        isLastOfPut(backend, request, size) && lost++ === 0 ? { kind: "lose-answer" } : undefined;
      assert.equal(await storage.put("k", streamOf(patterned(size)), { ifAbsent: true }), size);
      assert.ok(lost > 0, "the proxy has lost no answer");
      await assert.rejects(
        () => storage.put("k", streamOf(patterned(1)), { ifAbsent: true }),
        { name: "ObjectExistsError" },
      );
    }
  });

  Deno.test(`${backend}: an outage is waited for, told once, and ridden out`, async () => {
    await using set = await setUp(backend, { patience: 60 });
    const { storage, proxy, waits } = set;
    const large = patterned(LARGE);
    const outage = outageOf(4000);
    proxy.fault = ({ number }) => number >= 3 ? outage() : undefined;
    await storage.put("k", streamOf(large));
    assert.equal(waits.length, 1);
    const again = outageOf(4000);
    let seen = 0;
    proxy.fault = () => ++seen === 1 ? { kind: "truncate", bytes: MIB } : again();
    assertSame(await readAll(storage.get("k"), 2 * LARGE), large);
    assert.equal(waits.length, 2);
    assert.equal(waits[0]!.location, storage.location);
  });

  Deno.test(`${backend}: a longer outage is an error that says what to do, and leaves nothing`, async () => {
    await using set = await setUp(backend, { patience: 2 });
    const { storage, proxy, bucket } = set;
    let parts = 0;
    // What removes the upload comes through again.
    proxy.fault = ({ method }) => method === "PUT" && ++parts > 1 ? { kind: "reset" } : undefined;
    await assert.rejects(
      () => storage.put("a/k", streamOf(patterned(LARGE))),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, "storage_unreachable");
        assert.match(error.message, /^Cannot store "a\/k" in (s3|azure|gs):\/\//);
        assert.match(error.hint ?? "", /Run it again when the storage answers/);
        return true;
      },
    );
    proxy.fault = () => undefined;
    assert.equal(await storage.stat("a/k"), undefined);
    if (backend === "s3") assert.deepEqual(await unfinishedUploads(bucket), []);
  });

  Deno.test(`${backend}: waiting for the storage ends with the run`, async () => {
    const abort = new AbortController();
    await using set = await setUp(backend, { patience: 600, signal: abort.signal });
    set.proxy.fault = () => ({ kind: "answer", status: 503, headers: { "retry-after": "300" } });
    const start = Date.now();
    setTimeout(() => abort.abort(new Error("stopped")), 500);
    await assert.rejects(() => set.storage.stat("k"), { message: "stopped" });
    assert.ok(Date.now() - start < 10_000);
  });

  Deno.test(`${backend}: a byte that changes on the way to the storage is noticed`, async () => {
    // fake-gcs-server does not look at the checksum that is sent with a small object.
    for (const size of backend === "gcs" ? [LARGE] : [1000, LARGE]) {
      await using set = await setUp(backend);
      let changed = 0;
      set.proxy.fault = (request) =>
        bringsContent(request) && changed++ === 0 ? { kind: "corrupt", fromEnd: 500 } : undefined;
      const bytes = patterned(size);
      // Google tells the checksum of a large object at its end, when it cannot be sent again.
      if (backend === "gcs") {
        await assert.rejects(set.storage.put("k", streamOf(bytes)), /not what was sent/);
        assert.equal(await set.storage.stat("k"), undefined);
        continue;
      }
      await set.storage.put("k", streamOf(bytes));
      assert.ok(changed > 1, "it was not sent again");
      assertSame(await readAll(set.storage.get("k"), 2 * LARGE), bytes);
    }
  });

  Deno.test(`${backend}: an object that is replaced while it is read is no mixture`, async () => {
    await using set = await setUp(backend);
    await set.storage.put("k", streamOf(patterned(LARGE, 1)));
    let gets = 0;
    set.proxy.fault = ({ method }) =>
      method === "GET" && ++gets === 1 ? { kind: "truncate", bytes: 2 * MIB } : undefined;
    const reader = set.storage.get("k")[Symbol.asyncIterator]();
    await reader.next();
    await set.storage.put("k", streamOf(patterned(LARGE, 2)));
    await assert.rejects(async () => {
      while (!(await reader.next()).done);
    });
  });
}

/** Whether a request brings content of an object. */
function bringsContent({ method, path }: ProxiedRequest): boolean {
  return path.includes("uploadType=multipart") ||
    method === "PUT" && !path.includes("comp=blocklist");
}

/** Every third request goes wrong, and so does what follows it at times. */
async function withFaults(
  backend: ObjectBackend,
  fault: (round: number) => Fault | undefined,
): Promise<void> {
  await using set = await setUp(backend);
  const { storage, proxy } = set;
  const large = patterned(LARGE);
  proxy.fault = ({ number }) => number % 3 === 0 ? fault(number) : undefined;
  await storage.put("d/large", streamOf(large));
  await storage.put("d/small", streamOf(patterned(1000)), { ifAbsent: true });
  assert.deepEqual(await readAll(storage.get("d/small"), MIB), patterned(1000));
  assertSame(await readAll(storage.get("d/large"), 2 * LARGE), large);
  const part = await readAll(storage.get("d/large", { offset: MIB, length: 6 * MIB }), LARGE);
  assertSame(part, large.subarray(MIB, 7 * MIB));
  assert.deepEqual(await sizes(storage), [["d/large", LARGE], ["d/small", 1000]]);
  await storage.delete(["d/large", "d/small"]);
  assert.deepEqual(await sizes(storage), []);
}

/** Whether a request is the one that makes the object appear. */
function isLastOfPut(
  backend: ObjectBackend,
  { method, path }: ProxiedRequest,
  size: number,
): boolean {
  switch (backend) {
    case "s3":
      return size > 5 * MIB ? method === "POST" && path.includes("uploadId=") : method === "PUT";
    case "azure":
      return method === "PUT" && (size > 5 * MIB) === path.includes("comp=blocklist");
    case "gcs":
      return size > 5 * MIB ? method === "PUT" : path.includes("uploadType=multipart");
  }
}

/** Refuses all connections for so long, from the first request on. */
function outageOf(ms: number): () => Fault | undefined {
  let start: number | undefined;
  return () => {
    start ??= Date.now();
    return Date.now() - start < ms ? { kind: "reset" } : undefined;
  };
}

/** Keys and sizes of all objects. */
export async function sizes(storage: Storage): Promise<[string, number][]> {
  const objects = await Array.fromAsync(storage.list(""));
  return objects.map(({ key, size }) => [key, size]);
}

/** Bytes that follow from their places and a number. */
export function patterned(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >>> 8) * 7 + seed) & 0xff;
  return bytes;
}

/** In one piece of memory that is used again. */
export async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(300_000);
  for (let at = 0; at < bytes.length; at += piece.length) {
    await Promise.resolve();
    const part = bytes.subarray(at, at + piece.length);
    piece.set(part);
    yield piece.subarray(0, part.length);
  }
}

/** Says where two differ. */
export function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assert.equal(at, -1, `bytes differ from ${at} on`);
}
