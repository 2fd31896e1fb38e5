import assert from "node:assert/strict";
import { calmly } from "./calmly.ts";

Deno.test("changes are heard of at once, then together, and none after the end", async () => {
  const listeners = new Set<() => void>();
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const change = () => listeners.forEach((listener) => listener());
  let heard = 0;
  const { promise: again, resolve } = Promise.withResolvers<void>();
  const stop = calmly(subscribe, 50)(() => {
    if (++heard === 2) resolve();
  });
  change();
  assert.equal(heard, 1);
  for (let one = 0; one < 10; one++) change();
  assert.equal(heard, 1);
  await again;
  assert.equal(heard, 2);
  change();
  stop();
  await new Promise((resolve) => setTimeout(resolve, 70));
  assert.equal(heard, 2);
});
