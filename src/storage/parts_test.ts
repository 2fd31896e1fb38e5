import assert from "node:assert/strict";
import { PartBudget } from "./part_budget.ts";
import { type Part, partsOf } from "./part_reader.ts";
import { BandwidthLimit } from "./bandwidth.ts";
import { retryAfterMs } from "./retry_after.ts";

const KIB = 1024;
const { signal } = new AbortController();

/** In one piece of memory that is used again. */
async function* counting(total: number, size = 10_000): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(size);
  for (let at = 0; at < total; at += size) {
    for (let index = 0; index < size; index++) piece[index] = (at + index) % 251;
    await Promise.resolve();
    yield piece.subarray(0, Math.min(size, total - at));
  }
}

Deno.test("partsOf() gives all bytes in parts, whose sizes may grow", async () => {
  const budget = new PartBudget(1);
  const lengths: number[] = [];
  let at = 0;
  const sizeOf = (index: number) => (index < 2 ? 100 : 200) * KIB;
  for await (const part of partsOf(counting(450 * KIB), { budget, sizeOf, signal })) {
    lengths.push(part.bytes.length);
    for (const byte of part.bytes) assert.equal(byte, at++ % 251);
    assert.equal(part.isLast, at === 450 * KIB);
    part.release();
  }
  assert.deepEqual(lengths, [100 * KIB, 100 * KIB, 200 * KIB, 50 * KIB]);
});

Deno.test("partsOf() never gives an empty last part, but one for an empty source", async () => {
  for (const [total, expected] of [[0, [0]], [200 * KIB, [100 * KIB, 100 * KIB]]] as const) {
    const budget = new PartBudget(1);
    const lengths: number[] = [];
    for await (
      const part of partsOf(counting(total), {
        budget,
        sizeOf: () => 100 * KIB,
        signal,
      })
    ) {
      lengths.push(part.bytes.length);
      part.release();
    }
    assert.deepEqual(lengths, expected);
  }
});

Deno.test("partsOf() needs no room for what is small", async () => {
  const budget = new PartBudget(1);
  await budget.acquire(1);
  for await (
    const part of partsOf(counting(60 * KIB), {
      budget,
      sizeOf: () => 100 * KIB,
      signal,
    })
  ) {
    assert.equal(part.bytes.length, 60 * KIB);
  }
});

Deno.test("partsOf() gives its room back when it is left, or its source fails", async () => {
  const budget = new PartBudget(1);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* counting(90 * KIB);
    throw new Error("the source broke");
  }
  const options = { budget, sizeOf: () => 100 * KIB, signal };
  await assert.rejects(() => Array.fromAsync(partsOf(failing(), options)), /the source broke/);
  for await (const part of partsOf(counting(500 * KIB), options)) {
    part.release();
    break;
  }
  budget.release(await budget.acquire(1)); // would wait for ever
});

Deno.test("PartBudget serves in order, never more at once, and passes over who gives up", async () => {
  const budget = new PartBudget(2);
  const held = [await budget.acquire(8), await budget.acquire(8)];
  const order: string[] = [];
  const abort = new AbortController();
  const one = budget.acquire(8).then((memory) => order.push("one") && memory);
  const gone = budget.acquire(8, abort.signal);
  const two = budget.acquire(8).then((memory) => order.push("two") && memory);
  abort.abort(new Error("gone"));
  await assert.rejects(gone, { message: "gone" });
  for (const memory of held) budget.release(memory);
  const [first, second] = await Promise.all([one, two]);
  assert.deepEqual(order, ["one", "two"]);
  assert.ok(
    held.includes(first as Uint8Array) && held.includes(second as Uint8Array),
    "used again",
  );
  assert.equal(budget.peak, 2);
});

Deno.test("many uploads share a small budget and all come to their end", async () => {
  const budget = new PartBudget(2);
  async function upload(): Promise<number> {
    let bytes = 0;
    const sending: Promise<void>[] = [];
    const options = { budget, sizeOf: () => 100 * KIB, signal };
    for await (const part of partsOf(counting(1000 * KIB), options)) {
      bytes += part.bytes.length;
      sending.push(sent(part));
    }
    await Promise.all(sending);
    return bytes;
  }
  async function sent(part: Part): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 2));
    part.release();
  }
  const sizes = await Promise.all(Array.from({ length: 10 }, upload));
  assert.deepEqual(new Set(sizes), new Set([1000 * KIB]));
  assert.equal(budget.peak, 2);
});

Deno.test("BandwidthLimit lets so many bytes a second through", () => {
  let now = 0;
  const limit = new BandwidthLimit(1000, () => now);
  assert.equal(limit.reserve(500), 0);
  assert.equal(limit.reserve(2000), 500);
  assert.equal(limit.reserve(1), 2500);
  now = 10_000;
  assert.equal(limit.reserve(1), 0);
});

Deno.test("BandwidthLimit ends its waiting with the signal", async () => {
  const limit = new BandwidthLimit(1);
  await limit.take(1000);
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error("enough")), 10);
  await assert.rejects(() => limit.take(1, abort.signal), { message: "enough" });
});

Deno.test("retryAfterMs() reads seconds and dates", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases: [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ["", undefined],
    ["3", 3000],
    ["0", undefined],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", undefined],
    ["soon", undefined],
  ];
  for (const [value, expected] of cases) assert.equal(retryAfterMs(value, now), expected, value);
});
