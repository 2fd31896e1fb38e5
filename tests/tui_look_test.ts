/** What is looked at and chosen before a restore, by keys alone, on real brokers. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { newJob } from "./helpers/job.ts";
import { pikaGenerate, pikaPublish } from "./helpers/pika.ts";
import { createVhost, queueDepth, remove, testVhost } from "./helpers/queues.ts";
import { assertOk } from "./helpers/failure.ts";
import { TmuxRun } from "./helpers/tmux.ts";

const shared = brokers().at(-1)!;

Deno.test("messages of a backup are listed, searched and shown, and the command for it is copied and saved", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  await vhost.queue("emails");
  const message = (number: number) => ({
    routing_key: queue.name,
    headers: { tenant: { str: number === 4_321 ? "acme\u001b[2J" : "other" } },
    body: Buffer.from(JSON.stringify({ order: number })).toString("base64"),
  });
  const all = Array.from({ length: 5_000 }, (_, index) => message(index + 1));
  await pikaPublish(shared, vhost.name, all);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config], {
    columns: 300,
    cwd: job.dir.path,
  });
  await terminal.allowClipboard();
  await terminal.waitFor(/1 backup, /);
  await terminal.press("Down", "Enter");

  // 1. The list of backups has a filter.
  await terminal.waitFor(/› test/);
  await terminal.press("/");
  await terminal.type("nightly");
  await terminal.waitFor(/0 of 1 backup/);
  await terminal.press("C-u");
  await terminal.type("te complete");
  await terminal.press("C-w");
  await terminal.waitFor(/\/te ▏/);
  await terminal.press("Enter", "Enter");

  // 2. To the messages of a queue, up to the last one.
  await terminal.waitFor(new RegExp(`${vhost.name} +emails[^]*${vhost.name} +orders`));
  await terminal.press("G", "m");
  await terminal.waitFor(/orders.* 5,000 messages[^]*› +1 .*orders/);
  await terminal.press("G");
  await terminal.waitFor(/› +5,000 +20\d\d-.*orders/);

  // 3. The one that is looked for, in all forms.
  await terminal.press("/");
  await terminal.type("ACME");
  await terminal.press("Enter");
  await terminal.waitFor(/1 found in 5,000 messages[^]*› +4,321 /);
  await terminal.press("Enter");
  await terminal.waitFor(/header tenant +acme\\u\{1b\}\[2J[^]*as json[^]*"order": 4321/);
  await terminal.press("b", "b", "b");
  await terminal.waitFor(/as hex[^]*7b 22 6f 72 64 65 72 22/);
  await terminal.press("n");
  await terminal.waitFor(/This is the last one/);

  // 4. The same as a command, in the clipboard and in a file; both show the same.
  await terminal.press("y");
  await terminal.waitFor(/The same as a command[^]*OSC 52/);
  const copied = await terminal.clipboard();
  assert.match(
    copied,
    /^rabbitmq-backup messages .*--queue=orders --from 4321 --limit 1 --body hex$/,
  );
  await terminal.press("Right", "Enter");
  await terminal.waitFor(/Saved as rabbitmq-backup-messages\.sh/);
  const saved = await new Deno.Command(job.dir.join("rabbitmq-backup-messages.sh"), {
    cwd: "/",
  }).output();
  assert.match(new TextDecoder().decode(saved.stdout), /7b 22 6f 72 64 65 72 22/);
});

Deno.test("a restore goes into another broker that was typed and tried", async () => {
  const other = brokers().find((broker) => broker !== shared)!;
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  await pikaGenerate(shared, queue, { count: 30, priorities: [4] });
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await createVhost(other, vhost.name);
  try {
    const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
    const env = { RABBITMQ_BACKUP_AMQP_URL: "" };
    await using terminal = await TmuxRun.start(["tui", ...config], { columns: 300, env });
    await terminal.waitFor(/1 backup, /);
    await terminal.press("Down", "Enter");
    await terminal.waitFor(/› test/);
    await terminal.press("Enter");
    await terminal.waitFor(/none marked/);
    await terminal.press("Enter");
    await terminal.waitFor(/Nothing can be restored like this[^]*it holds 30 messages/);

    // 1. A wrong one is told, the right one is taken.
    await terminal.press("t");
    await terminal.waitFor(/› Broker/);
    const { host } = new URL(other.amqpUrl);
    for (const word of [host, "", "wrong", other.managementUrl]) {
      await terminal.type(word);
      await terminal.press("Enter");
    }
    await terminal.waitFor(/✖ Cannot /);
    await terminal.press("Up");
    await terminal.press("C-u");
    await terminal.type(other.password);
    await terminal.press("C-t");
    await terminal.waitFor(new RegExp(`✔ RabbitMQ ${other.version}`));
    await terminal.press("Enter");
    const plan = await terminal.waitFor(/1 queue, 30 messages to restore, 1 created/);
    assert.match(plan, new RegExp(`Into +${host}`));
    assert.match(plan, /restore .*--into target --amqp-url "\$RABBITMQ_BACKUP_AMQP_URL"/);
    assert.doesNotMatch(plan, new RegExp(`:${other.password}@`));

    // 2. Mapped into another queue; a value that cannot be is told at once.
    await terminal.press("o");
    await terminal.waitFor(/options/);
    await terminal.press("/");
    await terminal.type("queue-mapping");
    await terminal.press("Enter", "Enter");
    await terminal.type("nonsense");
    await terminal.press("Enter");
    await terminal.waitFor(/✖ Cannot .*/);
    await terminal.press("Enter", "C-u");
    await terminal.type("*=restored.$1");
    await terminal.press("Enter");
    await terminal.waitFor(/› queue-mapping +\*=restored\.\$1(?![^]*✖)/);
    await terminal.press("Escape", "Escape");
    await terminal.waitFor(/INTO[^]*restored\.orders/);
    await terminal.press("Enter");
    await terminal.waitFor(/\[ Cancel \]/);
    await terminal.type(host);
    await terminal.press("Tab", "Enter");
    await terminal.waitFor(/Restore of test is complete: 1 queue, 30 messages/);
    const restored = { vhost: vhost.name, name: "restored.orders" };
    assert.equal(await queueDepth(other, restored), 30);
    assert.equal(await queueDepth(shared, queue), 30);
    await terminal.press("v");
    await terminal.waitFor(/restored\.orders \(.*\): the same 30 messages/);
  } finally {
    await remove(other, `vhosts/${encodeURIComponent(vhost.name)}`);
  }
});
