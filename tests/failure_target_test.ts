/** Targets of a restore that hold messages already, are too small, or do not take every message. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import {
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertPartial,
  assertWhole,
  load,
  type Loaded,
  TestUser,
} from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, pikaPublish, pikaRead } from "./helpers/pika.ts";
import {
  createQueue,
  createVhost,
  deleteQueue,
  put,
  queueDepth,
  remove,
  type TestVhost,
  testVhost,
  waitForDepth,
} from "./helpers/queues.ts";

const all: Broker[] = brokers();
const broker: Broker = all.at(-1)!;
const COUNT = 200;

/** A queue with known messages, and a backup of it. */
class BackedUp implements AsyncDisposable {
  readonly broker: Broker;
  readonly vhost: TestVhost;
  readonly job: Job;
  readonly loaded: Loaded;

  private constructor(broker: Broker, job: Job, rest: { vhost: TestVhost; loaded: Loaded }) {
    this.broker = broker;
    this.job = job;
    this.vhost = rest.vhost;
    this.loaded = rest.loaded;
  }

  static async queue(broker: Broker): Promise<BackedUp> {
    const vhost = await testVhost(broker, "target");
    const loaded = await load(broker, await vhost.queue("orders"), COUNT);
    const job = await newJob(broker);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    return new BackedUp(broker, job, { vhost, loaded });
  }

  get depth(): Promise<number | undefined> {
    return queueDepth(this.broker, this.loaded.queue);
  }

  async delete(): Promise<void> {
    await deleteQueue(this.broker, this.loaded.queue);
  }

  /** An empty queue in place of the one that was backed up. */
  async replace(args: Record<string, unknown> = {}): Promise<void> {
    await this.delete();
    await createQueue(this.broker, { ...this.loaded.queue, arguments: args });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.job[Symbol.asyncDispose]();
    await this.vhost[Symbol.asyncDispose]();
  }
}

