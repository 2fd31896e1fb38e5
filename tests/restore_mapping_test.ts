/** A restore into other vhosts, queues and types. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { assertFailed, assertOk, TestUser } from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { deleteQueue, management, put, queueDepth, remove, testVhost } from "./helpers/queues.ts";

const shared = brokers().at(-1)!;
const part = encodeURIComponent;
const numbered = (queue: string, count: number) =>
  Array.from({ length: count }, (_, n) => [queue, `${queue} ${n}`] as const);

testOnEach("into other vhosts and queues, several into one", async (broker) => {
  await using from = await testVhost(broker, "from");
  await using to = await testVhost(broker, "to é");
  await using source = await PlainClient.open(broker, from.name);
  await using target = await PlainClient.open(broker, to.name);
  await source.declare(["orders.eu", "orders.us", "bills"].map((name) => ({ name })));
  await source.publish([
    ...numbered("orders.eu", 30),
    ...numbered("orders.us", 20),
    ...numbered("bills", 10),
  ]);
  for (const client of [source, target]) {
    await client.onChannel((channel) => channel.assertExchange("events", "topic"));
  }
  await source.onChannel(async (channel) => {
    await channel.bindQueue("bills", "events", "bill.#");
    await channel.bindQueue("orders.eu", "events", "order.#");
  });
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [from.name] }));
  const restore = {
    vhost_mapping: { "from-*": to.name },
    queue_mapping: { "~^orders\\.(..)$": "all.orders", none: "nowhere" },
    exchange_mapping: { events: "other" },
  };
  const plan = await job.restore({ restore }, ["--dry-run", "--json"]);
  assertOk(plan);
  const planned = JSON.parse(plan.stdout).queues;
  assert.deepEqual(
    // deno-lint-ignore no-explicit-any
    planned.map((q: any) => [q.queue, q.target_vhost, q.target_queue, q.action]),
    [
      ["bills", to.name, "bills", "create"],
      ["orders.eu", to.name, "all.orders", "create"],
      ["orders.us", to.name, "all.orders", "create"],
    ],
  );
  assert.match(plan.stderr, /restore\.queue_mapping: "none" matches nothing of what is restored/);
  assert.match(plan.stderr, /restore\.exchange_mapping has no effect with publish_mode: direct-to/);
  assert.match(planned[1].notes[0], /^created under another name, and so without bindings$/);
  assert.equal(await queueDepth(broker, { vhost: to.name, name: "all.orders" }), undefined);

  const result = await job.restore({ restore }, ["--json"]);
  assertOk(result);
  const done = jsonLines(result, "queue_done").find(({ queue }) => queue === "orders.us");
  assert.deepEqual(
    [done.messages, done.target_vhost, done.target_queue],
    [20, to.name, "all.orders"],
  );
  const bodies = (await target.peek("all.orders")).map(({ body }) => body);
  for (const [queue, count] of [["orders.eu", 30], ["orders.us", 20]] as const) {
    assert.deepEqual(
      bodies.filter((body) => body.startsWith(queue)),
      numbered(queue, count).map(([, body]) => body),
    );
  }
  assert.equal(bodies.length, 50);
  const bindings = await management(broker, `bindings/${part(to.name)}`) as {
    source: string;
    destination: string;
  }[];
  assert.deepEqual(
    bindings.filter(({ source }) => source === "events").map(({ destination }) => destination),
    ["bills"],
  );
  // The sources are as they were.
  assert.deepEqual(await source.depths(["orders.eu", "orders.us", "bills"]), [30, 20, 10]);
  // The one is not empty now, whichever goes there.
  const again = await job.restore({ restore });
  assertFailed(again, {
    code: 7,
    error: /^Cannot restore into queue "bills" of vhost "to é-.*" \(and 2 more\): it holds 10 mess/,
    hint: /^Hint: empty it/,
  });
});

testOnEach("a vhost that the target lacks", async (broker) => {
  await using from = await testVhost(broker, "lacks");
  const created = `${from.name}/../new`;
  await using source = await PlainClient.open(broker, from.name);
  await source.declare([{ name: "orders" }]);
  await source.publish(numbered("orders", 5));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [from.name] }));
  const mapped = { vhost_mapping: { [from.name]: created } };
  const failure = {
    code: 5,
    error: new RegExp(`^Cannot open vhost "${created}" on .*: there is no such vhost$`),
    hint:
      /^Hint: set restore\.create_missing_vhosts: true; or .* definitions-import .*vhost_mapping$/,
  };
  assertFailed(await job.restore({ restore: mapped }), failure);
  const refused = await job.restore({ restore: mapped }, ["--dry-run"]);
  assert.equal(refused.code, 5);
  assert.match(refused.stdout, /orders +classic +5 +orders \(.*\) +not begun\n/);
  assert.match(refused.stdout, /^Cannot open vhost .*\nHint: set restore\.create_missing_vhosts/m);
  assert.match(refused.stdout, /^Nothing would be restored\. Nothing was done\.$/m);

  await using user = new TestUser(broker);
  await user.put("administrator");
  const target = { amqp_url: user.amqpUrl, management_url: broker.managementUrl };
  const restore = { ...mapped, create_missing_vhosts: true };
  const plan = await job.restore({ restore, target }, ["--dry-run", "--json"]);
  assertOk(plan);
  assert.deepEqual(JSON.parse(plan.stdout).created_vhosts, [created]);
  try {
    assertOk(await job.restore({ restore, target }));
    await using client = await PlainClient.open(broker, from.name);
    assert.deepEqual(await client.depths(["orders"]), [5]);
    // The user has got permissions on it; who created it has them anyway.
    const address = { ...broker, amqpUrl: user.amqpUrl };
    assert.equal(await queueDepth(address, { vhost: created, name: "orders" }), 5);
  } finally {
    await remove(broker, `vhosts/${part(created)}`);
  }
});

/** Arguments that all versions take for the type, and one of them not for the other. */
const ARGUMENTS = {
  classic: {
    "x-max-priority": 5,
    "x-queue-mode": "lazy",
    "x-queue-version": 2,
    "x-overflow": "reject-publish-dlx",
    "x-single-active-consumer": true,
  },
  quorum: {
    "x-delivery-limit": 50,
    "x-quorum-initial-group-size": 1,
    "x-dead-letter-strategy": "at-most-once",
    "x-quorum-target-group-size": 1,
    "x-max-in-memory-length": 5,
    "x-max-in-memory-bytes": 5,
    "x-queue-leader-locator": "client-local",
    "x-consumer-timeout": 600_000,
    "x-consumer-disconnected-timeout": 600_000,
    "x-single-active-consumer": true,
  },
};

