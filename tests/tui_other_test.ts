/** Validation, definitions, the check and the log in the user interface, by keys alone. */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { brokers } from "./helpers/brokers.ts";
import { newJob } from "./helpers/job.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { management, testVhost } from "./helpers/queues.ts";
import { TmuxRun } from "./helpers/tmux.ts";

const shared = brokers().at(-1)!;

Deno.test("a backup is checked, down to its records, and damage is seen", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  const queue = await vhost.queue("orders");
  await pikaGenerate(shared, queue, { count: 200 });
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config, "--read-only"]);
  await terminal.waitFor(/1 backup, /);
  await terminal.press("Down", "Enter");
  await terminal.waitFor(/› test +✔ complete/);
  await terminal.press("v");
  await terminal.waitFor(/Backup test is whole: \d+ segments? looked at/);
  await terminal.press("Enter", "V");
  await terminal.waitFor(/Backup test is whole: .* and 200 records were read/);

  const manifest = await job.manifest();
  const [segment] = manifest.queues[0].segments;
  await Deno.truncate(`${job.backups}/${segment.key}`, 10);
  await terminal.press("Enter", "v");
  await terminal.waitFor(/Backup test is DAMAGED: 1 problem/);
  await terminal.press("q");
  const left = await terminal.waitFor(/^code 4$/m);
  assert.match(left, /Backup test is DAMAGED/);
});

Deno.test("definitions are compared, and imported when the name was typed", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  await vhost.queue("orders");
  const taken = await job.backup({ vhosts: [vhost.name] });
  assert.equal(taken.code, 0, taken.stderr);
  const policies = `policies/${encodeURIComponent(vhost.name)}`;
  const policy = { pattern: "^x$", definition: { "max-length": 5 }, "apply-to": "queues" };
  await management(shared, `${policies}/kept`, { method: "PUT", body: policy });
  const later = await job.backup({ vhosts: [vhost.name], backupId: "later" });
  assert.equal(later.code, 0, later.stderr);
  await management(shared, `${policies}/kept`, { method: "DELETE" });
  const endpoint = { amqp_url: shared.amqpUrl, management_url: shared.managementUrl };
  const config = await job.dir.write(
    "both.yaml",
    stringify({
      source: endpoint,
      target: endpoint,
      storage: job.backups,
      // What others have on this broker is none of ours.
      restore: { definitions_selection: { vhosts: [vhost.name] } },
    }),
  );
  const host = new URL(shared.amqpUrl).host;
  await using terminal = await TmuxRun.start(["tui", "--config", config], { columns: 120 });

  // 1. Two backups.
  await terminal.waitFor(/2 backups, /);
  await terminal.press("Down", "Down", "Enter");
  await terminal.waitFor(/the broker, as it is now[^]*later[^]*test/);
  await terminal.press("G", "Space", "Up");
  await terminal.waitFor(/Enter compares later with test/);
  await terminal.press("Enter");
  await terminal.waitFor(/Only in later:[^]*- policy kept[^]*\d+ only in later, /);
  await terminal.press("Escape");

  // 2. The plan of an import, and a wrong answer.
  await terminal.waitFor(/Enter compares/);
  await terminal.press("i");
  await terminal.waitFor(/Would be created:[^]*policy kept[^]*Enter import/);
  await terminal.press("Enter");
  await terminal.waitFor(/\[ Cancel \] +Import/);
  await terminal.type("elsewhere");
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/That is not its name; nothing was written/);
  await terminal.press("Escape");
  await terminal.waitFor(/Enter import/);
  assert.deepEqual(await management(shared, policies), []);

  // 3. The right one.
  await terminal.press("Enter");
  await terminal.waitFor(/\[ Cancel \]/);
  await terminal.type(host);
  await terminal.press("Tab", "Enter");
  await terminal.waitFor(/Created:[^]*policy kept[^]*What the broker had is kept in/);
  const now = await management(shared, policies) as { name: string }[];
  assert.deepEqual(now.map(({ name }) => name), ["kept"]);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
});

Deno.test("what a backup and a restore need is tried, and what happened is in the log", async () => {
  await using vhost = await testVhost(shared, "tui");
  await using job = await newJob(shared);
  await pikaGenerate(shared, await vhost.queue("orders"), { count: 20 });
  const [, ...config] = await job.backupArgs({ vhosts: [vhost.name] });
  await using terminal = await TmuxRun.start(["tui", ...config], { columns: 120, rows: 40 });
  await terminal.waitFor(/1 queue, /);
  await terminal.press("Down", "Down", "Down", "Enter");
  await terminal.waitFor(/A backup with this configuration can run[^]*is not there/);
  await terminal.press("Escape", "g", "Enter");
  await terminal.waitFor(/orders .* safe/);
  await terminal.press("Enter");
  await terminal.waitFor(/Reads 1 queue, 20 messages/);
  await terminal.press("Enter");
  await terminal.waitFor(/Backup test is complete/);
  await terminal.press("L");
  await terminal.waitFor(
    /queue +orders.* done: 20 messages[^]*› result +✔ Backup test is complete/,
  );
  await terminal.press("/");
  await terminal.type("queue orders");
  await terminal.waitFor(/1 of \d+ lines/);
  await terminal.press("Escape", "Escape");
  await terminal.waitFor(/Backup test is complete/);
  await terminal.press("q");
  await terminal.waitFor(/^code 0$/m);
});
