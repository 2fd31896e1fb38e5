/** The main job with each kind of object store: backed up, lost, restored, compared. */
import assert from "node:assert/strict";
import { loadConfig } from "../src/config/load.ts";
import { runBackup } from "../src/engine/backup/run.ts";
import { runRestore } from "../src/engine/restore/restore.ts";
import { brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertOk, assertWhole, load } from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { deleteQueue, testVhost } from "./helpers/queues.ts";
import { newStore, OBJECT_BACKENDS, unfinishedUploads } from "./helpers/storages.ts";

// What is stored does not depend on the version.
const broker = brokers().at(-1)!;

for (const backend of OBJECT_BACKENDS) {
  Deno.test(`messages come back from ${backend}`, async () => {
    await using vhost = await testVhost(broker, `store-${backend}`);
    await using job = await newJob(broker);
    const keys = await newStore(backend);
    const storage = { ...keys, prefix: "mq/prod" };
    const config = { vhosts: [vhost.name], storage, backup: { segment_max_bytes: "64KiB" } };
    const loaded = [
      await load(broker, await vhost.queue("orders"), 300),
      await load(broker, await vhost.queue("quorum", { type: "quorum" }), 100),
    ];

    // 1. Back up; the same id a second time is refused.
    const backup = await job.backup(config, ["--json"]);
    assertOk(backup);
    const [summary] = jsonLines(backup, "summary");
    assert.equal(summary.messages, 400);
    assert.equal((await job.backup(config)).code, 7);
    if (backend === "s3") assert.deepEqual(await unfinishedUploads(`${keys.bucket}`), []);

    // 2. What reads it.
    const file = await job.dir.write("read.yaml", JSON.stringify({ storage }));
    for (
      const command of [["list"], ["describe", "-b", "test"], ["validate", "-b", "test", "--deep"]]
    ) {
      const result = await runCli([...command, "--config", file]);
      assertOk(result);
      assert.ok(!allOf(result).includes(`${keys.secret_key ?? keys.account_key ?? "no secret"}`));
    }

    // 3. Lost, and back.
    for (const { queue } of loaded) await deleteQueue(broker, queue);
    assertOk(await job.restore(config));
    await assertWhole(broker, ...loaded);
  });
}

Deno.test("messages come back from memory, within one process", async () => {
  await using vhost = await testVhost(broker, "store-memory");
  await using job = await newJob(broker);
  const config = { vhosts: [vhost.name], storage: `memory://${crypto.randomUUID()}` };
  const loaded = [
    await load(broker, await vhost.queue("orders"), 300),
    await load(broker, await vhost.queue("quorum", { type: "quorum" }), 100),
  ];
  const run = async (args: string[]) => ({
    config: (await loadConfig({ path: args.at(-1)!, env: () => undefined })).config,
    backupId: "test",
    now: new Date(),
    emit: () => {},
    signal: new AbortController().signal,
  });
  const backup = await runBackup(await run(await job.backupArgs(config)));
  assert.deepEqual([backup.outcome, backup.messages], ["ok", 400]);
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  const restore = await runRestore(await run(await job.restoreArgs(config)));
  assert.deepEqual([restore.outcome, restore.messages], ["ok", 400]);
  await assertWhole(broker, ...loaded);
});
