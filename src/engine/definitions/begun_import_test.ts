import assert from "node:assert/strict";
import { MemoryStorage } from "../../storage/memory.ts";
import { bytesOf } from "../../storage/storage.ts";
import { endImport, keepBeforeImport } from "./begun_import.ts";
import { listSnapshots, readSnapshot, type RollbackPlace } from "./rollback.ts";

let stores = 0;

function newPlace(): RollbackPlace {
  const storage = new MemoryStorage(`begun-${stores++}`);
  return { storage, prefix: "b/definitions/", compression: "zstd", formatVersion: 2 };
}

const keep = (
  place: RollbackPlace,
  text: string,
  more: { target?: string; content?: string; now?: number } = {},
) =>
  keepBeforeImport(place, {
    text,
    target: more.target ?? "http://one",
    content: [null, more.content ?? "wanted"],
    ...(more.now === undefined ? {} : { now: more.now }),
  });

Deno.test("an import that is tried again goes back to what was there before the first try", async () => {
  const place = newPlace();
  const first = await keep(place, "before");
  assert.equal(first.isRetry, false);
  const again = await keep(place, "half");
  assert.deepEqual(again, { snapshot: first.snapshot, isRetry: true });
  assert.equal(await readSnapshot(place, again.snapshot), "before");
  assert.equal((await listSnapshots(place)).length, 1);

  // Done: what there is then is another beginning.
  await endImport(place, first.snapshot);
  const later = await keep(place, "changed since");
  assert.equal(later.isRetry, false);
  assert.equal((await listSnapshots(place)).at(-1)!.key, later.snapshot.key);
});

Deno.test("another import, or another broker, has a snapshot of its own", async () => {
  const place = newPlace();
  await keep(place, "1");
  assert.equal((await keep(place, "2", { target: "http://two" })).isRetry, false);
  assert.equal((await keep(place, "3", { content: "other" })).isRetry, false);
  // That one has changed the broker meanwhile: the first is a new beginning.
  assert.equal((await keep(place, "4")).isRetry, false);
  assert.equal((await keep(place, "5", { target: "http://two" })).isRetry, true);
  assert.equal((await listSnapshots(place)).length, 4);
});

Deno.test("what was begun long ago is no beginning of an import of today", async () => {
  const place = newPlace();
  const { snapshot } = await keep(place, "1");
  const day = 24 * 3_600_000;
  assert.equal((await keep(place, "2", { now: snapshot.takenAt + day - 1 })).isRetry, true);
  assert.equal((await keep(place, "2", { now: snapshot.takenAt + day + 1 })).isRetry, false);
});

Deno.test("a marker that nobody can read tells nothing", async () => {
  const place = newPlace();
  const { snapshot } = await keep(place, "1");
  const key = snapshot.key.replace(/\.zst$/, ".begun");
  assert.notEqual(await place.storage.stat(key), undefined);
  await place.storage.put(key, bytesOf("{"));
  assert.equal((await keep(place, "2")).isRetry, false);
});
