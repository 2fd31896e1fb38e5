/** Queues in use, young, deep, many, and with messages that expire while they are backed up. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { breaksIn, openBroker, publishNumbers, readNumbers } from "./helpers/direct.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { management, type TestVhost, testVhost, waitUntil } from "./helpers/queues.ts";
import { readWithPython } from "./helpers/readers.ts";

Deno.test("queues in use: ten backups, and their consumers get every message once", async () => {
  await Promise.all(
    brokers().map(async (broker) => {
      await using vhost = await testVhost(broker, "busy");
      await using job = await newJob(broker);
      await using classic = await Application.start(broker, vhost, {
        type: "classic",
        backlog: 10_000,
      });
      await using quorum = await Application.start(broker, vhost, {
        type: "quorum",
        backlog: 10_000,
      });
      await waitUntil(async () => {
        const path = `queues/${vhost.name}?columns=messages_unacknowledged`;
        const rows = await management(broker, path) as { messages_unacknowledged?: number }[];
        return rows.every(({ messages_unacknowledged = 0 }) => messages_unacknowledged > 0);
      }, { what: "the figures of the queues", timeoutMs: 60_000 });
      const backup = { include_definitions: false };
      const traffic = { published: 0, consumed: 0 };
      for (let round = 1; round <= 10; round++) {
        const in_flight = round % 2 === 0 ? "accept" : "partial";
        const result = await job.backup({
          backupId: `b${round}`,
          vhosts: [vhost.name],
          backup: { ...backup, in_flight },
        }, ["--json"]);
        assert.equal(result.code, in_flight === "accept" ? 0 : 3, result.stdout + result.stderr);
        const manifest = await job.manifest(`b${round}`);
        assert.equal(manifest.state, in_flight === "accept" ? "complete" : "partial");
        // Some had been taken by the consumer; there is no more than what was published.
        const read = await readWithPython(`${job.backups}/b${round}`);
        assert.equal(read.length, manifest.total_messages);
        for (const { capture, message_count, partial } of manifest.queues) {
          assert.ok(message_count > 0);
          assert.ok(capture.in_flight > 0);
          if (in_flight === "accept") assert.equal(partial, undefined);
          else assert.match(partial, /^\d+ messages? w\w+ with its consumers$/);
          const { published, consumed } = capture.traffic;
          traffic.published += published;
          traffic.consumed += consumed;
          assert.equal(capture.depth_before + published - consumed, capture.depth_after);
        }
      }
      // On a slow machine not in each round.
      assert.ok(traffic.published > 0 && traffic.consumed > 0, JSON.stringify(traffic));
      for (const app of [classic, quorum]) {
        await app.stopPublishing();
        await app.drain();
        assert.deepEqual(app.lost(), []);
        assert.equal(app.twice, 0);
        assert.equal(app.consumerEnded, false);
        // Nothing is made up.
        assert.ok([...app.consumed].every((id) => id < app.published));
      }
    }),
  );
});

testOnEach("young queues are whole, though the broker has no figures yet", async (broker) => {
  await using vhost = await testVhost(broker, "young");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  const config = { vhosts: [vhost.name], backup: { include_definitions: false } };
  for (const round of [0, 1]) {
    const names = Array.from({ length: 20 }, (_, index) => `q${round}-${index}`);
    await client.declare(names.map((name, index) => ({
      name,
      type: index % 2 === 0 ? "classic" : "quorum",
    })));
    await client.publish(names.flatMap((name) => numbers(10).map((body) => [name, body] as const)));
    const result = await job.backup({ ...config, backupId: `round-${round}` });
    assert.equal(result.code, 0, result.stderr);
    const { queues } = await job.manifest(`round-${round}`);
    const counts = queues.map(({ message_count }: { message_count: number }) => message_count);
    assert.deepEqual(counts, new Array(20 * (round + 1)).fill(10));
  }
});

testOnEach("three hundred small queues", async (broker) => {
  await using vhost = await testVhost(broker, "many");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  const names = Array.from({ length: 300 }, (_, index) => `small ${index}`);
  await client.declare(names.map((name) => ({ name })));
  await client.publish(
    names.flatMap((name) => [[name, `${name} a`], [name, `${name} b`]] as const),
  );
  const backup = await job.backup({ vhosts: [vhost.name] }, ["--json"]);
  assert.equal(backup.code, 0, backup.stderr);
  const [taken] = jsonLines(backup, "summary");
  assert.deepEqual([taken.queues_ok, taken.messages], [300, 600]);
  await client.deleteQueues(names);
  const restore = await job.restore({}, ["--json"]);
  assert.equal(restore.code, 0, restore.stderr);
  assert.deepEqual(new Set(await client.depths(names)), new Set([2]));
  for (const name of [names[0]!, names[299]!]) {
    assert.deepEqual((await client.take(name)).map(({ body }) => body), [`${name} a`, `${name} b`]);
  }
});

testOnEach("a small prefetch on deeper queues", async (broker) => {
  const count = 5_000;
  await using vhost = await testVhost(broker, "prefetch");
  await using job = await newJob(broker);
  await using connection = await openBroker(broker, vhost.name);
  for (const type of ["classic", "quorum"] as const) {
    await vhost.queue(type, { type });
    await publishNumbers(connection, type, count);
  }
  const backup = { prefetch_count: 100, include_definitions: false, compression: "none" };
  const result = await job.backup({ vhosts: [vhost.name], backup });
  assert.equal(result.code, 0, result.stderr);
  assert.equal((await job.manifest()).total_messages, 2 * count);
  assert.equal((await job.validate()).code, 0);
  for (const queue of ["classic", "quorum"]) {
    const reading = { queue, limit: count, returnMethod: "channel_close" } as const;
    const { numbers } = await readNumbers(connection, reading);
    assert.deepEqual([numbers.length, numbers[0], breaksIn(numbers)], [count, 0, 0]);
  }
});

testOnEach("to the end of the queue, with what arrives meanwhile", async (broker) => {
  await using vhost = await testVhost(broker, "depth");
  await using job = await newJob(broker);
  await using app = await Application.start(broker, vhost, { backlog: 500, consumers: 0 });
  const backup = { include_definitions: false };
  const config = { vhosts: [vhost.name], backup };
  const bounded = await job.backup({ ...config, backupId: "bounded" });
  assert.equal(bounded.code, 0, bounded.stderr);
  const unbounded = { ...backup, stop_at_current_depth: false };
  // It ends while they go on publishing: when no message is ready for a moment.
  const all = await job.backup({ ...config, backupId: "all", backup: unbounded });
  assert.equal(all.code, 0, all.stderr);
  await app.stopPublishing();
  const [short, long] = [await job.manifest("bounded"), await job.manifest("all")];
  assert.equal(short.total_messages, short.queues[0].capture.depth_before);
  assert.ok(long.total_messages > long.queues[0].capture.depth_before);
  assert.deepEqual(await app.client.depths([app.queue]), [app.published]);
  assert.deepEqual(
    (await app.client.take(app.queue)).map(({ body }) => body),
    numbers(app.published),
  );
});

testOnEach("messages that expire meanwhile take no other with them", async (broker) => {
  await using vhost = await testVhost(broker, "ttl");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "classic" }, { name: "quorum", type: "quorum" }]);
  const run = await job.startBackup({ vhosts: [vhost.name] });
  await client.publish(
    ["classic", "quorum"].flatMap((name) =>
      numbers(2_000).map((body, index) =>
        [name, body, index % 2 === 0 ? { expiration: 300 + index } : {}] as const
      )
    ),
  );
  const result = await run.done;
  assert.equal(result.code, 0, result.stdout + result.stderr);
  await delay(2_500);
  const odd = numbers(2_000).filter((_, index) => index % 2 === 1);
  for (const name of ["classic", "quorum"]) {
    assert.deepEqual((await client.take(name)).map(({ body }) => body), odd);
  }
});

interface ApplicationOptions {
  type?: "classic" | "quorum";
  /** Messages that wait when it starts. */
  backlog: number;
  consumers?: 0 | 1;
}

