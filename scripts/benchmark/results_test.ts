import assert from "node:assert/strict";
import type { Sample } from "./arena.ts";
import { spread, summarize } from "./results.ts";

Deno.test("the median is the middle run, or the mean of the middle two", () => {
  assert.deepEqual(spread([5, 1, 3]), { median: 3, min: 1, max: 5 });
  assert.deepEqual(spread([4, 1, 3, 10]), { median: 3.5, min: 1, max: 10 });
  assert.equal(spread([1, undefined]), undefined);
  assert.equal(spread([]), undefined);
});

Deno.test("goals are held against the floor, the limit and the earlier tool", () => {
  const sample = (part: Partial<Sample>): Sample => ({
    wallSeconds: 1,
    cpuSeconds: 1,
    peakMemoryBytes: 1e6,
    brokerCpuSeconds: undefined,
    otherCores: undefined,
    ...part,
  });
  const { goals, wallRatio, wallRatioReturned, holdRatio, cpuRatio } = summarize({
    queueType: "classic",
    operation: "backup",
    floor: [sample({ wallSeconds: 4, returnedSeconds: 5, cpuSeconds: 0.5 })],
    ours: [
      sample({ wallSeconds: 6, holdSeconds: 9, storedBytes: 20e6, peakMemoryBytes: 210e6 }),
      sample({ wallSeconds: 5, holdSeconds: 5, storedBytes: 20e6 }),
      sample({ wallSeconds: 4, holdSeconds: 4, storedBytes: 20e6 }),
    ],
  }, { messages: 100_000, reference: { storedBytes: 40e6 } });
  assert.deepEqual([wallRatio, wallRatioReturned, holdRatio, cpuRatio], [1.25, 1, 1.25, 2]);
  const met = Object.fromEntries(goals.map(({ name, value, met }) => [name, { value, met }]));
  assert.deepEqual(met, {
    "wall / floor": { value: 1.25, met: true },
    "hold / floor": { value: 1.25, met: false },
    "CPU / earlier tool": { value: 2 / (8.65 / 2.15), met: true },
    "peak memory, MB": { value: 210, met: false },
    "stored / earlier tool": { value: 0.5, met: true },
  });
});
