import assert from "node:assert/strict";
import { BODY_BYTES, bodyOf, propertiesOf, Random, writeBodies } from "./messages.ts";

Deno.test("bodies are JSON of one size, the same in every run, and all different", async () => {
  const path = await Deno.makeTempFile();
  try {
    await writeBodies(path, 2500);
    const bytes = await Deno.readFile(path);
    assert.equal(bytes.length, 2500 * BODY_BYTES);
    const seen = new Set<string>();
    const random = new Random(1);
    for (let index = 0; index < 2500; index++) {
      const start = index * BODY_BYTES;
      const body = new TextDecoder().decode(bytes.subarray(start, start + BODY_BYTES));
      assert.equal(body, bodyOf(index, random));
      assert.equal((JSON.parse(body) as { number: number }).number, 1_000_000 + index);
      seen.add(body);
    }
    assert.equal(seen.size, 2500);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("every message has three headers", () => {
  assert.deepEqual(Object.keys(propertiesOf(7).headers), ["tenant", "sequence", "region"]);
});
