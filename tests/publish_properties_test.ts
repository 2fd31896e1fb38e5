/** What a restore does to properties: other users' names, headers to drop doubles by; and how fast. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertFailed, assertOk, assertPartial, TestUser } from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { type MessageToPublish, pikaPublish, pikaRead } from "./helpers/pika.ts";
import {
  createBoundExchange,
  deleteQueue,
  queueDepth,
  remove,
  type TestVhost,
  testVhost,
  waitForDepth,
  waitUntil,
} from "./helpers/queues.ts";

const shared: Broker = brokers().at(-1)!;

/** Ten messages, of which the sixth is in the name of the broker's own user. */
function messages(broker: Broker, queue: string): MessageToPublish[] {
  return Array.from({ length: 10 }, (_, index) => ({
    exchange: "",
    routing_key: queue,
    properties: index === 5 ? { user_id: broker.username, app_id: "shop" } : { app_id: "shop" },
    headers: { place: { int: `${index}` } },
    body: btoa(`${index}`),
  }));
}

/** A backup of a queue with {@linkcode messages} that is gone, and a user who may restore it. */
async function signed(
  broker: Broker,
  { vhost, job, user }: { vhost: TestVhost; job: Job; user: TestUser },
) {
  const queue = await vhost.queue("signed");
  await pikaPublish(broker, vhost.name, messages(broker, "signed"));
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  await user.put("administrator");
  await user.grant(vhost.name, { configure: ".*", write: ".*", read: ".*" });
  return { queue, target: { amqp_url: user.amqpUrl } };
}

testOnEach("user_id of another user: stopped before it, then by each choice", async (broker) => {
  await using vhost = await testVhost(broker, "user-id");
  await using job = await newJob(broker);
  await using user = new TestUser(broker);
  const { queue, target } = await signed(broker, { vhost, job, user });
  const restore = (user_id: string) => job.restore({ target, restore: { user_id } }, ["--json"]);
  const userIds = async () =>
    (await pikaRead(broker, queue)).map(({ properties }) => properties["user_id"]);
  const foreign = (name: string | undefined) =>
    Array.from({ length: 10 }, (_, index) => index === 5 ? name : undefined);

  const kept = await job.restore({ target, restore: { user_id: "keep" } });
  assertFailed(kept, {
    code: 7,
    error:
      /^Cannot keep every user_id: the target takes those of other users .* "user-.*" has it no/,
    hint: /give "user-.*" that tag, or choose --user-id fail, drop or header/,
  });
  assert.equal(await queueDepth(broker, queue), undefined, "nothing was begun");

  assertFailed(await job.restore({ target }), {
    code: 5,
    error: /^Cannot publish to queue "signed" of vhost ".*": a message has user_id "guest"/,
    hint: /give "user-.*" the tag "impersonator" as well, or choose --user-id drop or header/,
  });
  // What came before it is there and recorded, and the next run goes on with it.
  await waitForDepth(broker, queue, { depth: 5 });
  assertOk(await restore("header"));
  const headers = (await pikaRead(broker, queue)).map(({ headers }) => headers);
  assert.deepEqual(
    headers,
    messages(broker, "signed").map(({ headers }, index) => ({
      ...headers,
      ...(index === 5 ? { "x-original-user-id": { str: broker.username } } : {}),
    })),
  );
  assert.deepEqual(await userIds(), foreign(undefined));

  await deleteQueue(broker, queue);
  const dropped = await restore("drop");
  assertOk(dropped);
  assert.match(dropped.stdout, /1 message had the user_id of another user, which was left out/);
  assert.deepEqual(await userIds(), foreign(undefined));

  await user.put("impersonator");
  for (const choice of ["keep", "fail", "drop"]) {
    await deleteQueue(broker, queue);
    assertOk(await restore(choice));
    assert.deepEqual(await userIds(), foreign(broker.username), choice);
  }
});

