/** `restore --dry-run` tells what `restore` would do, and does nothing. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import type { CliResult } from "./helpers/cli.ts";
import { allOf, assertOk, assertPartial, assertWhole, contentOf, load } from "./helpers/failure.ts";
import { type Job, type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { deleteQueue, queueDepth, remove, testVhost, waitForDepth } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;

interface Plan {
  refused?: { code: string; message: string; hint: string };
  queues: { queue: string; messages: number; action: string; restored_before?: number }[];
}

/** The plan, with an exit code that has to be this one; nothing in the job's folder changes by it. */
async function planned(
  job: Job,
  config: JobConfig,
  code: number,
): Promise<Plan & { text: string }> {
  await job.restoreArgs(config); // writes the configuration
  const before = await stateOf(job);
  const text = await job.restore(config, ["--dry-run"]);
  assert.equal(text.code, code, allOf(text));
  const json = await job.restore(config, ["--dry-run", "--json"]);
  assert.equal(json.code, code, allOf(json));
  assert.deepEqual(await stateOf(job), before);
  return { ...JSON.parse(json.stdout), text: text.stdout };
}

async function stateOf(job: Job): Promise<Record<string, string>> {
  const content = await contentOf(job.dir.path);
  delete content["state.db-shm"]; // SQLite's locks; it holds no data
  return content;
}

/** The real run refuses in the words of the plan. */
function assertRefusedAs(result: CliResult, plan: Plan): void {
  assert.equal(result.code, 7, allOf(result));
  const [{ code, message, hint }] = jsonLines(result, "error");
  assert.deepEqual({ code, message, hint }, plan.refused);
}

Deno.test("queues in the way of a restore", async () => {
  await using vhost = await testVhost(shared, "dry");
  const loaded = [];
  for (const name of ["a", "b", "c", "d"]) {
    loaded.push(await load(shared, await vhost.queue(name), 20));
  }
  const [a, b, c] = loaded as [typeof loaded[0], typeof loaded[0], typeof loaded[0]];
  await using job = await newJob(shared);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(shared, a!.queue);
  await remove(shared, `queues/${vhost.name}/b/contents`);

  const plan = await planned(job, {}, 7);
  assert.deepEqual(plan.queues.map(({ action }) => action), ["create", "use", "skip", "skip"]);
  assert.match(plan.text, / a +classic +20 +not begun\n/);
  assert.match(plan.text, / c +classic +20 +IN THE WAY\n/);
  assert.match(
    plan.text,
    /^c \(dry-.*\), d \(dry-.*\):\n +it holds 20 messages already\n +Hint: empty it, or choose --if-not-empty append or skip$/m,
  );
  assert.match(
    plan.text,
    /^Nothing would be restored: 2 queues are in the way\. Nothing was done/m,
  );
  assertRefusedAs(await job.restore({}, ["--json"]), plan);
  assert.equal(await queueDepth(shared, a!.queue), undefined);

  // With skip the rest is restored, and no hint leads back to where one is.
  const skip = { restore: { if_not_empty: "skip" } };
  const skipping = await planned(job, skip, 3);
  assert.equal(skipping.refused, undefined);
  assert.match(skipping.text, /^2 queues with 40 messages would be restored, 2 skipped\. Nothing/m);
  assert.match(skipping.text, /Hint: empty it, or choose --if-not-empty append$/m);

  // Nor is a queue begun when another may not be created.
  const keep = { restore: { create_missing_queues: false, if_not_empty: "fail" } };
  for (const { queue } of [c!, loaded[3]!]) {
    await remove(shared, `queues/${vhost.name}/${queue.name}/contents`);
  }
  const missing = await planned(job, keep, 7);
  assert.match(missing.refused!.message, /it does not exist in the target$/);
  assertRefusedAs(await job.restore(keep, ["--json"]), missing);

  const last = await planned(job, {}, 0);
  assert.match(last.text, /^4 queues with 80 messages would be restored, 0 skipped\. Nothing was/m);
  assertOk(await job.restore());
  await assertWhole(shared, a!, b!);
});

