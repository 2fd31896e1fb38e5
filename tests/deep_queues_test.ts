/** Two deep queues in one backup with the defaults: whole, in order, and in little memory. */
import assert from "node:assert/strict";
import type { ConsumeMessage } from "amqplib";
import { join } from "node:path";
import type { BrokerConnection } from "../src/broker/amqp/connection.ts";
import type { QueueEntry } from "../src/archive/manifest.ts";
import { RecordParser } from "../src/archive/record.ts";
import { expectedOf, openSegment } from "../src/archive/segment.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import type { CliRun } from "./helpers/cli.ts";
import { breaksIn, openBroker, publishNumbers } from "./helpers/direct.ts";
import { assertOk } from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import { management, testVhost, waitForDepth } from "./helpers/queues.ts";

/** Messages of each queue, and what the plan counts for one at most while it is held, bytes. */
const QUEUES = {
  classic: { most: 1_000_000, planned: 6_024 },
  quorum: { most: 300_000, planned: 4_000 },
} as const;
const MEMORY_SHARE = 0.5;
const MOST_MEMORY = 200e6;

interface Node {
  readonly mem_used: number;
  readonly mem_limit: number;
  readonly mem_alarm: boolean;
}

async function nodeOf(broker: Broker): Promise<Node> {
  return (await management(broker, "nodes") as Node[])[0]!;
}

/** As many as are wanted, or as the defaults let the broker's memory hold, with some to spare. */
async function depthsFor(broker: Broker): Promise<Record<string, number>> {
  const { mem_limit, mem_used } = await nodeOf(broker);
  const bytes = (mem_limit - mem_used) * MEMORY_SHARE * 0.9;
  return Object.fromEntries(
    Object.entries(QUEUES).map(([type, { most, planned }]) => [
      type,
      Math.min(most, Math.floor(bytes / planned / 50_000) * 50_000),
    ]),
  );
}

/** Runs to the end; the tool's largest resident set, where /proc tells, and whether there was an alarm. */
async function watched(run: CliRun, broker: Broker) {
  let isOver = false;
  const done = run.done.finally(() => isOver = true);
  let peak: number | undefined;
  let alarmed = false;
  for (let round = 0; !isOver; round++) {
    const status = await Deno.readTextFile(`/proc/${run.pid}/status`).catch(() => "");
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
    if (kib !== undefined) peak = Number(kib) * 1024;
    if (round % 20 === 0) alarmed ||= (await nodeOf(broker)).mem_alarm;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { result: await done, peak, alarmed };
}

/** The bodies of a queue in a backup, in order, as numbers. */
async function storedNumbers(job: Job, { segments }: QueueEntry): Promise<Uint32Array> {
  const numbers: number[] = [];
  let current = 0;
  const sink = {
    head: () => void (current = 0),
    body: (chunk: Uint8Array) => {
      for (const digit of chunk) current = current * 10 + digit - 48;
    },
    end: () => void numbers.push(current),
  };
  for (const segment of segments) {
    const file = await Deno.open(join(job.backups, segment.key));
    const reader = openSegment(file.readable, {
      name: segment.key,
      expected: expectedOf(segment),
    });
    const parser = new RecordParser(sink);
    for await (const piece of reader.records()) parser.push(piece);
    parser.finish();
  }
  return Uint32Array.from(numbers);
}

/** Takes all messages out of a queue, which is quicker than to hold them once more. */
async function takenNumbers(
  connection: BrokerConnection,
  queue: string,
  count: number,
): Promise<Uint32Array> {
  const numbers = new Uint32Array(count);
  let received = 0;
  const channel = await connection.openChannel();
  await new Promise<void>((resolve, reject) => {
    connection.onLost(reject);
    const take = (message: ConsumeMessage | null) => {
      if (message === null) return reject(new Error("the broker cancelled the consumer"));
      numbers[received++] = Number(message.content.toString("latin1"));
      if (received === count) resolve();
    };
    channel.consume(queue, take, { noAck: true }).catch(reject);
  });
  await channel.close();
  return numbers;
}

/** All numbers from 0 on, once, in order. */
function assertAll(numbers: Uint32Array, count: number): void {
  assert.deepEqual([numbers.length, numbers[0], breaksIn(numbers)], [count, 0, 0]);
}

testOnEach("a quorum and a classic queue, both deep, in one backup", async (broker) => {
  const depths = await depthsFor(broker);
  await using vhost = await testVhost(broker, "deep");
  await using job = await newJob(broker);
  await Promise.all(
    (["classic", "quorum"] as const).map(async (type) => {
      await vhost.queue(type, { type });
      await using connection = await openBroker(broker, vhost.name);
      await publishNumbers(connection, type, depths[type]!);
    }),
  );

  const run = await job.startBackup({ vhosts: [vhost.name] }, ["--json"]);
  const { result, peak, alarmed } = await watched(run, broker);
  assertOk(result);
  assert.equal(alarmed, false, "the broker had a memory alarm");
  assert.ok(peak === undefined || peak < MOST_MEMORY, `${peak} bytes of memory`);

  const { queues, skipped, total_messages } = await job.manifest();
  assert.deepEqual(skipped, []);
  assert.equal(total_messages, depths.classic! + depths.quorum!);
  await using connection = await openBroker(broker, vhost.name);
  for (const entry of queues as QueueEntry[]) {
    const { name: queue, capture, message_count } = entry;
    const depth = depths[queue]!;
    assert.deepEqual([message_count, capture!.depth_before], [depth, depth]);
    assertAll(await storedNumbers(job, entry), depth);
    await waitForDepth(broker, entry, { depth });
    assertAll(await takenNumbers(connection, queue, depth), depth);
  }
});
