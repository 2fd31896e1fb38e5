/** Offsets that consumers have stored: a consumer goes on with the message that it would have had. */
import assert from "node:assert/strict";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { deleteQueue, type QueueSpec, testVhost } from "./helpers/queues.ts";
import {
  resumeConsumer,
  storeConsumer,
  type StreamMessage,
  streamPublish,
  streamRead,
} from "./helpers/streams.ts";

/** Small, so that what the broker keeps of producers and consumers takes offsets among the messages. */
const ARGUMENTS = { "x-stream-max-segment-size-bytes": 30_000 };

const same = (messages: readonly StreamMessage[]) => messages.map(({ message }) => message);

async function write(broker: Broker, queue: QueueSpec): Promise<StreamMessage[]> {
  await streamPublish(broker, queue, { count: 1200, simple: true });
  await storeConsumer(broker, queue, { name: "early", offset: 3 });
  await streamPublish(broker, queue, { count: 300, mode: "gzip", first: 1200, simple: true });
  await streamPublish(broker, queue, { count: 500, first: 1500, simple: true });
  return await streamRead(broker, queue, { count: 2000 });
}

testOnEach("consumers go on where they stopped", async (broker) => {
  await using vhost = await testVhost(broker, "stream-consumers");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream", arguments: ARGUMENTS });
  const sent = await write(broker, queue);
  // Within a batch, at its end, among the last ones, and done with all.
  const stopped = new Map([["early", 3], ["batch", 1210], ["edge", 1224], ["late", 1990]]);
  for (const [name, index] of stopped) {
    if (name !== "early") {
      await storeConsumer(broker, queue, { name, offset: sent[index]!.offset });
    }
  }
  await storeConsumer(broker, queue, { name: "done", offset: sent.at(-1)!.offset });

  assertOk(await job.backup({ vhosts: [vhost.name], backup: { segment_max_bytes: 64 * 1024 } }));
  const [{ stream: { consumers } }] = (await job.manifest()).queues;
  assert.deepEqual(
    consumers.map(({ name }: { name: string }) => name),
    ["batch", "done", "early", "edge", "late"],
  );
  assert.equal(consumers[0].offset, sent[1210]!.offset);
  const described = await runCli(["describe", "-p", job.backups, "-b", "test"]);
  assert.match(described.stdout, /consumers: batch at \d+, done at \d+, early at 3/);
  assertOk(await job.validate());

  await deleteQueue(broker, queue);
  assertOk(await job.restore());
  const found = await streamRead(broker, queue, { count: 2000 });
  assert.deepEqual(same(found), same(sent));
  for (const [name, index] of stopped) {
    const next = sent.slice(index + 1, index + 9);
    const resumed = await resumeConsumer(broker, queue, { name, count: 8 });
    assert.deepEqual(same(resumed), same(next), name);
  }
  await streamPublish(broker, queue, { count: 1, first: 2000, simple: true });
  const [news] = await resumeConsumer(broker, queue, { name: "done", count: 1 });
  assert.match(atob(news!.message), /simple 2000$/);

  // What consumers of the target have stored is theirs.
  const again = await job.restore({ restore: { if_not_empty: "append" } });
  assertOk(again);
  assert.match(again.stderr, /Consumer "early" of stream "s" has the offset 3 in the target, and/);
  const [next] = await resumeConsumer(broker, queue, { name: "early", count: 1 });
  assert.equal(next!.message, sent[4]!.message);

  const other = { vhost: vhost.name, name: "other" };
  const mapping = { queue_mapping: { s: "other" }, consumer_offsets: false };
  const without = await job.restore({ restore: mapping });
  assertOk(without);
  await assert.rejects(
    resumeConsumer(broker, other, { name: "early", count: 1 }),
    /no offset is stored/,
    allOf(without),
  );
});
