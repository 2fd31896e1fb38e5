/** A backup that is paused by a signal holds nothing, and goes on by the next one. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { assertOk } from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { testVhost, waitForDepth, waitUntil } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;

Deno.test("SIGUSR2 pauses a backup where nothing is held, and lets it go on", async () => {
  await using vhost = await testVhost(shared, "pause");
  await using job = await newJob(shared);
  const deep = await vhost.queue("deep");
  const other = await vhost.queue("other");
  await pikaGenerate(shared, deep, { count: 12_000 });
  await pikaGenerate(shared, other, { count: 10 });
  const run = await job.startBackup(
    // slow enough to be paused in the middle of
    { vhosts: [vhost.name], backup: { prefetch_count: 10, max_concurrent_queues: 1 } },
    ["--json", "--progress-interval", "100ms"],
  );
  const statuses = () => jsonLines({ ...run, code: 0, signal: null }, "status");
  const active = () => statuses().at(-1)?.current_queues[0];

  // 1. What is being read is read to its end, and given back.
  await run.waitFor(/"messages_held":[1-9]/);
  run.kill("SIGUSR2");
  await run.waitFor(/Pausing: no other queue is begun/);
  await waitUntil(() => active()?.messages_returned === 12_000, { what: "the return" });
  await waitForDepth(shared, deep, { depth: 12_000 });

  // 2. From then on nothing is done.
  const before = statuses().length;
  await waitUntil(() => statuses().length > before + 10, { what: "a second of pause" });
  const { queue, messages_held, messages_stored } = active();
  assert.deepEqual([queue, messages_held, messages_stored], ["deep", 0, 0]);
  assert.deepEqual(jsonLines({ ...run, code: 0, signal: null }, "queue_done"), []);
  await waitForDepth(shared, other, { depth: 10 });

  // 3. The next signal ends the pause.
  run.kill("SIGUSR2");
  const result = await run.done;
  assertOk(result);
  assert.equal(jsonLines(result, "summary")[0].messages, 12_010);
  await waitForDepth(shared, deep, { depth: 12_000 });
});
