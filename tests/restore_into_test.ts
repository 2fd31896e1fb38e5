/** A restore by the file that the backup was taken with. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, queueDepth, testVhost } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";

const [first, shared] = [brokers()[0]!, brokers().at(-1)!];

Deno.test("--into source brings a backup back with the file for backups, streams as well", async () => {
  await using vhost = await testVhost(shared, "into");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  const stream = await vhost.queue("audit", { type: "stream" });
  const sent = await pikaGenerate(shared, queue, { count: 20 });
  await streamPublish(shared, stream, { count: 10, simple: true });
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const one of [queue, stream]) await deleteQueue(shared, one);
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  const run = (command: string, ...flags: string[]) => runCli([command, ...config, ...flags]);

  const refused = await run("restore");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /this file is for backup, and the command is restore/);
  const plan = await run("validate-restore", "--into", "source", "--json");
  assert.equal(JSON.parse(plan.stdout).target.address, new URL(shared.amqpUrl).host);
  assert.equal(await queueDepth(shared, queue), undefined);
  assertOk(await run("restore", "--into", "source"));
  assertOk(await run("verify", "--into", "source"));
  assertOk(await run("definitions-import", "--into", "source", "--dry-run"));
  const checked = await run("doctor", "--into", "source", "--json");
  assert.equal(JSON.parse(checked.stdout).for, "restore");
  assertSameMessages(await pikaRead(shared, queue), sent, { routing: false });
  assert.equal((await streamRead(shared, stream, { count: 10 })).length, 10);
});

Deno.test("--into names the section that flags and variables of the broker are about", async () => {
  await using vhost = await testVhost(shared, "into");
  await using job = await newJob(shared);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  const plan = async (flags: string[], env: Record<string, string> = {}) => {
    const words = ["restore", ...config, "--dry-run", "--json", ...flags];
    const result = await runCli(words, { env });
    return result.code === 0 ? JSON.parse(result.stdout).target.address : result.stderr;
  };
  const [here, there] = [shared, first].map(({ amqpUrl }) => new URL(amqpUrl).host);
  const variable = { RABBITMQ_BACKUP_AMQP_URL: first.amqpUrl };
  assert.equal(await plan(["--into", "source"]), here);
  assert.equal(await plan(["--into", "source"], variable), there);
  assert.equal(await plan(["--into", "target"], variable), there);
  assert.match(await plan(["--into", "target"]), /the target broker: none is configured/);
  assert.match(await plan(["--into", "elsewhere"]), /Allowed choices are target, source/);
});
