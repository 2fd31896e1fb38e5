/** Disks that are full, read-only, or hold something else where a folder belongs. */
import assert from "node:assert/strict";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import {
  administrator,
  assertFailed,
  assertNoSecretIn,
  assertNothingLeft,
  assertOk,
  assertRestores,
  assertWhole,
  contentOf,
  type Failure,
  filesBelow,
  listed,
  type Loaded,
  type TestUser,
} from "./helpers/failure.ts";
import { type Job, type JobConfig, newJob } from "./helpers/job.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { deleteQueue, queueDepth, type TestVhost, testVhost } from "./helpers/queues.ts";
import { canMount, SmallDisk } from "./helpers/small_disk.ts";

const broker: Broker = brokers().at(-1)!;
/** Less than the messages of a test take. */
const SMALL = { kilobytes: 2_048 };
const LARGE = { kilobytes: 65_536 };

/** Some 8 MiB of messages, and a backup of a part of them that has nothing to do with what follows. */
class Setting implements AsyncDisposable {
  readonly job: Job;
  readonly user: TestUser;
  readonly vhost: TestVhost;
  readonly loaded: Loaded;

  private constructor(job: Job, user: TestUser, rest: { vhost: TestVhost; loaded: Loaded }) {
    this.job = job;
    this.user = user;
    this.vhost = rest.vhost;
    this.loaded = rest.loaded;
  }

  static async make(): Promise<Setting> {
    const vhost = await testVhost(broker, "disk");
    const queue = await vhost.queue("orders");
    const large = { large: 8, largeSize: 1 << 20 };
    const sent = await pikaGenerate(broker, queue, { count: 200, priorities: [4], ...large });
    const user = await administrator(broker, vhost.name);
    return new Setting(await newJob(user.address), user, { vhost, loaded: { queue, sent } });
  }

  /** A configuration of this test's vhost. */
  with(config: JobConfig): JobConfig {
    return { vhosts: [this.vhost.name], ...config };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.job[Symbol.asyncDispose]();
    await this.user[Symbol.asyncDispose]();
    await this.vhost[Symbol.asyncDispose]();
  }
}

const NO_ROOM_IN_SPOOL: Failure = {
  code: 6,
  error: /^Cannot write to the spool ".*": the disk is full$/,
  hint: /set backup\.spool_dir to a disk with room/,
};

function testWithMounts(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !canMount(), fn });
}

testWithMounts("a spool without room", async () => {
  await using setting = await Setting.make();
  await using disk = await SmallDisk.mount(SMALL);
  const { job, loaded } = setting;
  const config = setting.with({ backup: { spool_dir: disk.path } });
  assertFailed(await job.backup(config), NO_ROOM_IN_SPOOL);
  assert.equal(await queueDepth(broker, loaded.queue), 200, "the messages are back");

  disk.grow(LARGE);
  assertOk(await job.backup(config));
  assertOk(await job.validate());
  assert.deepEqual(await filesBelow(disk.path), []);

  // A restore spools segments, too.
  await deleteQueue(broker, loaded.queue);
  await using other = await SmallDisk.mount(SMALL);
  const restore = { backup: { spool_dir: other.path } };
  assertFailed(await job.restore(restore), NO_ROOM_IN_SPOOL);
  assert.equal(await queueDepth(broker, loaded.queue) ?? 0, 0);
  other.grow(LARGE);
  assertOk(await job.restore(restore));
  assert.deepEqual(await filesBelow(other.path), []);
  await assertNoSecretIn(job);
  await assertWhole(broker, loaded);
});

testWithMounts("a storage without room", async () => {
  await using setting = await Setting.make();
  await using disk = await SmallDisk.mount(SMALL);
  const { job, loaded } = setting;
  const storage = { backend: "filesystem", path: disk.path };
  const small = { ...setting.with({ storage }), backupId: "small" };
  const config = setting.with({ storage, backup: { segment_max_bytes: "1MiB" } });
  await using one = await smallQueue(setting.vhost);
  assertOk(await job.backup({ ...small, source: sourceOf(setting, one.name) }));
  const before = await contentOf(disk.join("small"));

  const source = sourceOf(setting, "orders");
  assertFailed(await job.backup({ ...config, source }), {
    code: 6,
    error: /^Cannot store "test\/.*" in .*: the disk is full \(\d+ bytes free in .*\)$/,
    hint: /Free some space or use another path; then run the same command again, it goes on/,
  });
  assert.equal(await queueDepth(broker, loaded.queue), 200, "the messages are back");
  assert.deepEqual((await filesBelow(disk.path)).filter((file) => file.includes(".tmp-")), []);
  assert.deepEqual(await contentOf(disk.join("small")), before);
  assertOk(await runCli(["validate", "-p", disk.path, "-b", "small", "--deep"]));

  disk.grow(LARGE);
  assertOk(await job.backup({ ...config, source }));
  for (const id of ["small", "test"]) {
    assertOk(await runCli(["validate", "-p", disk.path, "-b", id, "--deep"]));
  }
  await assertNothingLeft(job);
  await assertNoSecretIn(job);
  await assertRestores(broker, { job, config: { storage }, loaded: [loaded] });
});

