/** Queues of every kind in one backup: what is read, what is refused, and that none is harmed. */
import assert from "node:assert/strict";
import type { Options } from "amqplib";
import { type Broker, type BrokerVersion, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import {
  assertSameMessages,
  pikaGenerate,
  type PikaMessage,
  pikaPublish,
  pikaRead,
  pikaTake,
} from "./helpers/pika.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { put, type QueueSpec, type TestVhost, testVhost } from "./helpers/queues.ts";

type Verdict = "safe" | "cost" | "refused" | "excluded";

/** A queue, what is in it, and what the tool should make of it. */
interface OddQueue extends Omit<QueueSpec, "vhost"> {
  verdict: Verdict | Partial<Record<BrokerVersion, Verdict>>;
  reason?: RegExp;
  /** Message options by index; default none. */
  options?: (index: number) => Options.Publish;
  /** Bodies; default {@linkcode BODIES}. */
  bodies?: string[];
  /** As a reader gets them, where that is not as they were published. */
  delivered?: string[];
  only?: BrokerVersion[];
}

const BODIES = ["0", "1", "2", "3", "4", "5", "6", "7"];
const QUORUM = { "3.10": "cost", "4.0": "cost", "4.3": "safe" } as const;
const HOUR = 3_600_000;

const ODD: OddQueue[] = [
  { name: "plain", verdict: "safe" },
  { name: "auto-delete", autoDelete: true, verdict: "safe" },
  { name: "sac idle", arguments: { "x-single-active-consumer": true }, verdict: "safe" },
  {
    name: "sac busy",
    arguments: { "x-single-active-consumer": true },
    verdict: "refused",
    reason: /single active consumer/,
  },
  { name: "quorum", type: "quorum", verdict: QUORUM, reason: /one delivery attempt|of its 20/ },
  {
    name: "limit 20",
    type: "quorum",
    arguments: { "x-delivery-limit": 20 },
    verdict: QUORUM,
    reason: /one of its 20 delivery attempts/,
  },
  {
    name: "limit 2",
    type: "quorum",
    arguments: { "x-delivery-limit": 2 },
    verdict: { "3.10": "refused", "4.0": "refused", "4.3": "safe" },
    reason: /one of only 2 delivery attempts/,
  },
  {
    name: "limit -1",
    type: "quorum",
    arguments: { "x-delivery-limit": -1 },
    verdict: { ...QUORUM, "3.10": "refused" },
    reason: /limit of -1|no limit/,
  },
  {
    name: "nearly full",
    arguments: { "x-max-length": 8 },
    verdict: "refused",
    reason: /8 of at most 8 messages/,
  },
  {
    name: "nearly full by policy",
    type: "quorum",
    verdict: "refused",
    reason: /8 of at most 8 messages/,
  },
  { name: "room enough", arguments: { "x-max-length": 100 }, verdict: "safe" },
  {
    name: "delayed retry",
    type: "quorum",
    arguments: { "x-delayed-retry-type": "all", "x-delayed-retry-min": 4_000 },
    verdict: "refused",
    reason: /hides returned messages/,
    only: ["4.3"],
  },
  {
    name: "priorities",
    arguments: { "x-max-priority": 9 },
    verdict: "safe",
    options: (index) => ({ priority: index % 3 }),
    delivered: ["2", "5", "1", "4", "7", "0", "3", "6"],
  },
  { name: "lazy", arguments: { "x-queue-mode": "lazy" }, verdict: "safe" },
  {
    name: "transient",
    durable: false,
    verdict: "safe",
    options: () => ({ persistent: false }),
    only: ["3.10", "4.0"],
  },
  { name: "empty", bodies: [], verdict: "safe" },
  { name: "empty quorum", type: "quorum", bodies: [], verdict: "safe" },
  { name: "no bodies", bodies: ["", "", ""], verdict: "safe" },
  {
    name: "ttl",
    arguments: { "x-message-ttl": HOUR, "x-expires": HOUR },
    options: () => ({ expiration: HOUR }),
    verdict: "safe",
  },
  {
    name: "dead-lettering",
    type: "quorum",
    arguments: { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead letters" },
    verdict: QUORUM,
    reason: /delivery attempt/,
  },
  { name: "dead letters", verdict: "safe" },
];

testOnEach("each queue is read, refused or excluded, and none is harmed", async (broker) => {
  await using vhost = await testVhost(broker, "odd");
  await using job = await newJob(broker);
  await using queues = await OddQueues.create(broker, vhost);
  const { all, read, refused } = queues;
  const config = { vhosts: [vhost.name] };

  // 1. The plan.
  const planned = await job.backup(config, ["--dry-run", "--json"]);
  assert.equal(planned.code, 3, planned.stdout + planned.stderr);
  const plan = JSON.parse(planned.stdout).queues;
  for (const queue of all) {
    const row = plan.find((each: { queue: string }) => each.queue === queue.name);
    assert.equal(row?.verdict, queue.verdict, `${queue.name}: ${row?.verdict} ${row?.reason}`);
    if (queue.verdict !== "safe" && queue.reason) assert.match(row.reason, queue.reason);
    if (queue.verdict === "refused") assert.ok(row.hint, queue.name);
    const returned = row.return_method;
    if (queue.autoDelete) assert.equal(returned, "get");
  }
  const rowOf = (name: string) => plan.find((each: { queue: string }) => each.queue === name);
  assert.equal(rowOf("exclusive").verdict, "excluded");
  assert.equal(plan.length, all.length + 2);
  const text = await job.backup(config, ["--dry-run"]);
  assert.equal(text.code, 3);
  for (const { name } of refused) assert.match(text.stdout, new RegExp(`${name} .*REFUSED`));
  assert.match(text.stdout, /exclusive .*excluded/);
  await assert.rejects(Deno.stat(job.backups), Deno.errors.NotFound);

  // 2. The backup.
  const result = await job.backup(config, ["--json"]);
  assert.equal(result.code, 3, result.stdout + result.stderr);
  const manifest = await job.manifest();
  assert.equal(manifest.state, "partial");
  assert.deepEqual(namesOf(manifest.queues), namesOf(read));
  const kinds = Object.fromEntries(
    manifest.skipped.map(({ name, kind }: { name: string; kind: string }) => [name, kind]),
  );
  assert.deepEqual(kinds, {
    ...Object.fromEntries(refused.map(({ name }) => [name, "refused"])),
    "exclusive": "excluded",
    "exclusive consumer": "refused",
  });
  for (const queue of read) {
    const entry = manifest.queues.find(({ name }: { name: string }) => name === queue.name);
    assert.equal(entry.message_count, queue.bodies.length, queue.name);
    const isLookedAt = entry.queue_type === "classic" && queue.bodies.length > 0 &&
      !["room enough", "ttl"].includes(queue.name);
    assert.equal(entry.capture?.first_after, isLookedAt ? "same" : undefined, queue.name);
  }

  // 3. Nothing is gone, moved or dead-lettered.
  await queues.assertWhole();
  assert.equal((await job.validate()).code, 0);

  // 4. What was read comes back, in queues that are as they were.
  await queues.client.deleteQueues(namesOf(read));
  const restored = await job.restore();
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  await queues.client.declare(read); // refused, were they of other properties
  for (const queue of read) {
    const there = await queues.client.take(queue.name);
    assert.deepEqual(there.map(({ body }) => body), queue.delivered, queue.name);
  }
});

testOnEach("bodies, order and properties are as another client published them", async (broker) => {
  await using vhost = await testVhost(broker, "odd");
  await using job = await newJob(broker);
  const own = { vhost: vhost.name, name: "plain" };
  await using queues = await OddQueues.create(broker, vhost, { filled: false });
  await pikaGenerate(broker, own, { count: BODIES.length, priorities: [4] });
  const published = await pikaRead(broker, own, { fullBody: true });
  const others = namesOf(queues.all).filter((name) => name !== "plain");
  const copies = others.flatMap((name) =>
    published.map((each) => ({ ...each, routing_key: name }))
  );
  await pikaPublish(broker, vhost.name, copies);
  const assertThere = async (names: string[]) => {
    const found = await pikaTake(broker, { vhost: vhost.name, names });
    for (const name of names) {
      const expected = name === "priorities" ? byPriority(published) : published;
      const here = expected.map((each) => ({ ...each, routing_key: name }));
      assertSameMessages(here, found.get(name) ?? []);
    }
  };

  const result = await job.backup({ vhosts: [vhost.name] });
  assert.equal(result.code, 3, result.stderr);
  await assertThere(["plain", ...others]);

  const read = namesOf(queues.read);
  await queues.client.deleteQueues(read);
  const restored = await job.restore();
  assert.equal(restored.code, 0, restored.stderr);
  await assertThere(read);
});

function byPriority(messages: readonly PikaMessage[]): PikaMessage[] {
  const priority = ({ properties }: PikaMessage) => Number(properties.priority ?? 0);
  return messages.toSorted((a, b) => priority(b) - priority(a));
}

testOnEach("what is refused can be left out, or read all the same", async (broker) => {
  await using vhost = await testVhost(broker, "odd");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([
    { name: "stream", type: "stream" },
    { name: "full", arguments: { "x-max-length": 8 } },
    { name: "plain" },
  ]);
  await client.publish(["full", "plain"].flatMap(filling));
  await client.onChannel(async (channel) => {
    await channel.assertQueue("mine", { exclusive: true });

    // Streams left out by type, the full queue by name; an exclusive one is named, and no fault.
    const queues = { vhosts: [vhost.name], types: ["classic", "quorum"], exclude: ["full"] };
    const left = await job.backup({ backupId: "left", source: { queues } }, ["--json"]);
    assert.equal(left.code, 0, left.stdout);
    const manifest = await job.manifest("left");
    assert.equal(manifest.state, "complete");
    assert.deepEqual(namesOf(manifest.queues), ["plain"]);
    assert.deepEqual(namesOf(manifest.skipped), ["mine"]);
    const told = jsonLines(left, "queue_done").find(({ queue }) => queue === "mine");
    assert.equal(told.outcome, "skipped");
    assert.match(told.reason, /exclusive/);
    await channel.deleteQueue("mine");
  });

  const types = ["--type", "classic", "--on-hazard", "warn"];
  const warned = await job.backup({ backupId: "warned", vhosts: [vhost.name] }, types);
  assert.equal(warned.code, 0, warned.stderr);
  const manifest = await job.manifest("warned");
  assert.deepEqual(namesOf(manifest.queues), ["full", "plain"]);
  assert.equal(manifest.total_messages, 2 * BODIES.length);
  assert.deepEqual(await client.depths(["full", "plain"]), [BODIES.length, BODIES.length]);
  const text = await job.backup({ vhosts: [vhost.name] }, [...types, "--dry-run"]);
  assert.match(text.stdout, /full .*read, at a cost/);
  assert.match(text.stdout, /8 of at most 8 messages.*on_hazard: warn/);
});

testOnEach("filters choose the queues", async (broker) => {
  await using vhost = await testVhost(broker, "odd");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([
    { name: "orders.eu" },
    { name: "orders.us" },
    { name: "orders.eu.tmp" },
    { name: "Orders.EU" },
    { name: "log", type: "quorum" },
    { name: "few full", arguments: { "x-max-length": 2 } },
    { name: "none" },
  ]);
  await client.publish([
    ...["orders.eu", "orders.us", "orders.eu.tmp", "Orders.EU", "log"].flatMap(filling),
    ...[["few full", "0"], ["few full", "1"]] as const,
  ]);
  const cases: [flags: string[], expected: string[], code?: number][] = [
    [["--include", "orders.*"], ["orders.eu", "orders.eu.tmp", "orders.us"]],
    [["--include", "orders.*", "--exclude", "*.tmp"], ["orders.eu", "orders.us"]],
    [["--include", "orders.{eu,us}"], ["orders.eu", "orders.us"]],
    [["--include", "orders.??"], ["orders.eu", "orders.us"]],
    [["--include", "~^[oO]rders.[eE]", "--exclude", "~tmp$"], ["Orders.EU", "orders.eu"]],
    [["--include", "log", "--include", "none"], ["log", "none"]],
    [["--type", "quorum"], ["log"]],
    [["--type", "classic", "--min-messages", "3", "--exclude", "o*"], ["Orders.EU"]],
    // Refused only where it was asked for.
    [["--min-messages", "2", "--include", "few*"], ["few full"], 3],
    [["--min-messages", "3", "--include", "few*", "--include", "log"], ["log"]],
    [["--include", "nothing like it"], []],
  ];
  const args = await job.backupArgs({ vhosts: [vhost.name] });
  const env = { RABBITMQ_BACKUP_INCLUDE: "log,none" };
  const { stdout } = await runCli([...args, "--dry-run", "--json"], { env });
  assert.deepEqual(namesInPlan(stdout), ["log", "none"]);
  await Promise.all([0, 1].map(async (half) => {
    for (const [flags, expected, code = 0] of cases.filter((_, index) => index % 2 === half)) {
      const result = await runCli([...args, "--dry-run", "--json", ...flags]);
      assert.equal(result.code, code, flags.join(" ") + result.stderr);
      assert.deepEqual(namesInPlan(result.stdout), expected, flags.join(" "));
    }
  }));
});

const STRATEGIES = {
  auto: { classic: "channel_close", quorum: { "4.3": "recover", "4.0": "channel_close" } },
  cancel: { classic: "channel_close", quorum: { "4.3": "channel_close", "4.0": "channel_close" } },
  nack: { classic: "nack", quorum: { "4.3": "nack", "4.0": "nack" } },
  reject: { classic: "reject", quorum: { "4.3": "reject" } },
  get: { classic: "get", quorum: {} },
} as const;

testOnEach("every requeue strategy keeps the order, or is refused", async (broker) => {
  await using vhost = await testVhost(broker, "odd");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "classic" }, { name: "quorum", type: "quorum" }]);
  const bodies = Array.from({ length: 300 }, (_, index) => `${index}`);
  await client.publish(
    ["classic", "quorum"].flatMap((queue) => bodies.map((body) => [queue, body] as const)),
  );
  for (const [strategy, { classic, quorum }] of Object.entries(STRATEGIES)) {
    const backup = { requeue_strategy: strategy, prefetch_count: 70 };
    const result = await job.backup({ backupId: strategy, vhosts: [vhost.name], backup });
    const manifest = await job.manifest(strategy);
    const methods = Object.fromEntries(
      // deno-lint-ignore no-explicit-any
      manifest.queues.map(({ name, capture }: any) => [name, capture.return_method]),
    );
    const version = broker.version === "3.10" && strategy !== "nack" ? "4.0" : broker.version;
    const onQuorum = (quorum as Record<string, string>)[version];
    assert.deepEqual(methods, {
      classic,
      ...(onQuorum === undefined ? {} : { quorum: onQuorum }),
    }, strategy);
    assert.equal(result.code, onQuorum === undefined ? 3 : 0, result.stderr);
    for (const { message_count } of manifest.queues) assert.equal(message_count, bodies.length);
    assert.deepEqual(await client.depths(["classic", "quorum"]), [bodies.length, bodies.length]);
  }
  for (const queue of ["classic", "quorum"]) {
    assert.deepEqual((await client.take(queue)).map(({ body }) => body), bodies);
  }
});

