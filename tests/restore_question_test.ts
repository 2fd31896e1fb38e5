/** On a terminal a restore shows its plan and asks before it writes. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { assertNothingLeft, assertOk } from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { PtyRun } from "./helpers/pty.ts";
import { queueDepth, testVhost } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;
const QUESTION = /Restore into 127\.0\.0\.1:\d+\? \[y\/N\] $/;

/** A backup of the queue `orders` with 20 messages, and no such queue any more. */
async function backedUp(job: Job, vhost: string): Promise<void> {
  await using client = await PlainClient.open(shared, vhost);
  await client.declare([{ name: "orders" }]);
  await client.publish(Array.from({ length: 20 }, (_, n) => ["orders", `${n}`] as const));
  assertOk(await job.backup({ vhosts: [vhost] }));
  await client.deleteQueues(["orders"]);
}

Deno.test("no, Ctrl-C, the end of the input and an empty line: nothing is done", async () => {
  await using vhost = await testVhost(shared, "ask");
  await using job = await newJob(shared);
  await backedUp(job, vhost.name);
  const args = await job.restoreArgs();
  for (const keys of ["n\n", "\n", "\u0003", "\u0004"]) {
    await using run = new PtyRun(args);
    await run.waitFor(QUESTION);
    assert.match(run.screen, /orders +classic +20 +create and fill\r\n/);
    assert.match(run.screen, /1 queue with 20 messages will be restored, 0 skipped\.\r\n/);
    await run.type(keys);
    assert.equal(await run.end(), 13, JSON.stringify(keys));
    assert.match(run.screen, /^Error: Nothing was restored, as the answer was not yes\r\n/m);
    assert.equal(await queueDepth(shared, { vhost: vhost.name, name: "orders" }), undefined);
  }
  await assertNothingLeft(job);
});

Deno.test("yes: what the plan says, and each warning once", async () => {
  await using vhost = await testVhost(shared, "ask");
  await using job = await newJob(shared);
  await backedUp(job, vhost.name);
  const restore = { queue_mapping: { "orders*": "old", none: "x" } };
  await using run = new PtyRun(await job.restoreArgs({ restore }));
  await run.waitFor(QUESTION);
  assert.match(run.screen, /"none" matches nothing/);
  assert.equal(await queueDepth(shared, { vhost: vhost.name, name: "old" }), undefined);
  await run.type("y\n");
  assert.equal(await run.end(), 0, run.screen);
  assert.equal(await queueDepth(shared, { vhost: vhost.name, name: "old" }), 20);
  assert.equal(run.screen.match(/matches nothing/g)?.length, 1);
  assert.equal(run.screen.match(/created under another name/g)?.length, 1);
  assert.match(run.screen, /Restore of test is complete: 1 queue, 20 messages/);
});

Deno.test("nobody is asked: --yes, --no-input, --json, and what is refused anyway", async () => {
  await using vhost = await testVhost(shared, "ask");
  await using job = await newJob(shared);
  await backedUp(job, vhost.name);
  const args = await job.restoreArgs({ restore: { if_not_empty: "append" } });
  let depth = 0;
  for (const flag of ["-y", "--no-input", "--json"]) {
    await using run = new PtyRun([...args, flag]);
    assert.equal(await run.end(), 0, run.screen);
    assert.doesNotMatch(run.screen, /\[y\/N\]/);
    depth += 20;
    assert.equal(await queueDepth(shared, { vhost: vhost.name, name: "orders" }), depth);
  }
  await using run = new PtyRun(await job.restoreArgs());
  assert.equal(await run.end(), 7, run.screen);
  assert.match(run.screen, /Cannot restore into queue "orders" .*: it holds 60 messages already/);
});

Deno.test("the beginning of an id and latest name the backup, in the question as well", async () => {
  await using vhost = await testVhost(shared, "ask");
  await using job = await newJob(shared);
  await backedUp(job, vhost.name);
  for (const backupId of ["te", "latest"]) {
    await using run = new PtyRun(await job.restoreArgs({ backupId }));
    await run.waitFor(QUESTION);
    assert.match(run.screen, /^Restore +test\r\n/m);
    await run.type("n\n");
    assert.equal(await run.end(), 13);
  }
  // Two that begin so, and one that is called so.
  for (const backupId of ["test-1", "test-2"]) {
    assertOk(await job.backup({ vhosts: [vhost.name], backupId }));
  }
  const both = await job.restore({ backupId: "test-" });
  assert.equal(both.code, 2);
  assert.match(both.stderr, /Cannot restore "test-": 2 backups have an id that begins so/);
  assertOk(await job.restore({ backupId: "test" }));
  assert.equal(await queueDepth(shared, { vhost: vhost.name, name: "orders" }), 20);
});
