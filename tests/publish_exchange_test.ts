/** Restores through exchanges: what the plan counts is what the broker makes of the messages. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { allOf, assertFailed, assertOk, assertPartial } from "./helpers/failure.ts";
import { type Job, type JobConfig, jsonLines, newJob } from "./helpers/job.ts";
import {
  assertSameMessages,
  type MessageToPublish,
  pikaGenerate,
  pikaPublish,
  pikaRead,
  type TypedValue,
} from "./helpers/pika.ts";
import {
  createBoundExchange,
  deleteQueue,
  management,
  put,
  remove,
  type TestVhost,
  testVhost,
  waitForDepth,
} from "./helpers/queues.ts";

/** Through exchanges, those of the target being asked for. */
function exchangeMode({ broker }: Job, restore: Record<string, unknown> = {}): JobConfig {
  return {
    target: { management_url: broker.managementUrl },
    restore: { publish_mode: "exchange", ...restore },
  };
}

const ACCEPT = { accept_fanout: true };

async function exchange(
  { broker, name: vhost }: TestVhost,
  name: string,
  body: { type: string; arguments?: Record<string, unknown>; internal?: boolean },
): Promise<void> {
  await put(broker, `exchanges/${vhost}/${name}`, { durable: true, ...body });
}

async function bind(
  { broker, name: vhost }: TestVhost,
  binding: { from: string; to: string; key?: string; arguments?: Record<string, unknown> },
  kind: "q" | "e" = "q",
): Promise<void> {
  const path = `bindings/${vhost}/e/${binding.from}/${kind}/${binding.to}`;
  const body = { routing_key: binding.key ?? "", arguments: binding.arguments ?? {} };
  await management(broker, path, { method: "POST", body });
}

function message(
  exchange: string,
  routing_key: string,
  headers: Record<string, TypedValue> = {},
): MessageToPublish {
  return {
    exchange,
    routing_key,
    properties: {},
    headers,
    body: btoa(`${exchange} ${routing_key}`),
  };
}

/** Ready messages of all queues of a vhost, by name. */
async function depths(broker: Broker, vhost: string, names: string[]) {
  const found: Record<string, number> = {};
  for (const name of names) found[name] = (await pikaRead(broker, { vhost, name })).length;
  return found;
}

async function purge(broker: Broker, vhost: string, names: string[]): Promise<void> {
  for (const name of names) await remove(broker, `queues/${vhost}/${name}/contents`);
}

/** The figures of a dry run that ends with this code. */
async function fanoutOf(job: Job, code: number, config: JobConfig = exchangeMode(job)) {
  const result = await job.restore(config, ["--dry-run", "--json"]);
  assert.equal(result.code, code, allOf(result));
  return JSON.parse(result.stdout).fanout;
}

testOnEach("a fanout of three queues, each backed up, makes nine", async (broker) => {
  await using vhost = await testVhost(broker, "fanout");
  const names = ["one", "two", "three"];
  await exchange(vhost, "events", { type: "fanout" });
  for (const name of names) {
    await vhost.queue(name);
    await bind(vhost, { from: "events", to: name });
  }
  await pikaPublish(broker, vhost.name, Array.from({ length: 10 }, () => message("events", "k")));
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const name of names) await deleteQueue(broker, { vhost: vhost.name, name });

  // The queues are not there yet: their bindings are those that the restore will make.
  const refused = {
    code: 7,
    error: /^Cannot restore through exchanges: 30 messages would become 90$/,
    hint: /--accept-fanout/,
  };
  assertFailed(await job.restore(exchangeMode(job)), refused);
  const fanout = await fanoutOf(job, 7);
  assert.deepEqual([fanout.messages, fanout.copies, fanout.according_to], [30, 90, "target"]);
  assert.deepEqual(fanout.exchanges, [{
    vhost: vhost.name,
    exchange: "events",
    type: "fanout",
    messages: 30,
    copies: 90,
    undelivered: 0,
    unknown: 0,
  }]);
  const text = await job.restore(exchangeMode(job), ["--dry-run"]);
  assert.match(text.stdout, /Through exchanges 30 messages would become 90\./);

  const result = await job.restore(exchangeMode(job, ACCEPT), ["--json"]);
  assertOk(result);
  const [summary] = jsonLines(result, "summary");
  assert.deepEqual([summary.messages, summary.copies], [30, 90]);
  assert.deepEqual(await depths(broker, vhost.name, names), { one: 30, two: 30, three: 30 });
});

