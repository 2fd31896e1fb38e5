/** A backup in the user interface that is paused, slowed down, or loses its broker on the way. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { newJob } from "./helpers/job.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { testVhost, waitForDepth } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { TmuxRun } from "./helpers/tmux.ts";

const shared = brokers().at(-1)!;
const COUNT = 12_000;
/** Slow enough to be in the middle of, and one queue after the other. */
const SLOW = { prefetch_count: 10, max_concurrent_queues: 1 };

/** Starts a backup of what there is, by keys. */
async function started(config: string[], queues: RegExp): Promise<TmuxRun> {
  const terminal = await TmuxRun.start(["tui", ...config], { columns: 100 });
  await terminal.waitFor(queues);
  await terminal.press("Enter");
  await terminal.waitFor(/deep/);
  await terminal.press("Enter");
  await terminal.waitFor(/Reads \d queues?, /);
  await terminal.press("Enter");
  await terminal.waitFor(/deep.* reading [1-9]\d? %/);
  return terminal;
}

Deno.test("p pauses when nothing is held, and goes on; - and + change the speed", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const deep = await vhost.queue("deep");
  const other = await vhost.queue("other");
  await pikaGenerate(shared, deep, { count: COUNT });
  await pikaGenerate(shared, other, { count: 10 });
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name], backup: SLOW });
  await using terminal = await started(config, /2 queues, /);
  await terminal.press("-", "-");
  await terminal.waitFor(/At 1\/4 of full speed/);
  await terminal.press("+", "+");
  await terminal.waitFor(/[\d,]+ held +0 returned/);
  await terminal.press("p");
  await terminal.waitFor(/Pausing: 1 queue is read to its end and given back first/);
  await terminal.waitFor(/Paused: nothing is held/, 60_000);
  await waitForDepth(shared, deep, { depth: COUNT });
  const screen = await terminal.screen();
  assert.match(screen, /p go on/);
  assert.doesNotMatch(screen, /✔ done/);
  await terminal.press("p");
  await terminal.waitFor(/Backup test is complete: 2 queues, 12,010 messages/);
  await terminal.press("L");
  await terminal.waitFor(/The backup pauses[^]*The backup goes on after a pause/);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
});

Deno.test("a paused backup is stopped safely, and goes on where it was", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const deep = await vhost.queue("deep");
  await pikaGenerate(shared, deep, { count: COUNT });
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name], backup: SLOW });
  await using terminal = await started(config, /1 queue, /);
  await terminal.press("p");
  await terminal.waitFor(/Paused: nothing is held/, 60_000);
  await terminal.press("C-c");
  await terminal.waitFor(/The backup was stopped[^]*go on with: [^]*--backup-id test/);
  await terminal.press("c");
  await terminal.waitFor(/Backup test is complete: 1 queue, 12,000 messages/);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
  await waitForDepth(shared, deep, { depth: COUNT });
});

Deno.test("a backup whose broker is lost in the middle says so, and goes on by itself", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using proxy = TcpProxy.inFrontOf(shared.amqpUrl);
  await using job = await newJob(proxy.through(shared));
  const deep = await vhost.queue("deep");
  await pikaGenerate(shared, deep, { count: COUNT });
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name], backup: SLOW });
  await using terminal = await started(config, /1 queue, /);
  proxy.cut();
  await terminal.waitFor(/! Waiting for /);
  await terminal.waitFor(/Backup test is complete: 1 queue, 12,000 messages/, 90_000);
  await terminal.press("L");
  await terminal.waitFor(/! warning +Waiting for /);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
  await waitForDepth(shared, deep, { depth: COUNT });
});
