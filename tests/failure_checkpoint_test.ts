/** Progress files, ids and locks: what is not this run's is neither gone on with nor touched. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import {
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertRestores,
  assertWhole,
  contentOf,
  listed,
  load,
} from "./helpers/failure.ts";
import { Job, newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { createVhost, deleteQueue, remove, testVhost, waitForDepth } from "./helpers/queues.ts";

const all: Broker[] = brokers();
const broker: Broker = all.at(-1)!;

/** What is stored, without what runs keep beside it. */
async function backupOf(job: Job): Promise<Record<string, string>> {
  const all = Object.entries(await contentOf(job.backups));
  return Object.fromEntries(all.filter(([path]) => !path.includes("/runs/")));
}

/** The run was refused: another one is at it. */
function assertLocked(result: CliResult, operation: "backup" | "restore"): void {
  assertFailed(result, {
    code: 11,
    error: new RegExp(`^Cannot start ${operation} "test": another process is working on it$`),
    hint: /wait for it to end/,
  });
}

Deno.test("a progress file that is none, or another program's", async () => {
  await using vhost = await testVhost(broker, "progress");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using job = await newJob(broker);
  const config = { vhosts: [vhost.name] };
  assertOk(await job.backup({ backupId: "before", ...config }));
  const garbage = await job.dir.write("garbage.db", "no database\n".repeat(500));
  const foreign = job.dir.join("foreign.db");
  const database = new DatabaseSync(foreign);
  database.exec("CREATE TABLE precious (id INTEGER)");
  database.close();
  for (
    const [path, error, hint] of [
      [garbage, /it is no intact checkpoint \(.*\)$/, /move the file away to start anew/],
      [foreign, /it is the database of another program$/, /set offset_storage\.db_path/],
    ] as const
  ) {
    const bytes = await Deno.readFile(path);
    for (const run of [job.backup(config, ["--db-path", path]), restore(path)]) {
      assertFailed(await run, { code: 4, error, hint });
    }
    assert.deepEqual(await Deno.readFile(path), bytes);
  }
  assertOk(await job.validate("before"));
  assert.deepEqual(Object.keys(await listed(job)), ["before"]);

  await Deno.remove(garbage);
  assertOk(await job.backup(config, ["--db-path", garbage]));
  await assertNothingLeft(job);
  await assertWhole(broker, loaded);

  function restore(path: string) {
    return job.restore({ backupId: "before" }, ["--db-path", path]);
  }
});

Deno.test("a finished backup is never written to again", async () => {
  await using vhost = await testVhost(broker, "finished");
  const loaded = await load(broker, await vhost.queue("orders"));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const before = await contentOf(job.backups);
  const refused = {
    code: 7,
    error: /^Cannot start backup "test": it exists already and is finished$/,
    hint:
      /choose another backup_id; one with a time pattern such as nightly-%Y%m%d-%H%M%S is new each/,
  };
  assertFailed(await job.backup({ vhosts: [vhost.name] }), refused);
  // Nor by who knows nothing of it.
  const other = ["--db-path", job.dir.join("other.db"), "--spool-dir", job.dir.join("other")];
  assertFailed(await job.backup({ vhosts: [vhost.name] }, other), refused);
  assert.deepEqual(await contentOf(job.backups), before);
  assertOk(await job.validate());
  await assertRestores(broker, { job, loaded: [loaded] });
});

