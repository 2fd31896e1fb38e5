import assert from "node:assert/strict";
import { storageContract } from "../../tests/conformance/storage.ts";
import { MemoryStorage } from "./memory.ts";
import { readAll } from "./storage.ts";

let stores = 0;

storageContract("MemoryStorage", () => {
  const storage = new MemoryStorage(`contract-${++stores}`);
  return Promise.resolve({ storage, dispose: () => Promise.resolve() });
}, { inMemory: true });

async function* oneByte(value: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield new Uint8Array([value]);
}

Deno.test("MemoryStorage: stores of one name are one, others are not", async () => {
  const one = new MemoryStorage("shared");
  await one.put("k", oneByte(7));
  await one.close();
  assert.deepEqual(await readAll(new MemoryStorage("shared").get("k"), 1), new Uint8Array([7]));
  assert.equal(await new MemoryStorage("another").stat("k"), undefined);
  assert.equal(new MemoryStorage("another").location, "memory://another");
});