testWithMounts("a progress file without room", async () => {
  await using setting = await Setting.make();
  await using disk = await SmallDisk.mount({ kilobytes: 256 });
  const { job, loaded } = setting;
  const path = disk.join("progress.db");
  await Deno.writeFile(disk.join("filler"), new Uint8Array(255 * 1024));
  assertFailed(await job.backup(setting.with({}), ["--db-path", path]), {
    code: 6,
    error: /^Cannot use checkpoint ".*progress\.db": the disk is full$/,
    hint: /make room, or set offset_storage\.db_path to another disk/,
  });
  await Deno.remove(disk.join("filler"));
  assertOk(await job.backup(setting.with({}), ["--db-path", path]));
  await assertNothingLeft(job);

  disk.makeReadOnly();
  assertFailed(await job.backup(setting.with({ backupId: "again" }), ["--db-path", path]), {
    code: 6,
    error: /^Cannot use checkpoint ".*progress\.db": .*(read-?only|unable to open)/i,
    hint: /set offset_storage\.db_path to a place that can be written/,
  });
  assertOk(await job.validate());
  await assertWhole(broker, loaded);
});

testWithMounts("a storage and a spool that are read-only", async () => {
  await using setting = await Setting.make();
  await using disk = await SmallDisk.mount(LARGE);
  const { job, loaded } = setting;
  const storage = { backend: "filesystem", path: disk.path };
  assertOk(await job.backup(setting.with({ storage, backupId: "before" })));
  const before = await contentOf(disk.path);
  disk.makeReadOnly();
  assertFailed(await job.backup(setting.with({ storage })), {
    code: 6,
    error:
      /^Cannot store "test\/runs\/backup\/lock\/\d+\.json" in .*: the file system is read-only$/,
    hint: /Mount it writable, or use another path/,
  });
  assertFailed(await job.backup(setting.with({ backup: { spool_dir: disk.path } })), {
    code: 6,
    error: /^Cannot write to ".*": .*[Rr]ead-only/,
    hint: /set backup\.spool_dir to a place that can be written/,
  });
  // What only reads works.
  assert.deepEqual(await contentOf(disk.path), before);
  assertOk(await runCli(["validate", "-p", disk.path, "-b", "before", "--deep"]));
  await assertRestores(broker, { job, config: { storage, backupId: "before" }, loaded: [loaded] });

  disk.makeWritable();
  assertOk(await job.backup(setting.with({ storage })));
  await assertNothingLeft(job);
});

Deno.test("files where folders belong", async () => {
  await using setting = await Setting.make();
  const { job, loaded } = setting;
  assertOk(await job.backup(setting.with({ backupId: "before" })));
  const path = await job.dir.write("file", "precious");
  assertFailed(await job.backup(setting.with({ storage: { backend: "filesystem", path } })), {
    code: 6,
    error: /^Cannot (store|look at) "test\/.*" in .*: a file stands where a directory belongs/,
    hint: /Look into .* for what does not belong there/,
  });
  assertFailed(await job.backup(setting.with({ backup: { spool_dir: path } })), {
    code: 6,
    error: /^Cannot write to ".*file.*": /,
    hint: /set backup\.spool_dir to a place that can be written/,
  });
  assertFailed(await job.backup(setting.with({}), ["--db-path", `${path}/progress.db`]), {
    code: 6,
    error: /^Cannot use checkpoint ".*\/file\/progress\.db": /,
    hint: /set offset_storage\.db_path to a place that can be written/,
  });
  assert.equal(await Deno.readTextFile(path), "precious");
  assert.deepEqual(Object.keys(await listed(job)), ["before"]);
  assertOk(await job.validate("before"));
  await assertNothingLeft(job);
  await assertWhole(broker, loaded);
});

function sourceOf({ user, vhost }: Setting, queue: string): Record<string, unknown> {
  return {
    amqp_url: user.amqpUrl,
    management_url: broker.managementUrl,
    queues: { vhosts: [vhost.name], include: [queue] },
  };
}

/** A queue whose backup fits on a small disk. */
async function smallQueue(vhost: TestVhost): Promise<AsyncDisposable & { name: string }> {
  const queue = await vhost.queue("small");
  await pikaGenerate(broker, queue, { count: 5, priorities: [4] });
  return { name: queue.name, [Symbol.asyncDispose]: () => deleteQueue(broker, queue) };
}
