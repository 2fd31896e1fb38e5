/** The main job: varied messages of a foreign client, backed up, lost, restored, compared. */
import assert from "node:assert/strict";
import { testOnEach } from "./helpers/brokers.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, type PikaMessage, pikaRead } from "./helpers/pika.ts";
import { createBoundExchange, deleteQueue, queueDepth, testVhost } from "./helpers/queues.ts";

const NAMES = ["orders", "Aufträge/EU #1 ..%2F", "quorum", "x".repeat(255)];
const TYPES = ["classic", "classic", "quorum", "quorum"] as const;

testOnEach("10,000 messages of all kinds come back as they were", async (broker) => {
  await using one = await testVhost(broker, "main-a");
  await using other = await testVhost(broker, "main b/%2F");
  await using job = await newJob(broker);
  const vhosts = [one.name, other.name];

  // 1. Load.
  const loaded = new Map<string, { queue: { vhost: string; name: string }; sent: PikaMessage[] }>();
  for (const vhost of [one, other]) {
    for (const [index, name] of NAMES.entries()) {
      const queue = await vhost.queue(name, { type: TYPES[index]! });
      const exchange = index % 2 === 0 ? `events ${index}` : undefined;
      if (exchange !== undefined) {
        await createBoundExchange(broker, { vhost: vhost.name, name: exchange, queue: name });
      }
      const sent = await pikaGenerate(broker, queue, {
        count: 1250,
        seed: loaded.size + 1,
        large: 1,
        ...(exchange === undefined ? {} : { exchange }),
        ...(TYPES[index] === "quorum" ? { priorities: [4] } : {}),
      });
      loaded.set(`${vhost.name} ${name}`, { queue, sent });
    }
  }

  // 2. Back up, twice the same content; the queues stay whole.
  const backup = await job.backup({ vhosts }, ["--json"]);
  assert.equal(backup.code, 0, backup.stderr + backup.stdout);
  const [summary] = jsonLines(backup, "summary");
  assert.equal(summary.messages, 10_000);
  for (const { queue, sent } of loaded.values()) {
    assert.equal(await queueDepth(broker, queue), sent.length);
  }
  const manifest = await job.manifest();
  assert.equal(manifest.state, "complete");
  assert.equal(manifest.total_messages, 10_000);
  const validated = await job.validate();
  assert.equal(validated.code, 0, validated.stderr + validated.stdout);

  // 3. A visible loss.
  for (const { queue } of loaded.values()) {
    await deleteQueue(broker, queue);
    assert.equal(await queueDepth(broker, queue), undefined);
  }

  // 4. Restore, and read with the foreign client.
  const restored = await job.restore({}, ["--json"]);
  assert.equal(restored.code, 0, restored.stderr + restored.stdout);
  for (const { queue, sent } of loaded.values()) {
    const found = await pikaRead(broker, queue, { ack: true });
    assertSameMessages(sent, found, { routing: false });
  }
});