/** Publishes numbers all the time, and takes and acknowledges them slower than that. */
class Application implements AsyncDisposable {
  readonly queue: string;
  readonly client: PlainClient;
  readonly consumed = new Set<number>();
  /** Messages that came more than once. */
  twice = 0;
  published = 0;
  consumerEnded = false;
  #publishing: Promise<void> = Promise.resolve();
  #stop = false;
  #isClosed = false;

  private constructor(client: PlainClient, queue: string) {
    this.client = client;
    this.queue = queue;
  }

  static async start(
    broker: Broker,
    vhost: TestVhost,
    { type = "classic", backlog, consumers = 1 }: ApplicationOptions,
  ): Promise<Application> {
    const app = new Application(await PlainClient.open(broker, vhost.name), `${type} in use`);
    await app.client.declare([{ name: app.queue, type }]);
    await app.#publish(backlog);
    if (consumers > 0) await app.#consume();
    app.#publishing = app.#publishAlways();
    return app;
  }

  async stopPublishing(): Promise<void> {
    this.#stop = true;
    await this.#publishing;
  }

  /** Waits until the queue is empty and every message was seen, or 60 s have passed. */
  async drain(): Promise<void> {
    for (let tries = 0; tries < 600 && this.consumed.size < this.published; tries++) {
      await delay(100);
    }
  }

  /** Published and never consumed. */
  lost(): number[] {
    return numbers(this.published).map(Number).filter((id) => !this.consumed.has(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopPublishing();
    this.#isClosed = true;
    await this.client[Symbol.asyncDispose]();
  }

  async #publish(count: number): Promise<void> {
    const bodies = numbers(count).map((body) => `${Number(body) + this.published}`);
    await this.client.publish(bodies.map((body) => [this.queue, body] as const));
    this.published += count;
  }

  async #publishAlways(): Promise<void> {
    while (!this.#stop) {
      await this.#publish(20);
      await delay(20);
    }
  }

  async #consume(): Promise<void> {
    const channel = await this.client.connection.createChannel();
    await channel.prefetch(10);
    await channel.consume(this.queue, async (message) => {
      if (message === null) {
        this.consumerEnded = true;
        return;
      }
      await delay(10); // some 900 a second, about what is published: the backlog stays
      const id = Number(message.content.toString());
      if (this.consumed.has(id)) this.twice++;
      this.consumed.add(id);
      if (!this.#isClosed) channel.ack(message);
    });
  }
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}