testOnEach("all kinds of bindings: as many copies as the plan says", async (broker) => {
  await using vhost = await testVhost(broker, "routing");
  const names = ["a", "b", "c", "spare", "plain"];
  for (const name of names) await vhost.queue(name);
  await exchange(vhost, "topics", { type: "topic" });
  await exchange(vhost, "spares", { type: "fanout" });
  await exchange(vhost, "direct", {
    type: "direct",
    arguments: { "alternate-exchange": "spares" },
  });
  await exchange(vhost, "heads", { type: "headers" });
  await bind(vhost, { from: "spares", to: "spare" });
  const topics = ["#", "a.*", "a.#.b", "*", "", "#.#", "*.#.*", "a..b"];
  for (const [index, key] of topics.entries()) {
    await bind(vhost, { from: "topics", to: names[index % 3]!, key });
  }
  await bind(vhost, { from: "direct", to: "a", key: "x" });
  await bind(vhost, { from: "direct", to: "b", key: "y" });
  await bind(vhost, { from: "direct", to: "topics", key: "y" }, "e");
  const any = { "x-match": "any", n: 1, s: "text", "x-own": "seen" };
  await bind(vhost, { from: "heads", to: "a", arguments: any });
  await bind(vhost, { from: "heads", to: "b", arguments: { n: 1, s: "text" } });
  await bind(vhost, { from: "heads", to: "c", arguments: { flag: true } });
  await bind(vhost, { from: "heads", to: "spares" }, "e");
  const cc = { CC: { array: [{ str: "y" }] } };
  const keys = ["", "a", "a.b", "a.x.b", "a.x.y.b", "a..b", ".", "b.", "x.y.z"];
  await pikaPublish(broker, vhost.name, [
    ...keys.map((key) => message("topics", key)),
    ...["x", "y", "nowhere"].map((key) => message("direct", key)),
    message("direct", "x", cc),
    message("heads", "", { n: { int: "1" } }),
    message("heads", "", { n: { int: "1" }, s: { str: "text" } }),
    message("heads", "", { n: { str: "1" }, "x-own": { str: "seen" } }),
    message("heads", "", { flag: { bool: true } }),
    message("", "plain"),
  ]);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await purge(broker, vhost.name, names);

  const fanout = await fanoutOf(job, 7);
  assert.deepEqual([fanout.unknown, fanout.undelivered, fanout.notes], [0, 0, []]);
  const result = await job.restore(exchangeMode(job, ACCEPT), ["--json"]);
  assertOk(result);
  const found = await depths(broker, vhost.name, names);
  const total = Object.values(found).reduce((sum, depth) => sum + depth, 0);
  assert.equal(total, fanout.copies, JSON.stringify([found, fanout]));
  assert.equal(jsonLines(result, "summary")[0].copies, fanout.copies);
  assert.equal(found["plain"], 1);
});