testOnEach("queues are created in another type, without what it does not take", async (broker) => {
  await using vhost = await testVhost(broker, "types");
  await using client = await PlainClient.open(broker, vhost.name);
  for (const type of ["classic", "quorum"] as const) {
    const args = ARGUMENTS[type];
    // Each alone, so that it is known which one is refused.
    for (const [name, value] of Object.entries(args)) {
      await client.declare([{ name: `${type} ${name}`, type, arguments: { [name]: value } }]);
    }
  }
  const names = (["classic", "quorum"] as const)
    .flatMap((type) => Object.keys(ARGUMENTS[type]).map((name) => `${type} ${name}`));
  await client.publish(names.map((name) => [name, "body"]));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await client.deleteQueues(names);
  const restore = { queue_type_mapping: { classic: "quorum", quorum: "classic" } };
  const result = await job.restore({ restore }, ["--json"]);
  assertOk(result);
  const queues = await management(
    broker,
    `queues/${part(vhost.name)}?disable_stats=true&enable_queue_totals=true`,
  );
  // deno-lint-ignore no-explicit-any
  for (const { name, type, arguments: args } of queues as any[]) {
    const [was, argument] = name.split(" ");
    assert.equal(type, was === "classic" ? "quorum" : "classic", name);
    const kept = argument === "x-single-active-consumer";
    assert.equal(argument in args, kept, `${name}: ${JSON.stringify(args)}`);
    assert.deepEqual(await client.depths([name]), [1]);
  }
  const warned = jsonLines(result, "warning").map(({ queue, message }) => [queue, message]);
  for (const name of names) {
    const [, argument] = name.split(" ");
    const told = warned.filter(([queue]) => queue === name).map(([, message]) => message).join();
    assert.match(told, /created as (quorum instead of classic|classic instead of quorum)/);
    assert.equal(told.includes(`without ${argument}`), argument !== "x-single-active-consumer");
  }
});

