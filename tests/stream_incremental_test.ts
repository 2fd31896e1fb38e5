/** Backups of streams that stand on the ones before them, and where backups begin. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { type Job, type JobConfig, newJob } from "./helpers/job.ts";
import { deleteQueue, type QueueSpec, testVhost, waitUntil } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";
import { readBackup } from "./reader/read_backup.ts";

/** Nothing here depends on the version, where not all are asked. */
const shared: Broker = brokers().at(-1)!;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function read(broker: Broker, queue: { vhost: string; name: string }, count: number) {
  return (await streamRead(broker, queue, { count })).map(({ message }) => message);
}

/** Takes a backup that stands on the newest before it. */
async function backupNew(job: Job, queue: QueueSpec, id: string, config: JobConfig = {}) {
  const backup = { stream_incremental: true, segment_max_bytes: 64 * 1024, ...config.backup };
  return await job.backup({ vhosts: [queue.vhost], ...config, backupId: id, backup });
}

async function describe(job: Job, id: string): Promise<string> {
  const result = await runCli(["describe", "-p", job.backups, "-b", id]);
  assertOk(result);
  return result.stdout;
}

/** What a backup has of its stream. */
async function entryOf(job: Job, id: string) {
  return (await job.manifest(id)).queues.find(({ name }: { name: string }) => name === "s");
}

testOnEach("a chain of backups: each has what is new, a restore takes all", async (broker) => {
  await using vhost = await testVhost(broker, "stream-chain");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: 100 });
  const first = await backupNew(job, queue, "one");
  assertOk(first);
  await pause(300);
  const from = new Date().toISOString();
  await pause(300);
  await streamPublish(broker, queue, { count: 60, first: 100 });
  const args = await job.backupArgs({ backupId: "two", vhosts: [vhost.name] });
  const planned = await runCli([...args, "--stream-incremental", "--dry-run"]);
  assertOk(planned);
  assert.match(planned.stdout, /s +stream +60 +read/);
  assert.match(planned.stdout, /what is new since backup "one", from offset 100 on/);
  assertOk(await backupNew(job, queue, "two"));
  const until = new Date().toISOString();
  await pause(300);
  assertOk(await backupNew(job, queue, "three"));
  await streamPublish(broker, queue, { count: 50, mode: "gzip", first: 160 });
  assertOk(await backupNew(job, queue, "four"));
  const sent = await read(broker, queue, 210);

  // 1. Each has its part, and says what it stands on.
  const parts = await Promise.all(["one", "two", "three", "four"].map((id) => entryOf(job, id)));
  assert.deepEqual(parts.map(({ message_count }) => message_count), [100, 60, 0, 50]);
  assert.deepEqual(parts.map(({ stream }) => stream.base?.backup_id), [
    undefined,
    "one",
    "two",
    "three",
  ]);
  assert.deepEqual(parts[2].segments, []);
  assert.match(
    await describe(job, "four"),
    /stands on three \(nothing from offset 160 on\), two \(offsets 100 to 159\), one \(offsets 0 to 99\)/,
  );
  const listed = await runCli(["list", "-p", job.backups]);
  assert.match(listed.stdout, /STANDS ON/);
  assert.match(listed.stdout, /^four .* three$/m);
  for (const id of ["one", "two", "three", "four"]) {
    assertOk(await job.validate(id));
    const { code, errors } = await readBackup(job.dir.join("backups", id));
    assert.equal(code, 0, errors);
  }
  const whole = await job.validate("four");
  assert.match(whole.stdout, /210|records were read/);

  // 2. A restore walks them all; a window takes of them what it touches.
  await deleteQueue(broker, queue);
  const restored = await job.restore({ backupId: "four" });
  assertOk(restored);
  assert.deepEqual(await read(broker, queue, 210), sent);
  const target = { management_url: broker.managementUrl };
  const [, ...verify] = await job.restoreArgs({ backupId: "four", target });
  const verified = await runCli(["verify", ...verify, "-v"]);
  assertOk(verified);
  assert.match(verified.stdout, /: the same 210 messages$/m);
  const window = { time_window_start: from, time_window_end: until, max_messages_per_queue: 55 };
  const part = { backupId: "four", restore: { ...window, queue_mapping: { s: "part" } } };
  const plan = await runCli([...await job.restoreArgs(part), "--dry-run", "--json"]);
  assertOk(plan);
  const [{ segments, notes }] = JSON.parse(plan.stdout).queues;
  assert.equal(notes.at(-1), "its messages are in a chain of backups: one, two, four");
  assert.equal(segments, parts[1].segments.length);
  // Nothing of the others is fetched.
  await Deno.rename(job.dir.join("backups", "one", "queues"), job.dir.join("one-queues"));
  assertOk(await job.restore(part));
  const partly = { vhost: vhost.name, name: "part" };
  assert.deepEqual(await read(broker, partly, 50), sent.slice(100, 150));
  await Deno.rename(job.dir.join("one-queues"), job.dir.join("backups", "one", "queues"));
});

