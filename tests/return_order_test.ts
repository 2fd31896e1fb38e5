/** Reading a queue and giving its messages back: nothing lost, the order kept. */
import assert from "node:assert/strict";
import type { BrokerConnection } from "../src/broker/amqp/connection.ts";
import { QueueInspector } from "../src/broker/amqp/queue_inspector.ts";
import { WINDOWS_PER_CHANNEL } from "../src/broker/amqp/queue_reader.ts";
import type { RequeueStrategy } from "../src/config/config.ts";
import { encodeProperties, headerValue } from "../src/message/properties.ts";
import { planQueue, type QueuePlan } from "../src/safety/plan.ts";
import { text } from "./helpers/amqp_wire.ts";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import {
  breaksIn,
  openBroker,
  type Pass,
  publishAll,
  publishNumbers,
  readNumbers,
  type ReadOptions,
} from "./helpers/direct.ts";
import { type QueueSpec, testVhost, waitForDepth } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

/** What the tool would do with such a queue on this broker. */
function planned(
  broker: Broker,
  queue: QueueSpec,
  requeueStrategy: RequeueStrategy = "auto",
): QueuePlan {
  return planQueue({
    vhost: queue.vhost,
    name: queue.name,
    type: queue.type ?? "classic",
    autoDelete: queue.autoDelete ?? false,
    exclusive: false,
    arguments: queue.arguments ?? {},
    policy: {},
    operatorPolicy: {},
    ready: 1,
    consumers: 0,
  }, {
    brokerVersion: broker.fullVersion,
    requeueStrategy,
    onHazard: "refuse",
    partial: "refuse",
    memoryShare: 1,
    consumerTimeoutSecs: 1800,
    readStreams: true,
  });
}

/** A queue that holds the numbers from 0 to `count` - 1, and what reads it. */
class Numbers implements AsyncDisposable {
  readonly broker: Broker;
  readonly queue: QueueSpec;
  readonly count: number;
  readonly connection: BrokerConnection;
  readonly #vhost: AsyncDisposable;

  constructor(
    from: { broker: Broker; vhost: AsyncDisposable; connection: BrokerConnection },
    queue: QueueSpec,
    count: number,
  ) {
    this.broker = from.broker;
    this.connection = from.connection;
    this.#vhost = from.vhost;
    this.queue = queue;
    this.count = count;
  }

  /** Reads the first `limit`, by default as the tool would, and waits until all are back. */
  async pass(options: Partial<ReadOptions> & { limit: number }): Promise<Pass> {
    const pass = await readNumbers(this.connection, {
      queue: this.queue.name,
      returnMethod: planned(this.broker, this.queue).returnMethod,
      ...options,
    });
    await this.#settle();
    return pass;
  }

  /** The depth lags behind the return for up to some 100 ms. */
  async #settle(): Promise<void> {
    await using inspector = new QueueInspector(this.connection);
    const deadline = Date.now() + 15_000;
    for (let ready = -1; ready !== this.count;) {
      if (Date.now() > deadline) assert.fail(`${ready} of ${this.count} messages are back`);
      ({ ready } = await inspector.depth(this.queue.name));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
    await this.#vhost[Symbol.asyncDispose]();
  }
}

async function numbersIn(
  broker: Broker,
  options: { count: number } & Omit<QueueSpec, "vhost" | "name">,
): Promise<Numbers> {
  const { count, ...spec } = options;
  const vhost = await testVhost(broker, "order");
  const queue = await vhost.queue("numbers", spec);
  const connection = await openBroker(broker, vhost.name);
  await publishNumbers(connection, queue.name, count);
  return new Numbers({ broker, vhost, connection }, queue, count);
}

function assertInOrder({ numbers }: Pass, count: number): void {
  assert.equal(numbers.length, count);
  assert.equal(numbers[0], 0);
  assert.equal(breaksIn(numbers), 0);
}

for (const type of ["classic", "quorum"] as const) {
  testOnEach(`a ${type} queue read in five windows, in part and whole`, async (broker) => {
    const count = 30_000;
    await using numbers = await numbersIn(broker, { type, count });
    for (const limit of [17_000, 17_000, count, count]) {
      assertInOrder(await numbers.pass({ limit, window: 7_000 }), limit);
    }
  });
}

testOnEach("a quorum queue deeper than two of the largest windows", async (broker) => {
  const count = 132_000;
  await using numbers = await numbersIn(broker, { type: "quorum", count });
  for (let round = 0; round < 2; round++) {
    assertInOrder(await numbers.pass({ limit: count }), count);
  }
});