testOnEach("messages that no exchange takes are kept, whatever their headers", async (broker) => {
  await using vhost = await testVhost(broker, "unroutable");
  const queue = await vhost.queue("orders");
  const events = { vhost: vhost.name, name: "events", queue: "orders" };
  await createBoundExchange(broker, events);
  const sent = await pikaGenerate(broker, queue, {
    count: 300,
    exchange: "events",
    priorities: [4],
  });
  await exchange(vhost, "gone", { type: "fanout" });
  await exchange(vhost, "inner", { type: "fanout" });
  for (const from of ["gone", "inner"]) await bind(vhost, { from, to: "orders" });
  sent.push(
    ...await pikaPublish(broker, vhost.name, [message("gone", "1"), message("inner", "2")]),
  );
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await purge(broker, vhost.name, ["orders"]);
  for (const name of ["gone", "inner"]) await remove(broker, `exchanges/${vhost.name}/${name}`);
  await exchange(vhost, "inner", { type: "fanout", internal: true });
  await remove(broker, `bindings/${vhost.name}/e/events/q/orders/%23`);

  const routed = sent.filter(({ exchange }) => exchange !== "").length;
  const result = await job.restore(exchangeMode(job, ACCEPT), ["--json"]);
  assertPartial(result);
  const [summary] = jsonLines(result, "summary");
  assert.deepEqual([summary.undelivered, summary.messages], [routed, sent.length - routed]);
  const direct = sent.filter(({ exchange }) => exchange === "");
  assertSameMessages(direct, await pikaRead(broker, queue), { routing: false });

  // Straight into the queue they all come back.
  const path = job.dir.join("undelivered");
  const [backupId] = summary.undelivered_backups;
  const env = { RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl, XDG_STATE_HOME: job.dir.join("state") };
  const args = ["-p", path, "-b", backupId, "--if-not-empty", "append"];
  assertOk(await runCli(["restore", ...args], { env }));
  const others = sent.filter(({ exchange }) => exchange !== "");
  assertSameMessages([...direct, ...others], await pikaRead(broker, queue), { routing: false });

  // Or nothing is accepted that is not delivered.
  await purge(broker, vhost.name, ["orders"]);
  const failed = await job.restore(exchangeMode(job, { ...ACCEPT, on_undelivered: "fail" }));
  assert.equal(failed.code, 5, allOf(failed));
});

testOnEach("bindings that do not tell, and a target that does not", async (broker) => {
  await using vhost = await testVhost(broker, "unknown");
  const queue = await vhost.queue("orders");
  await createBoundExchange(broker, { vhost: vhost.name, name: "events", queue: "orders" });
  await pikaPublish(broker, vhost.name, [message("events", "1"), message("", "orders")]);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await purge(broker, vhost.name, ["orders"]);

  // Nobody to ask: the backup's definitions stand in, and it is said.
  const config = { ...exchangeMode(job), target: { management_url: "http://127.0.0.1:1" } };
  const fanout = await fanoutOf(job, 0, config);
  assert.deepEqual([fanout.according_to, fanout.messages, fanout.copies], ["backup", 2, 2]);
  assert.match(fanout.notes[0], /so these figures are by those of the backup: .*refused/);
  assertOk(await job.restore(config));
  await waitForDepth(broker, queue, { depth: 2 });

  // An exchange of a type that chooses by more than bindings; 3.10 has none without plugins.
  if (broker.version === "3.10") return;
  await purge(broker, vhost.name, ["orders"]);
  await remove(broker, `exchanges/${vhost.name}/events`);
  await exchange(vhost, "events", { type: "x-local-random" });
  const plan = await fanoutOf(job, 7);
  assert.deepEqual([plan.unknown, plan.copies], [1, 1]);
});

testOnEach("through exchanges, an interrupted restore goes on", async (broker) => {
  await using vhost = await testVhost(broker, "resumed");
  const names = ["one", "two"];
  for (const name of names) await vhost.queue(name);
  await exchange(vhost, "events", { type: "fanout" });
  for (const name of names) await bind(vhost, { from: "events", to: name });
  const many = Array.from({ length: 150 }, (_, index) => message("events", `${index}`));
  await pikaPublish(broker, vhost.name, many);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await purge(broker, vhost.name, names);
  const slow = exchangeMode(job, { ...ACCEPT, window: 16, rate_limit_messages_per_sec: 60 });
  const run = await job.startRestore(slow, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"messages_done":[1-9]/);
  run.kill("SIGINT");
  assert.equal((await run.done).code, 130);
  const again = await job.restore(exchangeMode(job, ACCEPT), ["--json"]);
  assertOk(again);
  assert.equal(jsonLines(again, "summary")[0].possible_duplicates, 0);
  assert.deepEqual(await depths(broker, vhost.name, names), { one: 300, two: 300 });
});