Deno.test("a base that is gone or another: validate, describe, restore and the next backup", async () => {
  await using vhost = await testVhost(shared, "stream-base");
  await using job = await newJob(shared);
  const queue = await vhost.queue("s", { type: "stream" });
  await vhost.queue("plain");
  await streamPublish(shared, queue, { count: 20 });
  assertOk(await backupNew(job, queue, "one"));
  await streamPublish(shared, queue, { count: 20, first: 20 });
  assertOk(await backupNew(job, queue, "two"));
  const sent = await read(shared, queue, 40);
  const manifest = job.dir.join("backups", "one", "manifest.json");
  const text = await Deno.readTextFile(manifest);

  await Deno.writeTextFile(manifest, text.replace('"warnings": []', '"warnings": ["x"]'));
  const changed = await job.validate("two");
  assert.equal(changed.code, 4, allOf(changed));
  assert.match(changed.stdout, /stands on others, and backup "one" is another than the one/);
  await Deno.rename(manifest, `${manifest}.away`);
  const missing = await job.validate("two");
  assert.equal(missing.code, 4, allOf(missing));
  assert.match(missing.stdout, /it stands on others, and backup "one" is not there/);
  assert.match(await describe(job, "two"), /BROKEN: .*backup "one" is not there/);

  await deleteQueue(shared, queue);
  const refused = await job.restore({ backupId: "two" });
  assert.notEqual(refused.code, 0);
  assert.match(
    refused.stderr,
    /stream "s" of vhost ".*": it stands on others, and backup "one" is/,
  );
  const others = { queues: { types: ["classic"] }, if_not_empty: "append" };
  assertOk(await job.restore({ backupId: "two", restore: others }));

  await Deno.writeTextFile(manifest, text);
  assertOk(await job.restore({ backupId: "two" }));
  assert.deepEqual(await read(shared, queue, 40), sent);

  // A segment of the base that is gone is one of this backup.
  const key = (await entryOf(job, "one")).segments[0].key;
  await Deno.remove(job.dir.join("backups", key));
  const hole = await job.validate("two");
  assert.equal(hole.code, 4, allOf(hole));
  assert.match(hole.stdout, /one\/queues\/.*: it is missing/);

  const unknown = await job.backup({ backupId: "x", vhosts: [vhost.name] }, ["--base", "none"]);
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /Cannot open backup "none".*there is no such backup/);
});

testOnEach("a stream that was made anew is not built on", async (broker) => {
  await using vhost = await testVhost(broker, "stream-anew");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: 30 });
  assertOk(await backupNew(job, queue, "one"));
  const ways = [["shorter", 10, {}], ["longer", 90, {}], ["other", 30, { "x-max-age": "7D" }]];
  for (const [id, count, declared] of ways as [string, number, Record<string, unknown>][]) {
    await deleteQueue(broker, queue);
    await vhost.queue("s", { type: "stream", arguments: declared });
    await streamPublish(broker, queue, { count, seed: count });
    const result = await backupNew(job, queue, id, { backup: { stream_base: "one" } });
    assertOk(result);
    // By which of its chunks it is known depends on how the broker cut them.
    assert.match(result.stderr, /made anew since backup "one" \(/);
    if (id === "other") assert.match(result.stderr, /\(its arguments are others now\)/);
    const { stream, message_count } = await entryOf(job, id);
    assert.deepEqual([stream.base, stream.first_offset, message_count], [undefined, 0, count]);
  }
});

