/** The broker's consumer timeout: what ends a hold that outlasts it, and what that costs. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type Broker, brokers, startBroker, testOnEach } from "./helpers/brokers.ts";
import {
  allOf,
  assertNothingLeft,
  assertOk,
  assertPartial,
  assertWhole,
  type Loaded,
} from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import { within } from "./helpers/middle.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { type TestVhost, testVhost } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const FLAGS = ["--json", "--progress-interval", "100ms"];
/** More than fits into the buffers on the way. */
const MESSAGES = { count: 500, priorities: [4], large: 16, largeSize: 1 << 20 };
const TIMEOUT_MS = 10_000;
const TYPES = ["classic", "quorum"] as const;

for (const { version } of brokers()) {
  Deno.test(`a broker's own timeout that the tool does not know (RabbitMQ ${version})`, async () => {
    await using broker = await startBroker(version);
    // It looks at each tick, and says at each again that it has closed the channel.
    for (const [key, value] of [["consumer_timeout", 2_000], ["channel_tick_interval", 4_000]]) {
      await broker.rabbitmqctl("eval", `application:set_env(rabbit, ${key}, ${value}).`);
    }
    await Promise.all(TYPES.map(async (type) => {
      await using held = await Held.of(broker, type);
      const result = await held.backup("test", { stallMs: 6_000 });
      if (version === "4.3") {
        // Only quorum queues look at the clock, and their consumers bring a timeout of their own.
        assertOk(result);
      } else {
        assert.equal(result.code, 1, allOf(result));
        const told = /Cannot read queue "q" to its end: .*PRECONDITION_FAILED .* timed out/;
        assert.match(result.stderr, told);
        assert.match(result.stderr, /Hint: .*consumer_timeout/);
      }
      await held.assertUnharmed();
      // Where it failed, it goes on.
      assertOk(await held.backup(result.code === 0 ? "again" : "test"));
      await held.assertUnharmed();
    }));
  });
}

testOnEach("the timeout of a queue: its messages go back before", async (broker) => {
  await Promise.all(TYPES.map(async (type) => {
    // A classic queue of 4.3 does not take the argument, and looks at no clock.
    const hasTimeout = broker.version !== "4.3" || type === "quorum";
    const args = hasTimeout ? { "x-consumer-timeout": TIMEOUT_MS } : {};
    await using held = await Held.of(broker, type, args);
    const result = await held.backup("test", { stallMs: TIMEOUT_MS * 0.85 });
    if (broker.version === "3.10" || !hasTimeout) { // 3.10 knows no timeout of a queue
      assertOk(result);
    } else {
      assertPartial(result, /held for 8 s, and the broker's consumer timeout is near/);
    }
    await held.assertUnharmed();
  }));
});

/** A queue, and a way to hold its messages. */
class Held implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #vhost: TestVhost;
  readonly #proxy: TcpProxy;
  readonly #job: Job;
  readonly #loaded: Loaded;

  private constructor(
    parts: { broker: Broker; vhost: TestVhost; proxy: TcpProxy; job: Job; loaded: Loaded },
  ) {
    this.#broker = parts.broker;
    this.#vhost = parts.vhost;
    this.#proxy = parts.proxy;
    this.#job = parts.job;
    this.#loaded = parts.loaded;
  }

  static async of(
    broker: Broker,
    type: "classic" | "quorum",
    queueArguments: Record<string, unknown> = {},
  ): Promise<Held> {
    const vhost = await testVhost(broker, "timeout");
    const queue = await vhost.queue("q", { type, arguments: queueArguments });
    const loaded = { queue, sent: await pikaGenerate(broker, queue, MESSAGES) };
    const proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    const job = await newJob(proxy.through(broker));
    return new Held({ broker, vhost, proxy, job, loaded });
  }

  /** A backup in whose middle the network stands still for so long. */
  async backup(backupId: string, { stallMs = 0 }: { stallMs?: number } = {}) {
    const config = {
      backupId,
      vhosts: [this.#vhost.name],
      backup: { include_definitions: false },
    };
    if (stallMs > 0) this.#proxy.stallAfter(1 << 20);
    const run = await this.#job.startBackup(config, FLAGS);
    if (stallMs > 0) {
      await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
      await delay(stallMs);
      this.#proxy.resume();
    }
    const result = await within(run, 60_000);
    if (result.code !== 1) await assertNothingLeft(this.#job);
    return result;
  }

  /** All messages are in their queues, in order. */
  async assertUnharmed(): Promise<void> {
    await assertWhole(this.#broker, this.#loaded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#job[Symbol.asyncDispose]();
    await this.#proxy[Symbol.asyncDispose]();
    await this.#vhost[Symbol.asyncDispose]();
  }
}