testOnEach("an argument that the target refuses is named, and can be dropped", async (broker) => {
  await using vhost = await testVhost(broker, "refused");
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "odd" }, { name: "plain" }]);
  await client.publish([["odd", "1"], ["plain", "2"]]);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  // As if another version had taken it; 4.3 ends the connection for the locator.
  const argument = broker.version.startsWith("4.3") ? "x-queue-master-locator" : "x-delivery-limit";
  const path = job.dir.join("backups", "test", "manifest.json");
  const manifest = await job.manifest();
  manifest.queues.find(({ name }: { name: string }) => name === "odd").arguments = {
    [argument]: argument === "x-delivery-limit" ? 5 : "client-local",
  };
  await Deno.writeTextFile(path, JSON.stringify(manifest));
  await client.deleteQueues(["odd", "plain"]);
  const result = await job.restore({}, ["--json"]);
  assert.equal(result.code, 3);
  const failed = jsonLines(result, "queue_done").find(({ queue }) => queue === "odd");
  assert.match(
    failed.reason,
    /^Cannot create queue "odd": the target (does not take|no longer has)/,
  );
  assert.match(failed.hint, new RegExp(`^restore\\.drop_queue_arguments: \\["${argument}"\\]`));
  assert.deepEqual(await client.depths(["plain"]), [1]);
  const restore = { drop_queue_arguments: [argument] };
  assertOk(await job.restore({ restore }));
  assert.deepEqual(await client.depths(["odd", "plain"]), [1, 1]);
});

testOnEach("a policy that the target lacks is told, and one that it has is not", async (broker) => {
  await using vhost = await testVhost(broker, "policy");
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "limited" }, { name: "kept" }, { name: "free" }]);
  const policy = (name: string, pattern: string, definition: Record<string, unknown>) =>
    put(broker, `policies/${part(vhost.name)}/${name}`, { pattern, definition });
  await policy("limits", "^limited$", { "max-length": 100, expires: 3_600_000 });
  await policy("keeps", "^kept$", { "max-length": 50 });
  await client.publish([["limited", "1"], ["kept", "2"], ["free", "3"]]);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await client.deleteQueues(["limited", "kept", "free"]);
  await policy("limits", "^limited$", { expires: 3_600_000 });
  const config = { target: { amqp_url: broker.amqpUrl, management_url: broker.managementUrl } };
  const plan = await job.restore(config, ["--dry-run", "--json"]);
  assertOk(plan);
  // deno-lint-ignore no-explicit-any
  const notes = JSON.parse(plan.stdout).queues.map((q: any) => [q.queue, q.notes]);
  assert.deepEqual(notes, [
    ["free", undefined],
    ["kept", undefined],
    ["limited", [
      'the backup\'s policy "limits" applied to it (max-length); the target\'s policy "limits" ' +
      "says otherwise",
    ]],
  ]);
  // Without the API it cannot be told, and the messages come back all the same.
  const blind = await job.restore({
    target: { amqp_url: broker.amqpUrl, management_url: "http://127.0.0.1:9" },
  }, ["--json"]);
  assertOk(blind);
  assert.deepEqual(
    jsonLines(blind, "warning").filter(({ message }) => /whether .* is not known/.test(message))
      .map(({ queue }) => queue),
    ["kept", "limited"],
  );
  assert.deepEqual(await client.depths(["limited", "kept", "free"]), [1, 1, 1]);
});

Deno.test("a restore of two queues into one goes on where it stopped", async () => {
  await using vhost = await testVhost(shared, "two");
  await using client = await PlainClient.open(shared, vhost.name);
  await client.declare([{ name: "a" }, { name: "b" }]);
  await client.publish([...numbered("a", 20), ...numbered("b", 10)]);
  await using job = await newJob(shared);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await client.deleteQueues(["a", "b"]);
  const restore = { queue_mapping: { a: "one", b: "one" } };
  const segment = (await job.manifest()).queues[1].segments[0].key;
  const path = job.dir.join("backups", segment);
  await Deno.rename(path, `${path}.away`);
  const first = await job.restore({ restore }, ["--json"]);
  assert.equal(first.code, 3);
  assert.equal(await queueDepth(shared, { vhost: vhost.name, name: "one" }), 20);
  await Deno.rename(`${path}.away`, path);
  const second = await job.restore({ restore }, ["--json"]);
  assertOk(second);
  assert.deepEqual(
    jsonLines(second, "queue_done").map(({ queue, outcome }) => [queue, outcome]).toSorted(),
    [["a", "resumed"], ["b", "ok"]],
  );
  assert.equal(jsonLines(second, "summary")[0].possible_duplicates, 0);
  assert.equal((await client.take("one")).length, 30);
  await deleteQueue(shared, { vhost: vhost.name, name: "one" });
});
