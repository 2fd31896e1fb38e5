/** Backup after backup of a queue with a delivery limit: the one that would lose it is refused. */
import assert from "node:assert/strict";
import { brokers } from "./helpers/brokers.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaRead } from "./helpers/pika.ts";
import { testVhost, waitForDepth } from "./helpers/queues.ts";

const LIMIT = 3;

for (const broker of brokers()) {
  Deno.test(`delivery limit ${LIMIT}, ${LIMIT + 2} backups (RabbitMQ ${broker.version})`, async () => {
    await using vhost = await testVhost(broker, "limit");
    await using job = await newJob(broker);
    const queue = await vhost.queue("q", {
      type: "quorum",
      arguments: { "x-delivery-limit": LIMIT },
    });
    const sent = await pikaGenerate(broker, queue, { count: 50, priorities: [4] });
    const isFree = broker.version === "4.3";
    for (let round = 1; round <= LIMIT + 2; round++) {
      const result = await job.backup({ backupId: `b${round}`, vhosts: [vhost.name] }, ["--json"]);
      const [done] = jsonLines(result, "queue_done");
      if (isFree || round <= LIMIT) {
        assert.equal(result.code, 0, result.stdout + result.stderr);
        assert.equal(done.messages, 50);
      } else {
        assert.equal(result.code, 3, result.stdout + result.stderr);
        assert.match(done.reason, /backups have used 3 of the 3 delivery attempts/);
      }
      await waitForDepth(broker, queue, { depth: 50 });
    }
    if (isFree) assertSameMessages(sent, await pikaRead(broker, queue, { ack: true }));
  });
}