Deno.test("one queue with another's user_id keeps no other queue from being restored", async () => {
  await using vhost = await testVhost(shared, "user-id");
  await using job = await newJob(shared);
  await using user = new TestUser(shared);
  const other = await vhost.queue("other");
  await pikaPublish(shared, vhost.name, messages(shared, "other").filter((_, at) => at !== 5));
  const { queue, target } = await signed(shared, { vhost, job, user });
  await deleteQueue(shared, other);
  const result = await job.restore({ target });
  // Also what the failed queue took before it failed.
  assert.match(result.stdout, /^Messages +14 /m);
  assertPartial(
    result,
    /signed \(user-id-.*: Cannot publish to queue "signed" .* a message has user_id "guest"/,
  );
  await waitForDepth(shared, other, { depth: 9 });
  await waitForDepth(shared, queue, { depth: 5 });
});

Deno.test("a rate limit holds all queues together, and can be changed on the way", async () => {
  await using vhost = await testVhost(shared, "rate");
  await using job = await newJob(shared);
  const names = ["first", "second"];
  for (const name of names) {
    await vhost.queue(name);
    const many = Array.from({ length: 30 }, () => messages(shared, name)).flat();
    await pikaPublish(shared, vhost.name, many);
  }
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const name of names) await deleteQueue(shared, { vhost: vhost.name, name });

  const limited = { restore: { rate_limit_messages_per_sec: 20, window: 50 } };
  const run = await job.startRestore(limited, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"messages_done":[1-9]/);
  const statuses = () => jsonLines({ ...run, code: 0, signal: null }, "status");
  const since = statuses().at(-1);
  await waitUntil(() => statuses().at(-1).seconds_elapsed > since.seconds_elapsed + 3, {
    what: "three seconds of progress",
  });
  const then = statuses().at(-1);
  const seconds = then.seconds_elapsed - since.seconds_elapsed;
  const published = then.messages_done - since.messages_done;
  // A confirm may be late; what is due is not.
  assert.ok(published <= 20 * seconds + 20, `${published} in ${seconds} s`);
  assert.ok(published >= 10, `${published} in ${seconds} s`);

  // A file that is wrong changes nothing.
  await job.restoreArgs({ restore: { rate_limit_messages_per_sec: -1 } });
  run.kill("SIGUSR2");
  await run.waitFor(/"message_type":"warning".*rate_limit_messages_per_sec/);
  await job.restoreArgs({ restore: { rate_limit_messages_per_sec: 100_000 } });
  run.kill("SIGUSR2");
  await run.waitFor(/The rate limit is 100,000 messages\/s from now on/);
  const result = await run.done;
  assertOk(result);
  // At the rate it had before it would have taken longer than this for the rest.
  const end = jsonLines(result, "summary")[0];
  assert.equal(end.messages, 600);
  assert.ok(end.seconds_elapsed - then.seconds_elapsed < 15, allOf(result));
});

testOnEach("dead letters keep their history, and CC and BCC do not multiply", async (broker) => {
  await using vhost = await testVhost(broker, "x-death");
  await using job = await newJob(broker);
  const dead = await vhost.queue("dead");
  await vhost.queue("other");
  await createBoundExchange(broker, { vhost: vhost.name, name: "dlx", queue: "dead" });
  await vhost.queue("in", {
    arguments: { "x-dead-letter-exchange": "dlx", "x-message-ttl": 1 },
  });
  const text = (value: string) => ({ str: value });
  await pikaPublish(broker, vhost.name, [
    { exchange: "", routing_key: "in", properties: {}, headers: { own: text("1") }, body: "" },
    {
      exchange: "",
      routing_key: "dead",
      properties: {},
      headers: { CC: { array: [text("other")] }, BCC: { array: [text("other")] } },
      body: "",
    },
  ]);
  await waitForDepth(broker, dead, { depth: 2 });
  const before = await pikaRead(broker, dead);
  const history = before.map(({ headers }) => headers["x-death"]);
  assert.equal(history.filter((one) => one !== undefined).length, 1);
  const config = { source: { queues: { vhosts: [vhost.name], include: ["dead"] } } };
  assertOk(await job.backup(config));

  await remove(broker, `queues/${vhost.name}/other/contents`);
  const exchange = {
    target: { management_url: broker.managementUrl },
    restore: { publish_mode: "exchange", accept_fanout: true },
  };
  for (const restore of [{}, exchange]) {
    await remove(broker, `queues/${vhost.name}/dead/contents`);
    const result = await job.restore(restore);
    assertOk(result);
    const after = await pikaRead(broker, dead);
    assert.deepEqual(after.map(({ headers }) => headers["x-death"]), history);
    assert.deepEqual(
      after.map(({ headers }) => headers["own"]),
      before.map(({ headers }) => headers["own"]),
    );
    assert.match(allOf(result), /1 message had CC or BCC headers, which were left out/);
    assert.equal(await queueDepth(broker, { vhost: vhost.name, name: "other" }), 0);
  }
});
