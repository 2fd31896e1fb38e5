import assert from "node:assert/strict";
import fc from "fast-check";
import { didYouMean, nearest } from "./nearest.ts";

const KEYS = ["compression", "compression_level", "prefetch_count", "include", "exclude"];

Deno.test("nearest() finds the key behind typical slips", () => {
  assert.equal(nearest("compresion", KEYS), "compression");
  assert.equal(nearest("compression-level", KEYS), "compression_level");
  assert.equal(nearest("prefetchCount", KEYS), "prefetch_count");
  assert.equal(nearest("inlcude", KEYS), "include");
  assert.equal(nearest("EXCLUDE", KEYS), "exclude");
});

Deno.test("nearest() names nothing when nothing is close", () => {
  assert.equal(nearest("banana", KEYS), undefined);
  assert.equal(nearest("x", KEYS), undefined);
  assert.equal(nearest("anything", []), undefined);
});

Deno.test("nearest() undoes any single swap, deletion or insertion in a long word", () => {
  const word = "max_concurrent_queues";
  const others = [word, "segment_max_interval_ms", "checkpoint_interval_secs"];
  fc.assert(
    fc.property(fc.nat(word.length - 2), fc.string({ minLength: 1, maxLength: 1 }), (at, c) => {
      const swapped = word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
      const shorter = word.slice(0, at) + word.slice(at + 1);
      const longer = word.slice(0, at) + c + word.slice(at);
      for (const slip of [swapped, shorter, longer]) assert.equal(nearest(slip, others), word);
    }),
  );
});

Deno.test("didYouMean() is the end of a sentence or nothing", () => {
  assert.equal(didYouMean("inclde", KEYS), '; did you mean "include"?');
  assert.equal(didYouMean("zzz", KEYS), "");
});
