/** Ctrl-C and SIGTERM: everything is given back, and the printed command goes on. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import type { CliResult, CliRun } from "./helpers/cli.ts";
import {
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertWhole,
  runPrinted,
} from "./helpers/failure.ts";
import { jsonLines } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { deleteQueue, queueDepth } from "./helpers/queues.ts";

const shared: Broker = brokers().at(-1)!;

const STOPPED = {
  SIGINT: {
    code: 130,
    error: /^Stopped by Ctrl-C$/,
    hint: /^Hint: go on with: .* --backup-id test$/,
  },
  SIGTERM: {
    code: 143,
    error: /^Stopped by SIGTERM$/,
    hint: /^Hint: go on with: .* --backup-id test/,
  },
} as const;

/** Sends the signal, lets the flow go on when it was heard, and waits for the end. */
async function stop(
  middle: Middle,
  run: CliRun,
  signal: keyof typeof STOPPED,
): Promise<CliResult> {
  run.kill(signal);
  await run.waitFor(/^Stopping: .*Press Ctrl-C again to stop at once\.$/m);
  middle.proxy.resume();
  const result = await within(run, 30_000);
  assertFailed(result, STOPPED[signal]);
  return result;
}

testOnEach("stopped while queues are read", async (broker) => {
  await using middle = await Middle.of(broker);
  const { job, loaded } = middle;
  await stop(middle, await middle.reading(), "SIGINT");
  for (const { queue, sent } of loaded) {
    assert.equal(await queueDepth(broker, queue), sent.length, "they are back when it has ended");
  }
  // Stopped once more, the other way.
  const stopped = await stop(middle, await middle.reading(), "SIGTERM");
  for (const { queue, sent } of loaded) {
    assert.equal(await queueDepth(broker, queue), sent.length);
  }
  assertOk(await runPrinted(stopped));
  assertOk(await job.validate());
  assert.equal((await job.manifest()).total_messages, 1_000);
  await assertNothingLeft(job);
  await assertWhole(broker, ...loaded);
});

Deno.test("stopped while messages are packed", async () => {
  await using middle = await Middle.of(shared);
  const { job, loaded } = middle;
  const backup = { compression_level: 16, segment_max_bytes: "1MiB" };
  const flags = ["--json", "--progress-interval", "100ms"];
  const run = await job.startBackup({ ...middle.config, backup }, flags);
  await run.waitFor(/("phase":"packing".*){2}/); // both queues have been read
  const stopped = await stop(middle, run, "SIGTERM");
  assert.ok(jsonLines(stopped, "queue_done").length < 2, "it was not stopped in the middle");
  for (const { queue, sent } of loaded) {
    assert.equal(await queueDepth(shared, queue), sent.length);
    // What was read is kept: it does not take the queues to go on.
    await deleteQueue(shared, queue);
  }
  assertOk(await runPrinted(stopped));
  assertOk(await job.validate());
  await assertNothingLeft(job);
  assertOk(await job.restore());
  await assertWhole(shared, ...loaded);
});

testOnEach("stopped while queues are restored: each message exactly once", async (broker) => {
  await using middle = await Middle.of(broker);
  const { job, loaded } = middle;
  assertOk(await job.backup(middle.config));
  const first = await stop(middle, await middle.publishing(), "SIGINT");
  let there = 0;
  for (const { queue } of loaded) there += await queueDepth(broker, queue) ?? 0;
  assert.ok(there > 0 && there < 1_000, `${there} messages are there`);

  middle.proxy.stallAfter(3_000);
  const again = await job.startRestore(middle.config);
  await again.waitFor(/Going on with the restore/);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await stop(middle, again, "SIGTERM");

  const last = await runPrinted(first);
  assertOk(last);
  assert.equal(jsonLines(last, "summary")[0].possible_duplicates, 0);
  await assertWhole(broker, ...loaded);
  await assertNothingLeft(job);
});

Deno.test("Ctrl-C twice ends at once, whatever the broker does", async () => {
  await using middle = await Middle.of(shared);
  for (const start of ["reading", "publishing"] as const) {
    const run = await middle[start]();
    run.kill("SIGINT");
    await run.waitFor(/^Stopping: /m);
    run.kill("SIGINT");
    const pressed = performance.now();
    const { code } = await within(run);
    assert.equal(code, 130);
    assert.ok(performance.now() - pressed < 4_000);
    middle.proxy.resume();
    if (start === "reading") await middle.assertBackupGoesOn();
    else await middle.assertRestoreGoesOn();
  }
});
