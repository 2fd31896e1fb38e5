import assert from "node:assert/strict";
import { storageContract } from "../../tests/conformance/storage.ts";
import { MemoryStorage } from "./memory.ts";
import { openStorage } from "./open.ts";
import { PrefixedStorage } from "./prefixed.ts";

let stores = 0;

storageContract("PrefixedStorage", () => {
  const storage = new PrefixedStorage(new MemoryStorage(`prefixed-${++stores}`), "team/prod");
  return Promise.resolve({ storage, dispose: () => Promise.resolve() });
}, { inMemory: true });

async function* oneByte(): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield new Uint8Array(1);
}

Deno.test("PrefixedStorage: sees its own folder only", async () => {
  const inner = new MemoryStorage("prefixed-neighbours");
  const storage = new PrefixedStorage(inner, "prod");
  await inner.put("prod-2/k", oneByte());
  await inner.put("other", oneByte());
  await storage.put("a/k", oneByte());
  assert.deepEqual((await Array.fromAsync(storage.list(""))).map((each) => each.key), ["a/k"]);
  assert.deepEqual(await Array.fromAsync(storage.listFolders("")), ["a"]);
  assert.equal((await inner.stat("prod/a/k"))?.size, 1);
  assert.equal(storage.location, "memory://prefixed-neighbours/prod");
  await storage.delete(["a/k"]);
  assert.equal(await inner.stat("prod/a/k"), undefined);
  assert.equal((await inner.stat("prod-2/k"))?.size, 1);
});

Deno.test("PrefixedStorage: a prefix leads nowhere else", () => {
  for (const prefix of ["", "..", "a/../..", "/a", "a/"]) {
    assert.throws(() => new PrefixedStorage(new MemoryStorage("prefixed-odd"), prefix), RangeError);
  }
});

Deno.test("openStorage: opens each backend, with and without prefix", async () => {
  const plain = await openStorage({ backend: "filesystem", path: "/srv/backups", prefix: "" });
  assert.equal(plain.location, "/srv/backups");
  const prefixed = await openStorage({ backend: "filesystem", path: "/srv", prefix: "/a/b/" });
  assert.equal(prefixed.location, "/srv/a/b");
  assert.equal((await openStorage({ backend: "memory", prefix: "" })).location, "memory://default");
  await assert.rejects(
    () => openStorage({ backend: "memory", prefix: "../up" }),
    { name: "AppError", code: "config" },
  );
});
