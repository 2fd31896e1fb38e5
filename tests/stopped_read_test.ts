/** A backup that is stopped half-way leaves a queue in order that earlier backups have returned. */
import assert from "node:assert/strict";
import { testOnEach } from "./helpers/brokers.ts";
import { openBroker, publishNumbers } from "./helpers/direct.ts";
import { newJob } from "./helpers/job.ts";
import { pikaRead } from "./helpers/pika.ts";
import { testVhost, waitForDepth } from "./helpers/queues.ts";

const COUNT = 60_000;

testOnEach("a second backup of a quorum queue is stopped half-way", async (broker) => {
  await using vhost = await testVhost(broker, "stopped");
  await using job = await newJob(broker);
  const queue = await vhost.queue("numbers", { type: "quorum" });
  {
    await using connection = await openBroker(broker, vhost.name);
    await publishNumbers(connection, queue.name, COUNT);
  }
  const vhosts = [vhost.name];
  const backup = { prefetch_count: 5_000 };
  const first = await job.backup({ backupId: "first", vhosts, backup });
  assert.equal(first.code, 0, first.stderr);
  await waitForDepth(broker, queue, { depth: COUNT });

  const second = await job.startBackup({ backupId: "second", vhosts, backup }, [
    "--json",
    "--progress-interval",
    "50ms",
  ]);
  await second.waitFor(/"phase":"reading","messages_done":[1-9]|"messages_done":[1-9]\d*,/);
  second.kill("SIGINT");
  const { code } = await second.done;
  assert.equal(code, 130);
  await waitForDepth(broker, queue, { depth: COUNT, timeoutMs: 30_000 });
  const found = await pikaRead(broker, queue, { ack: true });
  const numbers = found.map(({ body }) => Number(atob(body!)));
  assert.equal(numbers.length, COUNT);
  assert.equal(numbers.findIndex((number, index) => number !== index), -1);
});