Deno.test("an unfinished backup: whose it is, and what can be done with it", async () => {
  await using middle = await Middle.of(broker);
  const { job, proxy, loaded, config } = middle;

  // Two at once: the second one is told, and does no harm.
  const run = await middle.reading();
  assertLocked(await job.backup(config), "backup");
  run.kill("SIGKILL");
  await within(run);
  proxy.resume();
  for (const { queue, sent } of loaded) {
    await waitForDepth(broker, queue, { depth: sent.length });
  }

  // It is no backup yet.
  const unfinished = {
    code: 10,
    error: /^Cannot open backup "test" in .*: it is unfinished$/,
    hint: /Run the same backup command again: it goes on where it stopped/,
  };
  assertFailed(await job.restore(), unfinished);
  assertFailed(await job.validate(), unfinished);
  assertFailed(await runCli(["describe", "-p", job.backups, "-b", "test"]), unfinished);
  assert.equal((await listed(job))["test"].state, "unfinished");
  assertFailed(await job.restore({ backupId: "tset" }), {
    code: 10,
    error: /^Cannot open backup "tset" in .*: there is no such backup$/,
    hint: /Did you mean "test"\?/,
  });

  // Begun on another machine, as far as this progress file can tell: its lock is still there.
  const stored = await backupOf(job);
  const elsewhere = ["--db-path", job.dir.join("elsewhere.db")];
  assertFailed(await job.backup(config, elsewhere), {
    code: 11,
    error: /^Cannot start backup "test": .* on host ".*" \(process \d+\) has been at it since /,
    hint: /its lock expires in \d+ s, and --break-lock takes it over now$/,
  });
  // And without the progress that it left in the storage.
  const alone = [...elsewhere, "--break-lock", "--s3-key", "another"];
  assertFailed(await job.backup(config, alone), {
    code: 11,
    error: /^Cannot start backup "test": it was begun on host ".*" at .*, and the checkpoint to go/,
    hint: /run it there, or point offset_storage\.db_path at its checkpoint; to give it up, delete/,
  });

  // The same id, another broker.
  const other = all.find(({ id }) => id !== broker.id);
  if (other !== undefined) {
    const { vhost } = loaded[0]!.queue;
    await createVhost(other, vhost);
    try {
      assertFailed(await new Job(other, job.dir).backup(config), {
        code: 7,
        error: /^Cannot go on with backup "test": its checkpoint is of source ".*", and this is "/,
        hint: /choose another backup_id, or the source it was begun with/,
      });
    } finally {
      await remove(other, `vhosts/${vhost}`);
    }
  }

  // Under another choice what one of them asked for would be missing.
  const { vhost } = loaded[0]!.queue;
  const source = { queues: { vhosts: [vhost], include: ["first"] } };
  assertFailed(await job.backup({ ...config, source }), {
    code: 7,
    error: /^Cannot go on with backup "test": it was begun with another choice of queues$/,
    hint: /choose the same queues/,
  });
  assert.deepEqual(await backupOf(job), stored);
  await middle.assertBackupGoesOn();
});

Deno.test("two restores at once, and one of another backup that had the same id", async () => {
  await using middle = await Middle.of(broker);
  const { job, proxy, loaded, config } = middle;
  assertOk(await job.backup(config));
  const run = await middle.publishing();
  assertLocked(await job.restore(config), "restore");
  run.kill("SIGKILL");
  await within(run);
  proxy.resume();

  // The backup makes place for another one of its id: positions in the old one mean nothing in it.
  await Deno.rename(`${job.backups}/test`, `${job.dir.path}/kept`);
  const vhost = loaded[0]!.queue.vhost;
  const extra = await load(broker, { vhost, name: "first" }, 10);
  assertOk(await job.backup(config));
  assertFailed(await job.restore(config), {
    code: 7,
    error: /^Cannot go on with the restore of "test": its checkpoint is of another backup/,
    hint: /empty the target queues, and set offset_storage\.db_path to a new file/,
  });
  await Deno.remove(`${job.backups}/test`, { recursive: true });
  await Deno.rename(`${job.dir.path}/kept`, `${job.backups}/test`);
  assertOk(await job.validate());

  // Into another target it is another restore.
  const other = all.find(({ id }) => id !== broker.id);
  if (other !== undefined) {
    await createVhost(other, vhost);
    try {
      assertOk(await new Job(other, job.dir).restore());
      await assertWhole(other, ...loaded);
    } finally {
      await remove(other, `vhosts/${vhost}`);
    }
  }
  // Emptied and with a new file, as the hint says.
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  assert.equal(extra.sent.length, 10);
  // The lock of the run that was killed is not known to be its own.
  const anew = ["--db-path", job.dir.join("new.db"), "--break-lock"];
  assertOk(await job.restore(config, anew));
  await assertWhole(broker, ...loaded);
});
