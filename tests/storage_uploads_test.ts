/** What holds for the uploads to all stores, and is shown on one. */
import assert from "node:assert/strict";
import { readAll } from "../src/storage/storage.ts";
import {
  assertSame,
  LARGE,
  MIB,
  patterned,
  setUp,
  sizes,
  streamOf,
} from "./conformance/storage_faults.ts";
import { unfinishedUploads } from "./helpers/storages.ts";

Deno.test("s3: an upload that is aborted leaves no parts on the server", async () => {
  await using set = await setUp("s3");
  const abort = new AbortController();
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let piece = 0;; piece++) {
      if (piece === 20) abort.abort(new Error("enough"));
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield new Uint8Array(MIB);
    }
  }
  await assert.rejects(() => set.storage.put("k", source(), { signal: abort.signal }), {
    message: "enough",
  });
  assert.ok(set.proxy.requests.some(({ path }) => path.includes("partNumber")));
  assert.deepEqual(await unfinishedUploads(set.bucket), []);
});

Deno.test("s3: of two large puts with ifAbsent at once one wins", async () => {
  await using set = await setUp("s3");
  const puts = [1, 2].map((seed) =>
    set.storage.put("k", streamOf(patterned(LARGE, seed)), { ifAbsent: true })
  );
  const results = await Promise.allSettled(puts);
  const losers = results.filter((result) => result.status === "rejected");
  assert.equal(losers.length, 1);
  assert.equal(losers[0]!.reason.name, "ObjectExistsError");
  const winner = results.findIndex(({ status }) => status === "fulfilled") + 1;
  assertSame(await readAll(set.storage.get("k"), 2 * LARGE), patterned(LARGE, winner));
  assert.deepEqual(await unfinishedUploads(set.bucket), []);
});

Deno.test("eight large uploads at once hold no more parts than are configured", async () => {
  await using set = await setUp("s3", { keys: { upload_concurrency: 3 } });
  set.proxy.bytesPerSecond = 60 * MIB;
  const { budget } = set.storage as unknown as { budget: { peak: number } };
  const names = Array.from({ length: 8 }, (_, index) => `k${index}`);
  await Promise.all(names.map((name) => set.storage.put(name, streamOf(patterned(LARGE)))));
  assert.equal(budget.peak, 3);
  assert.deepEqual(await sizes(set.storage), names.map((name) => [name, LARGE]));
});

Deno.test("the limit of bandwidth holds in both directions", async () => {
  await using set = await setUp("s3", { keys: { rate_limit_bytes_per_sec: "6MiB" } });
  for (
    const work of [
      () => set.storage.put("k", streamOf(patterned(LARGE))),
      () => readAll(set.storage.get("k"), 2 * LARGE),
    ]
  ) {
    const start = performance.now();
    await work();
    const seconds = (performance.now() - start) / 1000;
    assert.ok(seconds > 1.5, `11 MiB in ${seconds} s`);
  }
});
