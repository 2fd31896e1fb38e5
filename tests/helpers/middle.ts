/** Runs that are stopped in the middle, at a point that a test can rely on. */
import assert from "node:assert/strict";
import type { Broker } from "./brokers.ts";
import type { CliResult, CliRun } from "./cli.ts";
import { administrator, assertNothingLeft, assertOk, assertWhole, type Loaded } from "./failure.ts";
import { type Job, jsonLines, newJob } from "./job.ts";
import { assertSameMessages, pikaGenerate, pikaRead } from "./pika.ts";
import { createQueue, deleteQueue, testVhost, waitForDepth } from "./queues.ts";
import { TcpProxy } from "./tcp_proxy.ts";

const COUNT = 500;
/** So small that confirms take more bytes than the flow is stopped after. */
const WINDOW = 5;
const FLAGS = ["--json", "--progress-interval", "100ms"];

/**
 * Two quorum queues that hold more than fits into the buffers on the way, and a proxy that stops the
 * flow. (Quorum, as a broker that is killed loses what is not persistent in classic ones.)
 */
export class Middle implements AsyncDisposable {
  readonly broker: Broker;
  readonly proxy: TcpProxy;
  readonly job: Job;
  readonly loaded: Loaded[];
  readonly #owned: AsyncDisposable[];

  private constructor(
    parts: { broker: Broker; proxy: TcpProxy; job: Job },
    loaded: Loaded[],
    owned: AsyncDisposable[],
  ) {
    this.broker = parts.broker;
    this.proxy = parts.proxy;
    this.job = parts.job;
    this.loaded = loaded;
    this.#owned = owned;
  }

  /** `host`: another node of the broker's cluster, which gets the leaders of the queues. */
  static async of(broker: Broker, { host = broker }: { host?: Broker } = {}): Promise<Middle> {
    const vhost = await testVhost(broker, "middle");
    const proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    const user = await administrator(broker, vhost.name);
    const job = await newJob(proxy.through(user.address));
    const middle = new Middle({ broker, proxy, job }, [], [job, proxy, user, vhost]);
    for (const name of ["first", "second"]) {
      const queue = { vhost: vhost.name, name };
      await createQueue(host, { ...queue, type: "quorum" });
      const large = { large: 16, largeSize: 1 << 20 };
      const sent = await pikaGenerate(broker, queue, { count: COUNT, priorities: [4], ...large });
      middle.loaded.push({ queue, sent });
    }
    return middle;
  }

  /** A lost connection ends a run, unless a test says otherwise. */
  get config() {
    return {
      vhosts: [this.loaded[0]!.queue.vhost],
      backup: { reconnect_secs: 0 },
      restore: { window: WINDOW, reconnect_secs: 0 },
      // A machine that is gone is not waited for so long.
      offset_storage: { lock_expiry_secs: 10 },
    };
  }

  /** Starts a backup and stops the flow when a part of the messages is there. */
  async reading(config: { reconnect_secs?: number } = {}): Promise<CliRun> {
    this.proxy.stallAfter(1 << 20);
    const backup = { ...this.config.backup, ...config };
    const run = await this.job.startBackup({ ...this.config, backup }, FLAGS);
    await run.waitFor(/"phase":"reading","messages_done":[1-9]/);
    return run;
  }

  /** Starts a restore into no queues and stops the flow when a part has been confirmed. */
  async publishing(config: { reconnect_secs?: number } = {}): Promise<CliRun> {
    for (const { queue } of this.loaded) await deleteQueue(this.broker, queue);
    this.proxy.stallAfter(3_000);
    const restore = { ...this.config.restore, ...config };
    const run = await this.job.startRestore({ ...this.config, restore }, FLAGS);
    await run.waitFor(/"phase":"publishing","messages_done":[1-9]/);
    return run;
  }

  /** The same backup command works now, and neither the broker nor the backup lacks anything. */
  async assertBackupGoesOn(): Promise<void> {
    for (const { queue, sent } of this.loaded) {
      await waitForDepth(this.broker, queue, { depth: sent.length });
    }
    await this.assertBackedUp(await this.job.backup(this.config));
  }

  /** The backup is complete, and the queues are whole. */
  async assertBackedUp(result: CliResult): Promise<void> {
    assertOk(result);
    assertOk(await this.job.validate());
    assert.equal((await this.job.manifest()).total_messages, 2 * COUNT);
    await assertNothingLeft(this.job);
    await assertWhole(this.broker, ...this.loaded);
  }

  /** The same restore command works now. */
  async assertRestoreGoesOn(): Promise<void> {
    await this.assertRestored(await this.job.restore(this.config, ["--json"]));
  }

  /** The restore (`--json`) is complete; all is there, and twice only what the summary allows for. */
  async assertRestored(result: CliResult): Promise<void> {
    assertOk(result);
    let possible = jsonLines(result, "summary")[0].possible_duplicates;
    for (const { queue, sent } of this.loaded) {
      const found = await pikaRead(this.broker, queue);
      const extra = found.length - sent.length;
      assert.ok(extra >= 0 && extra <= WINDOW, `${extra} more than ${sent.length}`);
      possible -= extra;
      // What comes twice comes right behind itself, so this is all of it, in order.
      const seen = new Map<string, number>();
      const count = (key: string) => seen.set(key, (seen.get(key) ?? 0) + 1).get(key)!;
      const wanted = Map.groupBy(sent, ({ wire_sha256 }) => wire_sha256);
      const once = found.filter(({ wire_sha256 }) =>
        count(wire_sha256) <= (wanted.get(wire_sha256)?.length ?? 0)
      );
      assertSameMessages(sent, once, { routing: false });
    }
    assert.ok(possible >= 0, `${-possible} more twice than the summary said`);
    await assertNothingLeft(this.job);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#owned) await one[Symbol.asyncDispose]();
  }
}

/** The end of a run that has to be near. */
export async function within(run: CliRun, milliseconds = 60_000): Promise<CliResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      run.kill("SIGKILL");
      reject(new Error(`it has not ended after ${milliseconds} ms\n${run.stderr}\n${run.stdout}`));
    }, milliseconds);
  });
  try {
    return await Promise.race([run.done, late]);
  } finally {
    clearTimeout(timer);
  }
}