testOnEach("an interrupted restore, before it is gone on with", async (broker) => {
  await using middle = await Middle.of(broker);
  const { job, loaded, config } = middle;
  assertOk(await job.backup(config));
  const run = await middle.publishing();
  run.kill("SIGKILL");
  middle.proxy.resume();
  await within(run);
  await new Promise((resolve) => setTimeout(resolve, 500)); // what was on its way has arrived

  // 1. It goes on, by the checkpoint that the killed process has left; which queue got how far, is chance.
  const plan = await planned(job, config, 0);
  const begun = plan.queues.find(({ restored_before = 0 }) => restored_before > 0)!;
  const { queue: name, action, restored_before: behind = 0 } = begun;
  const [one, other] = loaded.toSorted((a) => a.queue.name === name ? -1 : 1);
  const there = await queueDepth(broker, one!.queue) ?? 0;
  assert.ok(there > 0 && there < 500, `${there} messages are there`);
  assert.equal(action, "use");
  assert.ok(behind > 0 && behind <= there, `behind ${behind} of ${there}`);
  assert.match(plan.text, new RegExp(` ${name} +quorum +500 +go on behind ${behind}\n`));
  const sum = plan.queues.reduce((all, { restored_before = 0 }) => all + restored_before, 0);
  assert.match(
    plan.text,
    new RegExp(
      `^2 queues with ${1000 - sum} messages would be restored, 0 skipped\\. An interrupted ` +
        `restore goes on behind ${sum} messages\\. Nothing was done\\.$`,
      "m",
    ),
  );

  // 2. Not when what it had restored is gone.
  await remove(broker, `queues/${one!.queue.vhost}/${name}/contents`);
  await waitForDepth(broker, one!.queue, { depth: 0 });
  const emptied = await planned(job, config, 7);
  assert.match(
    emptied.refused!.message,
    new RegExp(
      `^Cannot restore into queue "${name}" of vhost "middle-.*": it holds 0 messages, and ` +
        `${behind} were restored into it before$`,
    ),
  );
  assert.match(emptied.text, /^Nothing would be restored: 1 queue is in the way\./m);
  assertRefusedAs(await job.restore(config, ["--json"]), emptied);

  // 3. As the hint says: deleted, it is restored again.
  await deleteQueue(broker, one!.queue);
  const anew = await planned(job, config, 0);
  assert.equal(anew.queues.find(({ queue }) => queue === name)!.action, "create");
  assert.match(anew.text, new RegExp(` ${name} +quorum +500 +create and fill\n`));
  const last = await job.restore(config, ["--json"]);
  assertOk(last);
  await assertWhole(broker, one!);

  // What may be there twice is told with its queue.
  const [{ possible_duplicates: twice }] = jsonLines(last, "summary");
  assert.ok(twice > 0);
  const warned = jsonLines(last, "warning").filter(({ message }) =>
    /may be there twice/.test(message)
  );
  assert.deepEqual(warned.map(({ queue }) => queue), [other!.queue.name]);
  assert.match(
    warned[0].message,
    new RegExp(
      `^Up to ${twice} messages? of queue "${
        other!.queue.name
      }" of vhost "middle-.*" may be there twice`,
    ),
  );
});

Deno.test("a restore that is done is planned anew", async () => {
  await using vhost = await testVhost(shared, "dry");
  const loaded = await load(shared, await vhost.queue("orders"), 20);
  await using job = await newJob(shared);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(shared, loaded.queue);
  const config = { restore: { if_not_empty: "skip" } };
  assertOk(await job.restore(config));
  const plan = await planned(job, config, 3);
  assert.equal(plan.queues[0]!.restored_before, undefined);
  assertPartial(await job.restore(config), /it holds 20 messages already/);

  // A checkpoint of what had this id before is not taken for this one's.
  await remove(shared, `queues/${vhost.name}/orders/contents`);
  await Deno.remove(job.dir.join("state.db"));
  assert.equal((await planned(job, {}, 0)).queues[0]!.action, "use");
});
