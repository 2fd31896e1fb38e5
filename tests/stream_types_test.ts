/** Whatever a client can publish to a stream, through backup, deletion and restore. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { streamMessages } from "./helpers/amqp10_messages.ts";
import { testOnEach } from "./helpers/brokers.ts";
import { assertOk } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { publishEntries } from "./helpers/direct_streams.ts";
import { deleteQueue, testVhost } from "./helpers/queues.ts";
import { streamRead } from "./helpers/streams.ts";

const SEED = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_SEED") ?? Date.now() % 1_000_000);
const COUNT = 600;

testOnEach(`arbitrary messages of AMQP 1.0, and bytes (seed ${SEED})`, async (broker) => {
  await using vhost = await testVhost(broker, "stream-types");
  await using job = await newJob(broker);
  const queue = await vhost.queue("s", { type: "stream" });
  const messages = fc.sample(streamMessages, { numRuns: COUNT, seed: SEED });
  await publishEntries(broker, queue, messages.map((body) => ({ body })));
  // Another client reads what was published, and so does the one that reads what comes back.
  const read = async () =>
    (await streamRead(broker, queue, { count: COUNT })).map((m) => m.message);
  const sent = messages.map((message) => message.toBase64());
  assert.deepEqual(await read(), sent);
  assertOk(await job.backup({ vhosts: [vhost.name], backup: { segment_max_bytes: 64 * 1024 } }));
  assertOk(await job.validate());
  await deleteQueue(broker, queue);
  assertOk(await job.restore());
  assert.deepEqual(await read(), sent);
});
