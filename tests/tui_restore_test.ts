/** Restores in the user interface, by keys alone, on real brokers. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, queueDepth, testVhost, waitForDepth } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { tempDir } from "./helpers/temp.ts";
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
  await terminal.waitFor(/● .*orders/);

  // 2. The plan, with the command that does the same.
  await terminal.press("Enter");
  const plan = await terminal.waitFor(/1 queue, 300 messages to restore, 1 created/);
  assert.match(
    plan,
    /\$ rabbitmq-backup restore .*--into source --include orders --backup-id test/,
  );

  // 3. A wrong name writes nothing, nor does the button that has the focus.
  await terminal.press("Enter");
  await terminal.waitFor(/\[ Cancel \]/);
  await terminal.type("localhost");
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/That is not its name; nothing was written/);
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/Cancelled: nothing was written[^]*Enter restore/);
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
  const screen = await terminal.waitFor(/if-not-empty append\n.*1 queue, 20 messages to restore/);
  assert.match(screen, /1 added to[^]*! add to 20/);
  // It is only to look.
  assert.match(screen, /READ-ONLY/);
  assert.doesNotMatch(screen, /Enter restore/);
  await terminal.press("Enter");
  await terminal.press("w");
  await terminal.waitFor(/20 of 20 messages/);
  await terminal.press("t");
  await terminal.type("-1h ..");
  await terminal.press("Enter");
  await terminal.waitFor(/From .*--time-window-start=2/);
  await terminal.press("Enter");
  await terminal.waitFor(/of the time 2\S+Z \.\.[^]*to restore/);
  assert.equal(await queueDepth(shared, queue), 20);
});

/** From the start to the plan of a restore of all that the one backup has. */
async function openPlan(terminal: TmuxRun): Promise<void> {
  await terminal.waitFor(/1 backup, /);
  await terminal.press("Down", "Enter");
  await terminal.waitFor(/› test/);
  await terminal.press("Enter");
  await terminal.waitFor(/none marked/);
  await terminal.press("Enter");
  await terminal.waitFor(/Looking at the target|to restore|Nothing can be/);
}

/** Sets options of a restore by their names, and waits for the plan. */
async function setOptions(terminal: TmuxRun, options: Record<string, string>): Promise<void> {
  await terminal.press("o");
  await terminal.waitFor(/options/);
  for (const [name, value] of Object.entries(options)) {
    await terminal.press("/");
    await terminal.type(name);
    await terminal.press("Enter");
    await terminal.waitFor(new RegExp(`› ${name} `));
    await terminal.press("Enter");
    // What was chosen before is still there.
    await terminal.press("C-u");
    await terminal.type(value);
    await terminal.press("Enter");
    await terminal.waitFor(new RegExp(`› ${name} +${value} `));
    await terminal.press("Escape");
  }
  await terminal.press("Escape");
  await terminal.waitFor(/to restore/);
}

/** Answers the question with the target's name. */
async function confirm(terminal: TmuxRun, { amqpUrl }: { amqpUrl: string }): Promise<void> {
  await terminal.press("Enter");
  await terminal.waitFor(/\[ Cancel \]/);
  await terminal.type(new URL(amqpUrl).host);
  await terminal.waitFor(/Tab goes to the other button, which does it/);
  await terminal.press("Tab", "Enter");
}

Deno.test("only the messages of a time that was chosen on the timeline come back", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const stream = await vhost.queue("audit", { type: "stream" });
  await streamPublish(shared, stream, { count: 60, simple: true });
  await new Promise((resolve) => setTimeout(resolve, 4_000)); // so long between the messages
  await streamPublish(shared, stream, { count: 40, first: 60, simple: true });
  const sent = await streamRead(shared, stream, { count: 100 });
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);
  await deleteQueue(shared, stream);
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config], { columns: 250 });
  await openPlan(terminal);
  await terminal.waitFor(/1 queue, 100 messages to restore/);

  // Half of the time, by keys alone; the command line has the same time.
  await terminal.press("w");
  await terminal.waitFor(/100 of 100 messages/);
  for (let step = 0; step < 12; step++) await terminal.press("]");
  const window = await terminal.waitFor(/0 to 100 of 100 messages/);
  const start = /From +(\S+) (\S+) UTC/.exec(window)!;
  await terminal.waitFor(new RegExp(`restore .*--time-window-start=${start[1]}T${start[2]}Z`));
  await terminal.press("Enter");
  await terminal.waitFor(/of the time 20\S+ \.\.[^]*to restore/);

  await confirm(terminal, shared);
  await terminal.waitFor(/Restore of test is complete: 1 queue, 40 messages/);
  await terminal.press("v");
  await terminal.waitFor(/audit \(.*\): the same 40 messages/);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
  const restored = await streamRead(shared, stream, { count: 40 });
  assert.deepEqual(
    restored.map(({ message }) => message),
    sent.slice(60).map(({ message }) => message),
  );
});

