import assert from "node:assert/strict";
import { measure, parseTimes } from "./process_meter.ts";

/** Spends at least 300 ms of CPU, however long that takes on a busy machine, and holds 100 MiB. */
const SPEND = `import { cpuUsage } from "node:process";
const held = new Uint8Array(100 << 20).fill(1);
while (cpuUsage().user < 300_000);
console.log(held.length);`;

Deno.test("times of a shell are read as dash and as bash print them", () => {
  assert.equal(parseTimes("0m0.000000s 0m0.010000s\n1m2.500000s 0m0.250000s\n"), 62.75);
  assert.equal(parseTimes("0m0.001s 0m0.000s\n0m1.250s 0m0.500s\n"), 1.75);
  assert.throws(() => parseTimes(""), /Cannot read the times/);
});

Deno.test("a process is measured whole, and a failing one with its words", async () => {
  const folder = await Deno.makeTempDir();
  const options = {
    folder,
    brokerPid: Deno.pid,
    timeoutMs: 30_000,
    signal: new AbortController().signal,
  };
  try {
    const measured = await measure([Deno.execPath(), "eval", SPEND], options);
    assert.equal(measured.stdout.trim(), `${100 << 20}`);
    assert.ok(measured.wallSeconds >= 0.1, `wall ${measured.wallSeconds}`);
    assert.ok(measured.cpuSeconds >= 0.29, `CPU ${measured.cpuSeconds}`);
    if (Deno.build.os === "linux") assert.ok((measured.peakMemoryBytes ?? 0) > 100 << 20);
    if (Deno.build.os === "linux") assert.ok((measured.otherCores ?? -1) >= 0);
    await assert.rejects(measure(["sh", "-c", "echo why >&2; exit 3"], options), /code 3\nwhy/);
    await assert.rejects(measure(["sleep", "60"], { ...options, timeoutMs: 200 }), /not done in/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
