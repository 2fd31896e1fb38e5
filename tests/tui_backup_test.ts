/** Backups in the user interface, by keys alone, on real brokers. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaRead } from "./helpers/pika.ts";
import { management, queueDepth, testVhost, waitForDepth } from "./helpers/queues.ts";
import { TmuxRun } from "./helpers/tmux.ts";

const shared = brokers().at(-1)!;

testOnEach("a whole backup, guided", async (broker) => {
  await using vhost = await testVhost(broker, "tui");
  await using job = await newJob(broker);
  const wanted = await vhost.queue("orders");
  const other = await vhost.queue("emails");
  const sent = await pikaGenerate(broker, wanted, { count: 300 });
  await pikaGenerate(broker, other, { count: 5 });
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config], { columns: 160 });

  // 1. To the queues; only one of them is marked, by way of the filter.
  await terminal.waitFor(/2 queues, /);
  await terminal.press("Enter");
  await terminal.waitFor(/emails[^]*orders/);
  await terminal.press("/");
  await terminal.type("ord");
  await terminal.waitFor(/1 of 2 queues/);
  await terminal.press("Enter", "Space");
  await terminal.waitFor(/1 marked/);

  // 2. The plan, with the command that does the same.
  await terminal.press("Enter");
  const plan = await terminal.waitFor(/Reads 1 queue, 300 messages/);
  assert.match(plan, /\$ rabbitmq-backup backup --config \S+ --include orders/);
  assert.doesNotMatch(plan, /emails/);

  // 3. The backup, whose summary stays when the program has ended.
  await terminal.press("Enter");
  await terminal.waitFor(/Backup test is complete: 1 queue, 300 messages/);
  await terminal.press("q");
  const left = await terminal.waitFor(/^code 0$/m);
  assert.match(left, /Backup test is complete: 1 queue, 300 messages/);

  // 4. It is a backup as commands make them, and the queue is as it was.
  const validated = await runCli(["validate", "--deep", "-p", job.backups, "-b", "test"]);
  assert.equal(validated.code, 0, validated.stderr);
  assertSameMessages(await pikaRead(broker, wanted), sent);
});

Deno.test("Ctrl-C in the middle gives all back, and says how to go on", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("deep");
  await pikaGenerate(shared, queue, { count: 12_000 });
  const [, ...config] = await job.backupArgs({
    vhosts: [vhost.name],
    backup: { prefetch_count: 10 }, // slow enough to be in the middle of
  });
  await using terminal = await TmuxRun.start(["tui", ...config]);
  await terminal.waitFor(/1 queue, /);
  await terminal.press("Enter");
  await terminal.waitFor(/deep/);
  await terminal.press("Enter");
  await terminal.waitFor(/Reads 1 queue, 12,000 messages/);
  await terminal.press("Enter");
  await terminal.waitFor(/deep.* reading +[1-9]\d? %/);
  await terminal.resize(60, 20);
  await terminal.waitFor(/s stop safely/);
  await terminal.press("C-c");
  await terminal.waitFor(/The backup was stopped[^]*go on with: /);
  await waitForDepth(shared, queue, { depth: 12_000 });
  await terminal.press("c");
  await terminal.waitFor(/Backup test is complete: 1 queue, 12,000 messages/, 60_000);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
  assert.equal(await queueDepth(shared, queue), 12_000);
});

Deno.test("q while a backup runs asks first, and Go on has the focus", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("deep");
  await pikaGenerate(shared, queue, { count: 12_000 });
  const [, ...config] = await job.backupArgs({
    vhosts: [vhost.name],
    backup: { prefetch_count: 10 },
  });
  await using terminal = await TmuxRun.start(["tui", ...config]);
  await terminal.waitFor(/1 queue, /);
  await terminal.press("Enter");
  await terminal.waitFor(/deep/);
  await terminal.press("Enter");
  await terminal.waitFor(/Reads 1 queue/);
  await terminal.press("Enter");
  await terminal.waitFor(/deep.* reading/);
  await terminal.press("q");
  await terminal.waitFor(/\[ Go on \]/);
  await terminal.press("Enter");
  await terminal.waitFor(/s stop safely/);
  await terminal.press("q", "Right", "Enter");
  const left = await terminal.waitFor(/^code \d+$/m);
  assert.match(left, /^code 130$/m);
  assert.match(left, /The backup was stopped/);
  await waitForDepth(shared, queue, { depth: 12_000 });
});

Deno.test("2,000 queues scroll and filter without lag", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queues = Array.from({ length: 2000 }, (_, at) => ({
    name: `queue.${String(at).padStart(4, "0")}`,
    durable: true,
    auto_delete: false,
    arguments: {},
  }));
  const path = `definitions/${encodeURIComponent(vhost.name)}`;
  await management(shared, path, { method: "POST", body: { queues } });
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config]);
  await terminal.waitFor(/2,000 queues/, 60_000);
  await terminal.press("Enter");
  await terminal.waitFor(/2,000 queues, none marked(?!.*looking)/, 120_000);
  // The best of some tries, as other processes share the machine: what is slow is slow each time.
  const best = new Map<string, number>();
  const timed = async (key: string, shows: RegExp) => {
    const from = performance.now();
    await terminal.press(key);
    await terminal.waitFor(shows);
    best.set(key, Math.min(best.get(key) ?? Infinity, performance.now() - from));
  };
  for (let round = 0; round < 6; round++) {
    await timed("G", /›.. +queue\.1999/);
    await timed("Up", /›.. +queue\.1998/);
    await timed("g", /›.. +queue\.0000/);
    await timed("NPage", /›.. +queue\.00[1-9]\d/);
    await timed("/", /\/▏/);
    // No vhost of a test has it in its name.
    await timed(".", /\/\.▏/);
    await timed("1", / 1,000 of 2,000 queues/);
    await timed("9", / 100 of 2,000 queues/);
    await timed("Escape", / 2,000 queues, none/);
  }
  // Esc is told from other keys by time, in tmux and in the program.
  best.delete("Escape");
  for (const [key, ms] of best) assert.ok(ms <= 100, `${key} showed after ${Math.round(ms)} ms`);
});
