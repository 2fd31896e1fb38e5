/** Messages that a target does not take are kept apart, and can be restored from there. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertOk, assertPartial, assertWhole, load } from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, type PikaMessage, pikaPublish, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, put, remove, type TestVhost, testVhost } from "./helpers/queues.ts";

const COUNT = 300;

/** Restores the one archive of a job, into queues that hold messages already. */
async function restoreArchive(broker: Broker, job: Job): Promise<string> {
  const path = job.dir.join("undelivered");
  const folders = [...Deno.readDirSync(path)].map(({ name }) => name);
  assert.equal(folders.length, 1, folders.join());
  const [backupId] = folders as [string];
  assertOk(await runCli(["validate", "-p", path, "-b", backupId, "--deep"]));
  const args = ["-p", path, "-b", backupId, "--if-not-empty", "append"];
  const env = { RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl, XDG_STATE_HOME: job.dir.join("state") };
  assertOk(await runCli(["restore", ...args], { env }));
  return backupId;
}

async function limit(broker: Broker, vhost: TestVhost, length: number): Promise<void> {
  await put(broker, `policies/${vhost.name}/limit`, {
    pattern: "^full$",
    "apply-to": "queues",
    definition: { "max-length": length, overflow: "reject-publish" },
  });
}

testOnEach("what a full queue rejects is kept, and comes back from there", async (broker) => {
  await using vhost = await testVhost(broker, "undelivered");
  const full = await load(broker, await vhost.queue("full", { type: "quorum" }), COUNT);
  const other = await load(broker, await vhost.queue("other"), COUNT);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const { queue } of [full, other]) await deleteQueue(broker, queue);
  await limit(broker, vhost, 40);

  const result = await job.restore({ restore: { window: 64 } }, ["--json"]);
  assertPartial(result);
  const [summary] = jsonLines(result, "summary");
  const there = await pikaRead(broker, full.queue);
  assert.ok(there.length >= 40 && there.length < COUNT, `${there.length}`);
  assert.equal(summary.undelivered, COUNT - there.length);
  assert.equal(summary.messages, COUNT + there.length);
  const done = jsonLines(result, "queue_done").find(({ queue }) => queue === "full");
  assert.equal(done.undelivered, COUNT - there.length);
  // Bytes are of what was taken, as are messages.
  assert.equal(done.bytes, bytesOf(there));
  assert.equal(summary.bytes, bytesOf(there) + bytesOf(other.sent));
  assert.equal(jsonLines(result, "status").at(-1).messages_done, summary.messages);
  await assertWhole(broker, other);

  await remove(broker, `policies/${vhost.name}/limit`);
  assert.deepEqual(summary.undelivered_backups, [await restoreArchive(broker, job)]);
  // Those that were taken, then those that were not, each in their order.
  assertSameMessages(split(full.sent, there), await pikaRead(broker, full.queue), {
    routing: false,
  });
});

function bytesOf(messages: readonly PikaMessage[]): number {
  return messages.reduce((sum, { body_size }) => sum + body_size, 0);
}

testOnEach(
  "of a queue that fails, what it took is counted in messages and bytes",
  async (broker) => {
    await using vhost = await testVhost(broker, "undelivered");
    const full = await load(broker, await vhost.queue("full"), COUNT);
    const other = await load(broker, await vhost.queue("other"), 10);
    await using job = await newJob(broker);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    for (const { queue } of [full, other]) await deleteQueue(broker, queue);
    await limit(broker, vhost, 40);
    const config = { restore: { window: 64, on_undelivered: "fail" } };
    const result = await job.restore(config, ["--json"]);
    assertPartial(result);
    const failed = jsonLines(result, "queue_done").find(({ queue }) => queue === "full");
    const there = await pikaRead(broker, full.queue);
    // Confirms may be on their way when the first is refused; what is told was confirmed.
    assert.ok(failed.messages >= 30 && failed.messages <= there.length, allOf(result));
    assert.equal(failed.bytes, bytesOf(there.slice(0, failed.messages)));
    const [summary] = jsonLines(result, "summary");
    assert.equal(summary.bytes, failed.bytes + bytesOf(other.sent));
  },
);