testOnEach("as many windows as a channel may have, and more than that", async (broker) => {
  const window = 20;
  const count = (2 * WINDOWS_PER_CHANNEL + 5) * window;
  await using numbers = await numbersIn(broker, { type: "quorum", count });
  for (const limit of [WINDOWS_PER_CHANNEL * window, count, count]) {
    assertInOrder(await numbers.pass({ limit, window }), limit);
  }
});

for (const type of ["classic", "quorum"] as const) {
  testOnEach(`a connection that is lost with all windows held (${type})`, async (broker) => {
    const window = 50;
    const count = WINDOWS_PER_CHANNEL * window;
    await using numbers = await numbersIn(broker, { type, count });
    for (let round = 0; round < 2; round++) {
      await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
      await using connection = await openBroker(proxy.through(broker), numbers.queue.vhost);
      let received = 0;
      const lost = readNumbers(connection, {
        queue: numbers.queue.name,
        returnMethod: "channel_close",
        limit: count + 1,
        window,
        onHead: () => ++received === count && proxy.cut(),
      });
      await assert.rejects(lost, { code: "broker_unreachable" });
      await waitForDepth(broker, numbers.queue, { depth: count });
    }
    assertInOrder(await numbers.pass({ limit: count }), count);
  });
}

const PRIORITIES = { classic: { "x-max-priority": 5 }, quorum: {} };

for (const type of ["classic", "quorum"] as const) {
  testOnEach(`a ${type} queue with messages of all priorities`, async (broker) => {
    await using vhost = await testVhost(broker, "order");
    const queue = await vhost.queue("q", { type, arguments: PRIORITIES[type] });
    await using connection = await openBroker(broker, vhost.name);
    const routingKey = text("q");
    const messages = Array.from({ length: 600 }, (_, index) => ({
      routingKey,
      properties: encodeProperties({ priority: index * 7 % 12 }),
      body: text(`${index}`),
    }));
    await publishAll(connection, messages);
    const { returnMethod } = planned(broker, queue);
    const passes: Uint32Array[] = [];
    for (const limit of [350, 350, 600, 600]) {
      const pass = { queue: "q", returnMethod, limit, window: 100 };
      passes.push((await readNumbers(connection, pass)).numbers);
      await waitForDepth(broker, queue, { depth: 600 });
    }
    const whole = passes[3]!;
    assert.equal(new Set(whole).size, 600);
    for (const numbers of passes) assert.deepEqual(numbers, whole.slice(0, numbers.length));
  });
}

testOnEach("a single active consumer's queue, when nobody else consumes", async (broker) => {
  const options = { type: "quorum", arguments: { "x-single-active-consumer": true } } as const;
  await using numbers = await numbersIn(broker, { ...options, count: 1_000 });
  for (let round = 0; round < 2; round++) {
    assertInOrder(await numbers.pass({ limit: 1_000, window: 300 }), 1_000);
  }
});

testOnEach("stopped in the middle", async (broker) => {
  const count = 5_000;
  await using numbers = await numbersIn(broker, { type: "quorum", count });
  const stop = new AbortController();
  let received = 0;
  const onHead = () => ++received === 1_234 && stop.abort();
  const pass = await numbers.pass({ limit: count, window: 1_000, signal: stop.signal, onHead });
  assert.equal(pass.end, "stopped");
  assert.ok(pass.numbers.length >= 1_234 && pass.numbers.length < count);
  assertInOrder(await numbers.pass({ limit: count }), count);
});

testOnEach("to the end of the queue, however deep", async (broker) => {
  const count = 2_000;
  await using numbers = await numbersIn(broker, { type: "quorum", count });
  const pass = await numbers.pass({ limit: Number.MAX_SAFE_INTEGER, window: 600, idleMs: 100 });
  assert.equal(pass.end, "drained");
  assertInOrder(pass, count);
  assertInOrder(await numbers.pass({ limit: count }), count);
});

testOnEach("what a round trip costs the messages of a quorum queue", async (broker) => {
  const count = 10;
  await using numbers = await numbersIn(broker, { type: "quorum", count });
  const limit = count;
  for (let round = 0; round < 3; round++) {
    const found: [attempts: number, redelivered: boolean][] = [];
    await numbers.pass({
      limit,
      onHead: (head) => found.push([attemptsOf(head.properties), head.redelivered]),
    });
    // 4.3 gives messages back without charging them; before, each return is an attempt.
    const attempts = broker.version === "4.3" ? 0 : round;
    assert.deepEqual(found, Array(count).fill([attempts, round > 0]));
  }
});