Deno.test("a queue that holds messages already", async () => {
  await using it = await BackedUp.queue(broker);
  const { job, loaded } = it;
  const refused = {
    code: 7,
    error: new RegExp(
      `^Cannot restore into queue "orders" of vhost "${it.vhost.name}": it holds 200 messages alre`,
    ),
    hint: /empty it, or choose --if-not-empty append or skip/,
  };
  assertFailed(await job.restore(), refused);
  assertPartial(
    await job.restore({ restore: { if_not_empty: "skip" } }),
    /orders \(target-.*it holds 200 messages already\n *Hint: empty it, or choose .* append$/m,
    /Restore of test is PARTIAL: 0 queues/,
  );
  await assertWhole(broker, loaded);

  // One queue that is not empty keeps all others from being begun.
  const other = await load(broker, await it.vhost.queue("other"), 20);
  assertOk(await job.backup({ backupId: "both", vhosts: [it.vhost.name] }));
  await deleteQueue(broker, other.queue);
  assertFailed(await job.restore({ backupId: "both" }), refused);
  assert.equal(await queueDepth(broker, other.queue), undefined);
  assertPartial(
    await job.restore({ backupId: "both", restore: { if_not_empty: "skip" } }),
    /orders .*it holds 200 messages already/,
  );
  await assertWhole(broker, loaded, other);

  assertOk(await job.restore({}, ["--if-not-empty", "append"]));
  await waitForDepth(broker, loaded.queue, { depth: 2 * COUNT });
  const twice = [...loaded.sent, ...loaded.sent];
  assertSameMessages(twice, await pikaRead(broker, loaded.queue), { routing: false });
  await assertNothingLeft(job);
});

Deno.test("a target that drops the oldest messages", async () => {
  await using it = await BackedUp.queue(broker);
  const { job, loaded } = it;
  await it.replace({ "x-max-length": 50 });
  assertFailed(await job.restore(), {
    code: 1,
    error: /^Cannot restore queue "orders" whole: 200 messages were confirmed, but it holds 50 whe/,
    hint:
      /a max-length or message TTL on the target queue drops messages; lift it and restore agai/,
  });
  // Run again as it is, nothing is made worse.
  assertFailed(await job.restore(), {
    code: 7,
    error: /it holds 50 messages, and 200 were restored into it before$/,
    hint: /was it purged\? then delete it, and all is restored again/,
  });
  assert.equal(await it.depth, 50);
  await it.delete();
  assertOk(await job.restore());
  await assertWhole(broker, loaded);
});

testOnEach("a target that rejects what is too much", async (broker) => {
  await using it = await BackedUp.queue(broker);
  const { job, loaded, vhost } = it;
  await it.replace();
  const policy = `policies/${vhost.name}/limit`;
  const limit = (length: number) =>
    put(broker, policy, {
      pattern: ".*",
      "apply-to": "queues",
      definition: { "max-length": length, overflow: "reject-publish" },
    });
  const rejected = {
    code: 5,
    error:
      /^Cannot publish to queue "orders" of vhost "target-.*": the target rejects messages \(n/,
    hint: /max-length with overflow reject-publish may be reached; make room and run again/,
  };
  const config = { restore: { on_undelivered: "fail" } };
  await limit(50);
  assertFailed(await job.restore(config), rejected);
  assertFailed(await job.restore(config), rejected);
  await limit(120);
  assertFailed(await job.restore(config), rejected);
  const depth = await it.depth ?? 0;
  assert.ok(depth >= 100 && depth < COUNT, `${depth} messages are there`);

  // It went on where it stopped each time: nothing is there twice, and nothing is missing.
  await remove(broker, policy);
  const last = await job.restore(config, ["--json"]);
  assertOk(last);
  assert.equal(jsonLines(last, "summary")[0].possible_duplicates, 0);
  await assertWhole(broker, loaded);
});

testOnEach("a user who may not create, or not write", async (broker) => {
  await using it = await BackedUp.queue(broker);
  const { job, loaded, vhost } = it;
  await using user = new TestUser(broker);
  await user.put("impersonator");
  const config = { target: { amqp_url: user.amqpUrl } };
  await it.delete();
  await user.grant(vhost.name, { write: ".*" });
  assertFailed(await job.restore(config), {
    code: 5,
    error: /^Cannot use queue "orders": the user may not create it \(ACCESS_REFUSED - /,
    hint: /grant configure, write and read permission: .* '\.\*' '\.\*' '\.\*', or create the q/,
  });
  assert.equal(await it.depth, undefined);

  await createQueue(broker, loaded.queue);
  await user.grant(vhost.name, { configure: ".*", read: ".*" });
  assertFailed(await job.restore(config), {
    code: 5,
    error: /^Cannot publish to queue "orders" of vhost "target-.*": the user may not write to it/,
    hint: /grant write permission/,
  });
  assert.equal(await it.depth, 0);

  await deleteQueue(broker, loaded.queue);
  await user.grant(vhost.name, { configure: ".*", write: ".*" });
  assertOk(await job.restore(config));
  await assertWhole(broker, loaded);

  // Without queues to create it does without the permission.
  await remove(broker, `queues/${vhost.name}/orders/contents`);
  const keep = { create_missing_queues: false };
  await user.grant(vhost.name, { write: ".*", read: ".*" });
  assertOk(await job.restore({ ...config, restore: keep }));
  await assertWhole(broker, loaded);
});

testOnEach(
  "a queue with a dead letter exchange takes more than configure permission",
  async (broker) => {
    await using vhost = await testVhost(broker, "dlx");
    const args = { "x-dead-letter-exchange": "amq.fanout" };
    const loaded = await load(broker, await vhost.queue("dying", { arguments: args }));
    await using job = await newJob(broker);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    await deleteQueue(broker, loaded.queue);
    await using user = new TestUser(broker);
    await user.put("impersonator");
    const config = { target: { amqp_url: user.amqpUrl } };
    // Not even a hint of how to grant less than it takes.
    assertFailed(await job.restore(config), {
      code: 5,
      error: /^Cannot open vhost "dlx-.*" on .*: user "user-.*" has no permission on it$/,
      hint: /configure, write and read permission for a restore: '\.\*' '\.\*' '\.\*'$/,
    });
    await user.grant(vhost.name, { configure: ".*", read: "^$", write: "^dying$" });
    assertFailed(await job.restore(config), {
      code: 5,
      error: /^Cannot use queue "dying": the user may not create it \(ACCESS_REFUSED - /,
      hint: /grant configure, write and read permission: .* '\.\*' '\.\*' '\.\*'/,
    });
    await user.grant(vhost.name, { configure: ".*", write: ".*", read: ".*" });
    assertOk(await job.restore(config));
    await assertWhole(broker, loaded);
  },
);

testOnEach("messages in the name of another user", async (broker) => {
  await using vhost = await testVhost(broker, "user-id");
  const queue = await vhost.queue("signed");
  const message = { exchange: "", routing_key: "signed", properties: {}, body: btoa("x") };
  const properties = { user_id: broker.username };
  const sent = await pikaPublish(broker, vhost.name, [{ ...message, properties }]);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  await using user = new TestUser(broker);
  await user.put("administrator");
  await user.grant(vhost.name, { configure: ".*", write: ".*", read: ".*" });
  const config = { target: { amqp_url: user.amqpUrl } };
  assertFailed(await job.restore(config), {
    code: 5,
    error: new RegExp(
      `^Cannot publish to queue "signed" of vhost "user-id-.*": a message has user_id ` +
        `"${broker.username}", which .* from that user only, not from "${user.name}"$`,
    ),
    hint: new RegExp(`restore as that user, or give "${user.name}" the tag "impersonator"`),
  });
  await user.put("impersonator");
  assertOk(await job.restore(config));
  await assertWhole(broker, { queue, sent });
});

Deno.test({
  name: "messages that are too large for the target",
  // Only older brokers take them in the first place.
  ignore: all.length < 2 || all[0]!.version !== "3.10",
  fn: async () => {
    const [source, target] = [all[0]!, broker];
    await using vhost = await testVhost(source, "large");
    const large = await vhost.queue("large");
    await pikaGenerate(source, large, { count: 5, large: 1, largeSize: 17 << 20 });
    const other = await load(source, await vhost.queue("other"));
    await using job = await newJob(source);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    await createVhost(target, vhost.name);
    try {
      const config = { target: { amqp_url: target.amqpUrl } };
      const only = { ...config, restore: { queues: { include: ["large"] } } };
      assertFailed(await job.restore(only), {
        code: 5,
        error:
          /^Cannot publish to queue "large" of vhost ".*": a message of 17825792 bytes is larg/,
        hint: /raise max_message_size in the target's rabbitmq\.conf/,
      });
      await deleteQueue(target, large);
      assertPartial(
        await job.restore(config),
        /large \(large-.*a message of 17825792 bytes is larger than the 16777216/,
        /Restore of test is PARTIAL: 1 queue, 50 messages/,
      );
      await assertWhole(target, other);
    } finally {
      await remove(target, `vhosts/${vhost.name}`);
    }
  },
});

Deno.test("tiny windows", async () => {
  await using it = await BackedUp.queue(broker);
  for (const window of [1, 2, 7]) {
    await it.delete();
    assertOk(await it.job.restore({ restore: { window } }));
    await assertWhole(broker, it.loaded);
  }
});