testOnEach("what retention drops before it is backed up is named and recorded", async (broker) => {
  await using vhost = await testVhost(broker, "stream-chain-gap");
  await using job = await newJob(broker);
  const small = { "x-stream-max-segment-size-bytes": 100_000, "x-max-length-bytes": 300_000 };
  const queue = await vhost.queue("s", { type: "stream", arguments: small });
  await streamPublish(broker, queue, { count: 200 });
  assertOk(await backupNew(job, queue, "one"));
  await streamPublish(broker, queue, { count: 2000, first: 200 });
  const args = await job.backupArgs({ backupId: "two", vhosts: [vhost.name] });
  await waitUntil(async () => {
    const { stdout } = await runCli([...args, "--stream-incremental", "--dry-run"]);
    return /its retention has dropped offsets 200 to \d+, which are in no backup/.test(stdout);
  }, { what: "retention to drop what is new", timeoutMs: 60_000 });
  const result = await backupNew(job, queue, "two");
  assert.equal(result.code, 3, allOf(result));
  assert.match(
    result.stderr,
    /its retention has dropped offsets 200 to \d+, which are in no backup/,
  );
  const { stream, partial } = await entryOf(job, "two");
  assert.equal(stream.base.backup_id, "one");
  const [gap] = stream.gaps;
  assert.equal(gap.first, 200);
  assert.match(partial, new RegExp(`its retention dropped offsets 200 to ${gap.last} before`));
  assertOk(await job.validate("two"));
  // The next one is whole again; a restore of it tells what the chain lacks.
  await streamPublish(broker, queue, { count: 5, first: 3000 });
  assertOk(await backupNew(job, queue, "three"));
  await deleteQueue(broker, queue);
  const restored = await job.restore({ backupId: "three" });
  assertOk(restored);
  assert.match(restored.stderr, /Backup "three" is partial/);
});

testOnEach("from an offset, a time, and next: what is behind the last backup", async (broker) => {
  await using vhost = await testVhost(broker, "stream-from");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(broker, queue, { count: 100 });
  await pause(300);
  const time = new Date().toISOString();
  await pause(300);
  await streamPublish(broker, queue, { count: 40, first: 100 });
  const sent = await read(broker, queue, 140);
  const from = async (place: string | number, id: string) => {
    const backup = { stream_from: place };
    assertOk(await job.backup({ backupId: id, vhosts: [vhost.name], backup }));
    const { segments, message_count, stream } = await entryOf(job, id);
    assert.equal(stream.base, undefined);
    const first = segments[0]?.stream.first_offset;
    return { first, message_count };
  };
  // The chunk that holds the offset, whole.
  const { first } = await from(120, "offset");
  assert.ok(first > 50 && first <= 120, `${first}`);
  assert.deepEqual(await from(time, "time"), { first: 100, message_count: 40 });
  assert.deepEqual(await from("2039-01-01T00:00:00Z", "late"), {
    first: undefined,
    message_count: 0,
  });
  assert.deepEqual(await from(100_000, "far"), { first: undefined, message_count: 0 });
  assert.deepEqual(await from("first", "first"), { first: 0, message_count: 140 });
  await streamPublish(broker, queue, { count: 10, first: 140 });
  assert.deepEqual(await from("next", "next"), { first: 140, message_count: 10 });
  const into = { queue_mapping: { s: "later" } };
  assertOk(await job.restore({ backupId: "time", restore: into }));
  assert.deepEqual(
    await read(broker, { vhost: vhost.name, name: "later" }, 40),
    sent.slice(100),
  );
});

Deno.test("an incremental backup reads what is new, and little else", async () => {
  await using vhost = await testVhost(shared, "stream-wire");
  await using proxy = TcpProxy.inFrontOf(`amqp://127.0.0.1:${shared.streamPort}`);
  await using job = await newJob(shared);
  const queue = await vhost.queue("s", { type: "stream" });
  await streamPublish(shared, queue, { count: 5000 });
  const port = Number(new URL(proxy.through(shared).amqpUrl).port);
  const source = { queues: { vhosts: [vhost.name] }, stream_port: port };
  const config = { source: { ...source, stream_advertised_hosts: false } };
  assertOk(await backupNew(job, queue, "one", config));
  const whole = proxy.passed;
  assert.ok(whole > 3_000_000, `${whole}`);
  await streamPublish(shared, queue, { count: 50, first: 5000 });
  proxy.passed = 0;
  assertOk(await backupNew(job, queue, "two", config));
  // Beside the one chunk that is new, the last one twice, and twice the last of the base.
  assert.ok(proxy.passed < whole / 15, `${proxy.passed} of ${whole} bytes`);
  assert.equal((await entryOf(job, "two")).message_count, 50);
});