/** The messages that are in `first`, in order, and then all others, in order. */
function split(all: readonly PikaMessage[], first: readonly PikaMessage[]): PikaMessage[] {
  const places = first.map(({ wire_sha256 }) => wire_sha256);
  const isFirst = all.map(({ wire_sha256 }) => {
    const at = places.indexOf(wire_sha256);
    if (at >= 0) places.splice(at, 1);
    return at >= 0;
  });
  return [...all.filter((_, at) => isFirst[at]), ...all.filter((_, at) => !isFirst[at])];
}

testOnEach("an interrupted restore keeps what was rejected before, once", async (broker) => {
  await using vhost = await testVhost(broker, "undelivered");
  const full = await load(broker, await vhost.queue("full"), COUNT);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, full.queue);
  await limit(broker, vhost, 10);
  const config = { restore: { window: 16 } };
  // Slow enough to be stopped on the way.
  const slow = { restore: { ...config.restore, rate_limit_messages_per_sec: 60 } };
  const stopped = await job.startRestore(slow, ["--progress-interval", "1s"]);
  await stopped.waitFor(/[1-9]\d* of 300 messages/);
  stopped.kill("SIGTERM");
  const { code } = await stopped.done;
  assert.equal(code, 143, stopped.stderr);

  const result = await job.restore(config, ["--json"]);
  assertPartial(result);
  const [summary] = jsonLines(result, "summary");
  const there = (await pikaRead(broker, full.queue)).length;
  assert.equal(summary.possible_duplicates, 0);
  assert.equal(summary.undelivered, COUNT - there, allOf(result));
  // This run's own, and with those of the run that was stopped.
  assert.equal(summary.messages_in_all, there);
  assert.equal(summary.undelivered_in_all, COUNT - there);
  assert.ok(summary.messages + summary.undelivered <= COUNT, allOf(result));
  await remove(broker, `policies/${vhost.name}/limit`);
  await restoreArchive(broker, job);
  assert.equal((await pikaRead(broker, full.queue)).length, COUNT);
});

Deno.test("of some chosen messages, those are kept that were chosen and not taken", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "undelivered");
  const queue = await vhost.queue("full");
  const all = await pikaPublish(
    broker,
    vhost.name,
    Array.from({ length: 30 }, (_, index) => ({
      exchange: "",
      routing_key: "full",
      properties: {},
      headers: { kind: { str: index % 3 === 0 ? "chosen" : "other" } },
      body: btoa(`${index}`),
    })),
  );
  const chosen = all.filter((_, index) => index % 3 === 0);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await remove(broker, `queues/${vhost.name}/full/contents`);
  await limit(broker, vhost, 4);
  const messages = { headers: ["kind=chosen"] };
  const result = await job.restore({ restore: { messages, dedupe_header: "x-id" } }, ["--json"]);
  assertPartial(result);
  const [summary] = jsonLines(result, "summary");
  assert.deepEqual([summary.messages, summary.undelivered, summary.messages_left_out], [4, 6, 20]);
  // The place in the backup, whatever was chosen of it.
  const ids = (await pikaRead(broker, queue)).map(({ headers }) => headers["x-id"]);
  const vhostPart = encodeURIComponent(vhost.name);
  assert.deepEqual(ids, [1, 4, 7, 10].map((place) => ({ str: `test/${vhostPart}/full/${place}` })));
  await remove(broker, `policies/${vhost.name}/limit`);
  await restoreArchive(broker, job);
  const bodies = (await pikaRead(broker, queue)).map(({ body }) => body);
  assert.deepEqual(bodies, chosen.map(({ body }) => body));
});