Deno.test("Ctrl-C in the middle, in a terminal that gets smaller; the command that it prints goes on", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  const stream = await vhost.queue("audit", { type: "stream" });
  const sent = await pikaGenerate(shared, queue, { count: 300 });
  await streamPublish(shared, stream, { count: 50, simple: true });
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);
  for (const one of [queue, stream]) await deleteQueue(shared, one);
  // A file for backups, and relative paths in it: what is printed works all the same.
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name], storage: "backups" });
  await using terminal = await TmuxRun.start(["tui", ...config], {
    columns: 400,
    cwd: job.dir.path,
  });
  await openPlan(terminal);
  await setOptions(terminal, { "messages-per-sec": "60", "max-concurrent-queues": "1" });
  await confirm(terminal, shared);
  await terminal.waitFor(/orders \(.*publishing +[1-9]\d? %/);
  await terminal.resize(60, 20);
  await terminal.waitFor(/s stop safely/);
  await terminal.press("C-c");
  await terminal.waitFor(/The restore was stopped[^]*go on with:/);
  await terminal.resize(400, 24);
  await terminal.press("q");
  const left = await terminal.waitFor(/^code 130$/m);
  const printed = /go on with: (.*)$/m.exec(left)![1]!;
  assert.match(
    printed,
    /restore --config .*--into source .*--messages-per-sec=60 --backup-id test$/,
  );
  const before = await queueDepth(shared, queue);
  assert.ok(before !== undefined && before > 0 && before < 300, `${before}`);

  // Pasted into a shell, in another folder.
  await using elsewhere = await tempDir();
  const pasted = await new Deno.Command("sh", {
    args: ["-c", printed],
    cwd: elsewhere.path,
    stdin: "null",
  }).output();
  assert.equal(pasted.code, 0, new TextDecoder().decode(pasted.stderr));
  await waitForDepth(shared, queue, { depth: 300 });
  assertSameMessages(await pikaRead(shared, queue), sent, { routing: false });
  assert.equal((await streamRead(shared, stream, { count: 50 })).length, 50);
});

Deno.test("a broker that is lost in the middle: it connects again, or says how to go on", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using proxy = TcpProxy.inFrontOf(shared.amqpUrl);
  const broken = { ...shared, ...proxy.through(shared) };
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  await pikaGenerate(shared, queue, { count: 300 });
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);
  const { amqpUrl: amqp_url, managementUrl: management_url } = broken;
  const target = { amqp_url, management_url };
  const [, ...config] = await job.restoreArgs({ target });
  await using terminal = await TmuxRun.start(["tui", ...config], { columns: 200 });

  // 1. It comes back by itself.
  await deleteQueue(shared, queue);
  await openPlan(terminal);
  await setOptions(terminal, { "messages-per-sec": "100" });
  await confirm(terminal, broken);
  await terminal.waitFor(/orders \(.*publishing +[1-9]\d? %/);
  proxy.cut();
  await terminal.waitFor(/Restore of test is complete: 1 queue, 300 messages/, 60_000);
  const depth = await queueDepth(shared, queue);
  assert.ok(depth !== undefined && depth >= 300, `${depth}`);

  // 2. It does not, and a key goes on where it stopped.
  await deleteQueue(shared, queue);
  await terminal.press("Enter");
  await terminal.waitFor(/none marked/);
  await terminal.press("Enter");
  await setOptions(terminal, { "messages-per-sec": "100", "reconnect-secs": "0" });
  await confirm(terminal, broken);
  await terminal.waitFor(/orders \(.*publishing +[1-9]\d? %/);
  proxy.cut();
  await terminal.waitFor(/the connection was lost[^]*go on with: [^]*--reconnect-secs=0/);
  await terminal.press("c");
  await terminal.waitFor(/Restore of test is complete: 1 queue/, 60_000);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
  const again = await queueDepth(shared, queue);
  assert.ok(again !== undefined && again >= 300, `${again}`);
});
