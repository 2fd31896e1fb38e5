import assert from "node:assert/strict";
import { hotSpots } from "./profile.ts";

Deno.test("time is added up by function, the hottest first", () => {
  const frame = (functionName: string, url: string, lineNumber: number) => ({
    callFrame: { functionName, url, lineNumber },
  });
  const url = new URL("./profile.ts", import.meta.url).href;
  const spots = hotSpots({
    nodes: [
      { id: 1, ...frame("(garbage collector)", "", -1) },
      { id: 2, ...frame("hot", url, 9) },
      { id: 3, ...frame("hot", url, 9) }, // called from elsewhere
      { id: 4, ...frame("", url, 9) },
    ],
    samples: [1, 2, 3, 4, 2],
    timeDeltas: [100_000, 1_000_000, 500_000, 250_000, 500_000],
  });
  const place = "scripts/benchmark/profile.ts:10";
  assert.deepEqual(spots, [
    { name: "hot", place, seconds: 2 },
    { name: "(anonymous)", place, seconds: 0.25 },
    { name: "(garbage collector)", place: "", seconds: 0.1 },
  ]);
});
