/** SIGKILL at random moments: a run that is given again ends with nothing lost. */
import assert from "node:assert/strict";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, type PikaMessage, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, type TestVhost, testVhost, waitForDepth } from "./helpers/queues.ts";

const KILLS = 20;
const WINDOW = 1024;
/** Logged, so that a failing run can be repeated. */
const SEED = Number(Deno.env.get("RABBITMQ_BACKUP_TEST_SEED") ?? Date.now() % 1_000_000);

Deno.test(`a backup killed at ${KILLS} random moments (seed ${SEED})`, async (context) => {
  for (const [index, broker] of brokers().entries()) {
    await using vhost = await testVhost(broker, "kill-backup");
    const loaded = await load(broker, vhost, 1500);
    for (let round = index; round < KILLS; round += brokers().length) {
      await context.step(`round ${round + 1}, RabbitMQ ${broker.version}`, async () => {
        await using job = await newJob(broker);
        const config = { vhosts: [vhost.name], backup: { segment_max_bytes: 256 * 1024 } };

        const killed = await job.startBackup(config);
        await pause(momentOf(round));
        killed.kill("SIGKILL");
        await killed.done;

        // The broker takes the messages back when it sees the connection go.
        for (const { queue } of loaded) await waitForDepth(broker, queue, { depth: 1500 });
        const again = await job.backup(config, ["--json"]);
        if (again.code !== 7) {
          assert.equal(again.code, 0, again.stderr + again.stdout);
          assert.equal(jsonLines(again, "summary")[0].messages, 3000);
        } else {
          // Killed after the manifest was written: the backup was finished.
          assert.match(again.stderr + again.stdout, /exists already and is finished/);
        }
        const validated = await job.validate();
        assert.equal(validated.code, 0, validated.stderr + validated.stdout);
        for (const { queue } of loaded) await waitForDepth(broker, queue, { depth: 1500 });
      });
    }
    for (const { queue, sent } of loaded) {
      assertSameMessages(sent, await pikaRead(broker, queue, { ack: true }));
    }
  }
});

Deno.test(`a restore killed at ${KILLS} random moments (seed ${SEED})`, async (context) => {
  for (const [index, broker] of brokers().entries()) {
    await using vhost = await testVhost(broker, "kill-restore");
    await using job = await newJob(broker);
    const loaded = await load(broker, vhost, 4000);
    // In several segments: a run that goes on has to find its place among them.
    const backup = { segment_max_bytes: 192 * 1024 };
    const taken = await job.backup({ vhosts: [vhost.name], backup });
    assert.equal(taken.code, 0, taken.stderr);
    for (let round = index; round < KILLS; round += brokers().length) {
      await context.step(`round ${round + 1}, RabbitMQ ${broker.version}`, async () => {
        for (const { queue } of loaded) await deleteQueue(broker, queue);
        const config = { restore: { window: WINDOW } };
        const killed = await job.startRestore(config);
        await pause(momentOf(round + KILLS));
        killed.kill("SIGKILL");
        const { code } = await killed.done;

        let possible = 0;
        if (code !== 0) {
          const again = await job.restore(config, ["--json"]);
          if (again.code !== 7) {
            assert.equal(again.code, 0, again.stderr + again.stdout);
            possible = jsonLines(again, "summary")[0].possible_duplicates;
          } else {
            // Killed after its end was recorded: the restore was finished.
            assert.match(again.stderr + again.stdout, /it holds 4000 messages already/);
          }
        }
        for (const { queue, sent } of loaded) {
          const extra = duplicates(sent, await pikaRead(broker, queue));
          assert.ok(extra <= WINDOW, `${extra} duplicates in one queue`);
          possible -= extra;
        }
        assert.ok(possible >= 0, `${-possible} more duplicates than the summary said`);
      });
    }
  }
});

interface Loaded {
  queue: { vhost: string; name: string };
  sent: PikaMessage[];
}

/** One queue of each type, with messages of all kinds. */
async function load(broker: Broker, vhost: TestVhost, count: number): Promise<Loaded[]> {
  const queues = [
    await vhost.queue("classic", { type: "classic" }),
    // Each killed backup costs up to two delivery attempts before 4.3.
    await vhost.queue("quorum", { type: "quorum", arguments: { "x-delivery-limit": 1000 } }),
  ];
  const loaded = [];
  for (const queue of queues) {
    const sent = await pikaGenerate(broker, queue, { count, large: 2, priorities: [4] });
    loaded.push({ queue, sent });
  }
  return loaded;
}

/** From the start of the process to well behind the end of its work, in milliseconds. */
function momentOf(index: number): number {
  const noise = Math.sin(SEED + index * 7919) * 43758.5453;
  return 350 + (noise - Math.floor(noise)) * 1250;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function digest(message: PikaMessage): string {
  return message.wire_sha256;
}

/** How many messages are there more than once; fails when one is missing. */
function duplicates(sent: readonly PikaMessage[], found: readonly PikaMessage[]): number {
  const there = Map.groupBy(found, digest);
  for (const [key, messages] of Map.groupBy(sent, digest)) {
    const count = there.get(key)?.length ?? 0;
    assert.ok(count >= messages.length, `${messages.length - count} of ${key} are missing`);
  }
  return found.length - sent.length;
}