/** An odd queue on one broker. */
interface Placed extends Omit<QueueSpec, "vhost"> {
  readonly verdict: Verdict;
  readonly reason?: RegExp;
  readonly bodies: string[];
  readonly delivered: string[];
}

/** The odd queues that a broker can have, filled, and who stands in the way at two of them. */
class OddQueues implements AsyncDisposable {
  readonly client: PlainClient;
  /** Without those that other connections have for themselves. */
  readonly all: readonly Placed[];

  private constructor(client: PlainClient, all: Placed[]) {
    this.client = client;
    this.all = all;
  }

  static async create(
    broker: Broker,
    vhost: TestVhost,
    options = { filled: true },
  ): Promise<OddQueues> {
    const client = await PlainClient.open(broker, vhost.name);
    const all = ODD
      .filter(({ only }) => only === undefined || only.includes(broker.version))
      .map((queue) => placed(queue, broker.version));
    const policy = {
      pattern: "by policy$",
      "apply-to": "queues",
      definition: { "max-length": 8 },
    };
    await put(broker, `policies/${vhost.name}/full`, policy);
    await client.declare([...all, { name: "exclusive consumer" }]);
    const queues = new OddQueues(client, all);
    if (options.filled) await queues.#fill();
    return queues;
  }

  get read(): Placed[] {
    return this.all.filter(({ verdict }) => verdict !== "refused");
  }