/** The header `x-delivery-count`; 0 when there is none. */
function attemptsOf(properties: Uint8Array): number {
  const header = headerValue(properties, "x-delivery-count");
  return header !== undefined && "value" in header ? Number(header.value) : 0;
}

testOnEach("by single gets, an auto-delete queue survives", async (broker) => {
  const count = 200;
  await using numbers = await numbersIn(broker, { type: "classic", autoDelete: true, count });
  assert.equal(planned(broker, numbers.queue).returnMethod, "get");
  for (let round = 0; round < 2; round++) {
    const pass = await numbers.pass({ limit: count });
    assert.equal(pass.end, "limit");
    assertInOrder(pass, count);
  }
  const drained = await numbers.pass({ limit: count + 1 });
  assert.equal(drained.end, "drained");
  assertInOrder(drained, count);
});

testOnEach("a consumer instead of gets: the auto-delete queue is gone", async (broker) => {
  // The other way round, to show that the test above could fail.
  await using numbers = await numbersIn(broker, { type: "classic", autoDelete: true, count: 10 });
  const { connection, queue } = numbers;
  await readNumbers(connection, { queue: queue.name, returnMethod: "channel_close", limit: 10 });
  await using inspector = new QueueInspector(connection);
  await assert.rejects(inspector.depth(queue.name), { code: "broker_missing" });
});

for (const broker of brokers().filter(({ version }) => version === "3.10")) {
  for (const returnMethod of ["recover", "nack", "reject"] as const) {
    // Why the plan closes the channel there.
    Deno.test(`on 3.10, ${returnMethod} would move what was read of a quorum queue`, async () => {
      const count = 3_000;
      await using numbers = await numbersIn(broker, { type: "quorum", count });
      await numbers.pass({ limit: 1_000, returnMethod });
      const { numbers: found } = await numbers.pass({ limit: count });
      assert.equal(found.length, count);
      assert.ok(breaksIn(found) > 0);
    });
  }
}

const STRATEGIES = ["auto", "cancel", "nack", "reject", "get"] as const;

testOnEach("every way of returning that the plan allows keeps the order", async (broker) => {
  const count = 600;
  const queues: Omit<QueueSpec, "vhost" | "name">[] = [
    { type: "classic" },
    { type: "quorum" },
    { type: "quorum", arguments: { "x-delivery-limit": 100 } },
    { type: "quorum", arguments: { "x-delivery-limit": -1 } },
  ];
  const refused: string[] = [];
  for (const spec of queues) {
    for (const strategy of STRATEGIES) {
      const plan = planned(broker, { vhost: "", name: "", ...spec }, strategy);
      if (plan.verdict === "refused") {
        refused.push(`${spec.arguments?.["x-delivery-limit"] ?? "none"} ${strategy}`);
        continue;
      }
      await using numbers = await numbersIn(broker, { ...spec, count });
      for (const limit of [350, 350, count, count]) {
        const pass = await numbers.pass({ limit, window: 90, returnMethod: plan.returnMethod });
        assertInOrder(pass, limit);
      }
    }
  }
  // Not everything is refused: at least what it does by itself is always allowed.
  const always = broker.version === "3.10" ? ["-1 auto"] : [];
  assert.deepEqual(refused.filter((one) => one.endsWith("auto")), always);
});

testOnEach("windows on channels of their own: a lost connection mixes them", async (broker) => {
  // Why the windows share a channel.
  const window = 50;
  const count = 20 * window;
  await using numbers = await numbersIn(broker, { type: "quorum", count });
  {
    await using connection = await openBroker(broker, numbers.queue.vhost);
    for (let held = 0; held < count; held += window) {
      const channel = await connection.openChannel();
      await channel.prefetch(window);
      let left = window;
      const { promise: full, resolve } = Promise.withResolvers<void>();
      await channel.consume(numbers.queue.name, () => --left === 0 && resolve());
      await full;
    }
  }
  await waitForDepth(broker, numbers.queue, { depth: count });
  const { numbers: found } = await numbers.pass({ limit: count });
  assert.equal(found.length, count);
  assert.ok(breaksIn(found) > 0);
});