Deno.test("exchanges by other names, the default one among them", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "renamed");
  for (const name of ["orders", "copies"]) await vhost.queue(name);
  await createBoundExchange(broker, { vhost: vhost.name, name: "events", queue: "orders" });
  await createBoundExchange(broker, { vhost: vhost.name, name: "archive", queue: "copies" });
  await pikaPublish(broker, vhost.name, [message("events", "1"), message("", "orders")]);
  await using job = await newJob(broker);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await purge(broker, vhost.name, ["orders"]);
  const mapping = { events: "archive", "amq.default": "archive" };
  const config = exchangeMode(job, { exchange_mapping: mapping });
  const fanout = await fanoutOf(job, 0, config);
  assert.deepEqual(
    fanout.exchanges.map((
      row: { exchange: string; messages: number },
    ) => [row.exchange, row.messages]),
    [["archive", 2]],
  );
  assertOk(await job.restore(config));
  assert.deepEqual(await depths(broker, vhost.name, ["orders", "copies"]), {
    orders: 0,
    copies: 2,
  });
});

testOnEach(
  "mapped to the default exchange: by routing key, to queues that are there",
  async (broker) => {
    await using vhost = await testVhost(broker, "default");
    await vhost.queue("orders");
    await exchange(vhost, "events", { type: "fanout" });
    await bind(vhost, { from: "events", to: "orders" });
    const all = [message("events", "orders"), message("events", "later")];
    await pikaPublish(broker, vhost.name, all);
    await using job = await newJob(broker);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    await deleteQueue(broker, { vhost: vhost.name, name: "orders" });
    const mapping = { exchange_mapping: { events: "amq.default" } };
    const figures = async (code: number, more: JobConfig = {}) => {
      const { messages, copies, undelivered } = await fanoutOf(job, code, {
        ...exchangeMode(job, mapping),
        ...more,
      });
      return [messages, copies, undelivered];
    };

    // The restore will make one of the two queues, whoever is asked for the bindings.
    assert.deepEqual(await figures(7), [2, 1, 1]);
    const unasked = { target: { management_url: "http://127.0.0.1:1" } };
    assert.deepEqual(await figures(7, unasked), [2, 1, 1]);
    const result = await job.restore(exchangeMode(job, { ...mapping, ...ACCEPT }), ["--json"]);
    assertPartial(result);
    const [summary] = jsonLines(result, "summary");
    assert.deepEqual([summary.messages, summary.copies, summary.undelivered], [1, 1, 1]);

    // Once the other is there, it takes its message.
    await vhost.queue("later");
    await purge(broker, vhost.name, ["orders"]);
    assert.deepEqual(await figures(0), [2, 2, 0]);
    assertOk(await job.restore(exchangeMode(job, mapping)));
    assert.deepEqual(await depths(broker, vhost.name, ["orders", "later"]), {
      orders: 1,
      later: 1,
    });
  },
);

testOnEach(
  "what one of several queues rejects: counted apart from the sure ones",
  async (broker) => {
    await using vhost = await testVhost(broker, "rejects");
    const names = ["one", "full"];
    await exchange(vhost, "events", { type: "fanout" });
    for (const name of names) {
      await vhost.queue(name);
      await bind(vhost, { from: "events", to: name });
    }
    const count = 20;
    await pikaPublish(
      broker,
      vhost.name,
      Array.from({ length: count }, (_, n) => message("events", `${n}`)),
    );
    await using job = await newJob(broker);
    assertOk(await job.backup({ vhosts: [vhost.name] }));
    await purge(broker, vhost.name, names);
    await put(broker, `policies/${vhost.name}/limit`, {
      pattern: "^full$",
      "apply-to": "queues",
      definition: { "max-length": 5, overflow: "reject-publish" },
    });
    const config = exchangeMode(job, { ...ACCEPT, queues: { include: ["one"] } });
    const result = await job.restore(config, ["--json"]);
    assertPartial(result);
    const [summary] = jsonLines(result, "summary");
    const found = await depths(broker, vhost.name, names);
    assert.ok(found.full! >= 5 && found.full! < count, JSON.stringify(found));
    assert.equal(summary.messages, found.full);
    assert.deepEqual([summary.copies, summary.copies_unsure, summary.undelivered], [
      2 * found.full!,
      count - found.full!,
      count - found.full!,
    ]);
    // Those that it rejected went to the other all the same.
    assert.equal(found.one, count);
  },
);