  get refused(): Placed[] {
    return this.all.filter(({ verdict }) => verdict === "refused");
  }

  /** Fails unless all is there: in the queues that were read, the bodies in order. */
  async assertWhole(): Promise<void> {
    const countable = this.all.filter(({ name }) => name !== "sac busy");
    const depths = await this.client.depths(countable.map(({ name }) => name));
    const missing = countable.filter(({ bodies }, index) => bodies.length !== depths[index]);
    assert.deepEqual(namesOf(missing), []);
    for (const { name, delivered } of this.read) {
      assert.deepEqual((await this.client.peek(name)).map(({ body }) => body), delivered, name);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }

  async #fill(): Promise<void> {
    const channel = await this.client.connection.createChannel();
    await channel.prefetch(1);
    await channel.consume("sac busy", () => {});
    await channel.assertQueue("exclusive", { exclusive: true });
    await this.client.publish(
      this.all.flatMap(({ name, bodies }) => {
        const options = ODD.find((queue) => queue.name === name)!.options ?? (() => ({}));
        return bodies.map((body, index) => [name, body, options(index)] as const);
      }),
    );
    await this.client.publish(["exclusive", "exclusive consumer"].flatMap(filling));
    await channel.consume("exclusive consumer", () => {}, { exclusive: true });
  }
}

function placed(queue: OddQueue, version: BrokerVersion): Placed {
  const { verdict, bodies = BODIES, delivered = bodies, ...rest } = queue;
  const here = typeof verdict === "string" ? verdict : verdict[version]!;
  return { ...rest, verdict: here, bodies, delivered };
}

function filling(queue: string): (readonly [string, string])[] {
  return BODIES.map((body) => [queue, body] as const);
}

function namesOf(queues: readonly { name: string }[]): string[] {
  return queues.map(({ name }) => name).toSorted();
}

function namesInPlan(json: string): string[] {
  return JSON.parse(json).queues.map(({ queue }: { queue: string }) => queue).toSorted();
}
