/** Streams by offset, and with notes of where each message stood. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { GO_CODECS, goPublish, goRead } from "./helpers/go_streams.ts";
import { type Job, type JobConfig, newJob } from "./helpers/job.ts";
import { type TestVhost, testVhost } from "./helpers/queues.ts";
import { streamPublish, streamRead } from "./helpers/streams.ts";

const COUNT = 100;

/** Nothing here depends on the version, where not all are asked. */
const shared: Broker = brokers().at(-1)!;

/** A stream of batches of 20 messages in every codec, as another client reads it. */
async function load(broker: Broker, vhost: TestVhost) {
  const queue = await vhost.queue("s", { type: "stream" });
  for (const [index, codec] of GO_CODECS.entries()) {
    await goPublish(broker, queue, { count: COUNT, codec, first: index * COUNT });
  }
  const count = GO_CODECS.length * COUNT;
  const sent = await goRead(broker, queue, { count });
  return { queue, sent: sent.map((line) => JSON.parse(line)) };
}

/** Without the offset that it has now. */
// deno-lint-ignore no-explicit-any
function contentOf({ Offset: _, ...content }: any): any {
  return content;
}

async function assertVerified(job: Job, config: JobConfig): Promise<void> {
  const target = { management_url: job.broker.managementUrl };
  const [, ...args] = await job.restoreArgs({ ...config, target });
  assertOk(await runCli(["verify", ...args]));
}

/** Just these, and nothing behind them. */
async function readAll(broker: Broker, queue: { vhost: string; name: string }, count: number) {
  await goPublish(broker, queue, { count: 1, codec: "none", first: 10_000 });
  const lines = (await goRead(broker, queue, { count: count + 1 })).map((line) => JSON.parse(line));
  assert.equal(lines.pop().Footer["x-footer"], "uint64 0x2710");
  return lines;
}

testOnEach("from an offset to an offset, both inside of batches", async (broker) => {
  await using vhost = await testVhost(broker, "stream-offsets");
  await using job = await newJob(broker);
  const { sent } = await load(broker, vhost);
  assertOk(await job.backup({ vhosts: [vhost.name], backup: { segment_max_bytes: 64 * 1024 } }));
  const chosen = { stream_offsets: { s: "135..365" }, queue_mapping: { s: "part" } };
  const plan = await job.restore({ restore: chosen }, ["--dry-run"]);
  assertOk(plan);
  assert.match(plan.stdout, /only offsets 135 to 365/);
  assertOk(await job.restore({ restore: chosen }));
  await assertVerified(job, { restore: chosen });
  const part = await readAll(broker, { vhost: vhost.name, name: "part" }, 231);
  assert.deepEqual(part.map(contentOf), sent.slice(135, 366).map(contentOf));
});

testOnEach("with the offsets and times that messages had, on request", async (broker) => {
  await using vhost = await testVhost(broker, "stream-origin");
  await using job = await newJob(broker);
  const { sent } = await load(broker, vhost);
  const before = Date.now();
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  const chosen = { stream_origin_annotations: true, queue_mapping: { s: "marked" } };
  assertOk(await job.restore({ restore: chosen }));
  await assertVerified(job, { restore: chosen });
  const queue = { vhost: vhost.name, name: "marked" };
  const lines = await readAll(broker, queue, sent.length);
  for (const [index, { Annotations, ...line }] of lines.entries()) {
    const { "x-original-offset": offset, "x-original-timestamp": time, ...others } = Annotations;
    assert.equal(offset, `int64 ${index}`);
    const [, written] = /^int64 (\d+)$/.exec(time)!;
    assert.ok(Number(written) <= before && Number(written) > before - 600_000, time);
    assert.deepEqual(contentOf({ ...line, Annotations: others }), contentOf(sent[index]));
  }
  // What is noted once stays: a second restore does not note where the first one put it.
  assertOk(await job.backup({ backupId: "again", vhosts: [vhost.name] }));
  const again = { ...chosen, queues: { include: ["marked"] }, queue_mapping: { marked: "twice" } };
  assertOk(await job.restore({ backupId: "again", restore: again }));
  const twice = await goRead(broker, { vhost: vhost.name, name: "twice" }, { count: sent.length });
  assert.deepEqual(twice.map((line) => JSON.parse(line)), lines);
});

Deno.test("offsets of what has none, or of more than one stream, are refused", async () => {
  await using vhost = await testVhost(shared, "stream-offsets");
  await using job = await newJob(shared);
  await using other = await testVhost(shared, "stream-offsets");
  for (const { queue } of [vhost, other].map((one) => ({ queue: one.queue.bind(one) }))) {
    await streamPublish(shared, await queue("s", { type: "stream" }), { count: 5, simple: true });
  }
  await vhost.queue("q");
  assertOk(await job.backup({ vhosts: [vhost.name, other.name] }));
  const cases: [string, RegExp][] = [
    ["q=1..2", /of "q": it is a classic queue, whose messages have no offsets/],
    ["t=1..2", /of "t": no queue that is restored has that name/],
    ["s=1..2", /of "s": offsets are of one stream, and 2 are meant: "s" .*, "s" /],
    ["s=2..1", /--stream-offsets: s: it ends \(1\) before it begins \(2\)/],
  ];
  const restore = { queue_mapping: { s: "again", q: "again-q" } };
  for (const [written, message] of cases) {
    const refused = await job.restore({ restore }, [`--stream-offsets=${written}`]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, message, allOf(refused));
  }
  assertOk(await job.restore({ restore }, [`--stream-offsets=${vhost.name}/s=1..2`]));
  const count = async ({ name }: { name: string }, wanted: number) =>
    (await streamRead(shared, { vhost: name, name: "again" }, { count: wanted })).map(
      ({ message }) => atob(message).slice(-8),
    );
  assert.deepEqual(await count(vhost, 2), ["simple 1", "simple 2"]);
  assert.equal((await count(other, 5)).length, 5);
});
