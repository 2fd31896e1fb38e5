/** Restores in the user interface, by keys alone, on real brokers. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, queueDepth, testVhost } from "./helpers/queues.ts";
import { TmuxRun } from "./helpers/tmux.ts";

const shared = brokers().at(-1)!;

testOnEach("a whole restore, guided, after a wrong answer", async (broker) => {
  await using vhost = await testVhost(broker, "tui");
  await using job = await newJob(broker);
  const queue = await vhost.queue("orders");
  const other = await vhost.queue("emails");
  const sent = await pikaGenerate(broker, queue, { count: 300 });
  await pikaGenerate(broker, other, { count: 5 });
  const backup = await job.backup({ vhosts: [vhost.name] });
  assert.equal(backup.code, 0, backup.stderr);
  await deleteQueue(broker, queue);
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config], { columns: 250 });
  const target = broker.amqpUrl.replace(/^.*[/@]([^/@]+)$/, "$1");

  // 1. The backup, and one queue of it.
  await terminal.waitFor(/1 backup, the last one just now/);
  await terminal.press("Down", "Enter");
  await terminal.waitFor(/› test +✔ complete/);
  await terminal.press("Enter");
  await terminal.waitFor(/2 queues, none marked/);
  await terminal.press("G", "Space");
  await terminal.waitFor(/● +orders/);

  // 2. The plan, with the command that does the same.
  await terminal.press("Enter");
  const plan = await terminal.waitFor(/1 queue, 300 messages to restore, 1 created/);
  assert.match(plan, /\$ rabbitmq-backup restore .*--include orders --backup-id test/);

  // 3. A wrong name writes nothing, nor does the button that has the focus.
  await terminal.press("Enter");
  await terminal.waitFor(/\[ Cancel \]/);
  await terminal.type("localhost");
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/That is not its name; nothing was written/);
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/Enter restore/);
  assert.equal(await queueDepth(broker, queue), undefined);

  // 4. The right one does, and what is there is the same.
  await terminal.press("Enter");
  await terminal.waitFor(/\[ Cancel \]/);
  await terminal.type(target);
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/Restore of test is complete: 1 queue, 300 messages/);
  await terminal.press("v");
  await terminal.waitFor(/orders \(.*\): the same 300 messages/);
  await terminal.press("q");
  const left = await terminal.waitFor(/^code 0$/m);
  assert.match(left, /Restore of test is complete[^]*hold the same/);
  assertSameMessages(await pikaRead(broker, queue), sent, { routing: false });
  assert.equal(await queueDepth(broker, other), 5);
});

Deno.test("queues that hold messages stand in the way until that is changed", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  await pikaGenerate(shared, queue, { count: 20 });
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config, "--read-only"]);
  await terminal.waitFor(/1 backup, /);
  await terminal.press("Down", "Enter");
  await terminal.waitFor(/› test/);
  await terminal.press("Enter");
  await terminal.waitFor(/1 queue, none marked/);
  await terminal.press("Enter");
  await terminal.waitFor(/Nothing can be restored like this[^]*it holds 20 messages/);
  await terminal.press("i", "i");
  const screen = await terminal.waitFor(/if not empty: append\n.*1 queue, 20 messages to restore/);
  // It is only to look.
  assert.match(screen, /READ-ONLY/);
  assert.doesNotMatch(screen, /Enter restore/);
  await terminal.press("Enter");
  await terminal.press("w");
  await terminal.type("-1h ..");
  await terminal.press("Enter");
  await terminal.waitFor(/of the time -1h \.\.[^]*to restore/);
  assert.equal(await queueDepth(shared, queue), 20);
});
