/** SIGKILL at random moments, the machine lost with it; another one goes on. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { allOf, assertOk, assertWhole, load, type Loaded } from "./helpers/failure.ts";
import { type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import { lose, pause, sharedStorage } from "./helpers/machines.ts";
import { pikaRead } from "./helpers/pika.ts";
import { deleteQueue, testVhost, waitForDepth } from "./helpers/queues.ts";

const broker = brokers().at(-1)!;
/** Logged, so that a failing run can be repeated. */
const SEED = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_SEED") ?? Date.now() % 1_000_000);
const ROUNDS = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_ROUNDS") ?? 2);

function momentOf(round: number): number {
  const noise = Math.sin(SEED + round * 7919) * 43758.5453;
  return 500 + (noise - Math.floor(noise)) * 1500;
}

/** No message is missing; how many are there more than once. */
async function duplicatesOf(loaded: Loaded[]): Promise<number> {
  let extra = 0;
  for (const { queue, sent } of loaded) {
    const found = await pikaRead(broker, queue);
    const there = Map.groupBy(found, ({ wire_sha256 }) => wire_sha256);
    for (const [key, messages] of Map.groupBy(sent, ({ wire_sha256 }) => wire_sha256)) {
      const lacking = messages.length - (there.get(key)?.length ?? 0);
      assert.ok(lacking <= 0, `${lacking} messages of ${queue.name} are missing`);
    }
    extra += found.length - sent.length;
  }
  return extra;
}

for (const kind of ["directory", "s3"] as const) {
  Deno.test(`${kind}: killed at ${ROUNDS} moments on one machine, gone on with on another (seed ${SEED})`, async () => {
    await using vhost = await testVhost(broker, "handover-kill");
    await using shared = await sharedStorage(kind);
    const loaded = [
      await load(broker, await vhost.queue("classic"), 3000),
      await load(broker, await vhost.queue("quorum", { type: "quorum" }), 1500),
    ];
    const config: JobConfig = {
      vhosts: [vhost.name],
      storage: shared.keys,
      offset_storage: { sync_interval_secs: 1, lock_expiry_secs: 10 },
      backup: { segment_max_bytes: "64KiB" },
      restore: { window: 50 },
    };
    for (let round = 0; round < ROUNDS; round++) {
      let machine = await newJob(broker);
      const backup = { ...config, backupId: `b${round}` };
      const run = await machine.startBackup(backup);
      await pause(momentOf(round));
      run.kill("SIGKILL");
      await run.done;
      for (const { queue, sent } of loaded) {
        await waitForDepth(broker, queue, { depth: sent.length });
      }
      machine = await lose(machine);
      const again = await machine.backup(backup, ["--break-lock"]);
      if (again.code !== 7) assertOk(again);
      else assert.match(allOf(again), /it exists already and is finished/);
      assertOk(await machine.validate(backup.backupId, shared.keys));

      for (const { queue } of loaded) await deleteQueue(broker, queue);
      const half = await machine.startRestore(backup);
      await pause(momentOf(round + ROUNDS));
      half.kill("SIGKILL");
      const { code } = await half.done;
      machine = await lose(machine);
      let possible = 0;
      if (code !== 0) {
        const rest = await machine.restore(backup, ["--break-lock", "--json"]);
        // Killed after its end was recorded: the restore was finished.
        if (rest.code === 7) assert.match(allOf(rest), /it holds \d+ messages already/);
        else assertOk(rest);
        possible = jsonLines(rest, "summary")[0]?.possible_duplicates ?? 0;
      }
      const extra = await duplicatesOf(loaded);
      assert.ok(extra <= possible, `${extra} are there twice, and ${possible} were announced`);
      await machine[Symbol.asyncDispose]();
      for (const { queue } of loaded) await deleteQueue(broker, queue);
      const fresh = await newJob(broker);
      assertOk(await fresh.restore(backup, ["--break-lock"]));
      await fresh[Symbol.asyncDispose]();
      await assertWhole(broker, ...loaded);
    }
  });
}
