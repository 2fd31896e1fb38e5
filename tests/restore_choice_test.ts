/** A restore takes the messages that are chosen, in order, and reads no more segments than it has to. */
import assert from "node:assert/strict";
import type { Message } from "../src/message/message.ts";
import { encodeProperties } from "../src/message/properties.ts";
import { openStorage } from "../src/storage/open.ts";
import { buildBackup } from "./archive/build_backup.ts";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { assertFailed, assertOk } from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { within } from "./helpers/middle.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { deleteQueue, testVhost } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const shared = brokers().at(-1)!;
const bytes = (text: string) => new TextEncoder().encode(text);
/** When the first message of the built backup was read; the others follow second by second. */
const START = Date.parse("2025-03-04T05:00:00Z");
const COUNT = 40;

/** Forty messages "0" to "39", read a second apart; every fourth has no timestamp of its own. */
function messages(count = COUNT): Message[] {
  return Array.from({ length: count }, (_, index) => {
    const body = bytes(String(index));
    const tenant = index % 3 === 0 ? "acme.eu" : "other";
    const properties = encodeProperties({
      headers: [[bytes("tenant"), { tag: "S", value: bytes(tenant) }]],
      deliveryMode: 2,
      ...(index % 4 === 3 ? {} : { timestamp: BigInt(1_000_000 - index) }),
    });
    const head = {
      capturedAt: START + index * 1000,
      redelivered: false,
      exchange: bytes(index % 2 === 0 ? "" : "events"),
      routingKey: bytes(index < 20 ? "order.new" : "order.paid"),
      properties,
      bodySize: body.length,
    };
    return { head, body };
  });
}

/** A backup of the queue `orders` in segments, in a job's storage. */
async function build(
  job: Job,
  { vhost, formatVersion = 2, all = messages(), perSegment = 10 }: {
    vhost: string;
    formatVersion?: 1 | 2;
    all?: Message[];
    perSegment?: number;
  },
) {
  const segments = Array.from(
    { length: all.length / perSegment },
    (_, n) => all.slice(n * perSegment, (n + 1) * perSegment),
  );
  const storage = await openStorage({ backend: "filesystem", path: job.backups, prefix: "" });
  try {
    return await buildBackup(storage, {
      backupId: "test",
      queues: [{ vhost, name: "orders", segments }],
      formatVersion,
    });
  } finally {
    await storage.close();
  }
}

async function restored(
  client: PlainClient,
  job: Job,
  restore: Record<string, unknown>,
) {
  const result = await job.restore({ restore }, ["--json"]);
  assertOk(result);
  const [done] = jsonLines(result, "queue_done");
  const [summary] = jsonLines(result, "summary");
  assert.equal(summary.messages_left_out, done.left_out ?? 0);
  const bodies = (await client.take("orders")).map(({ body }) => Number(body));
  assert.equal(done.messages, bodies.length);
  assert.equal(bodies.length + (done.left_out ?? 0), COUNT);
  const steps = jsonLines(result, "step").map(({ message }) => message);
  return { bodies, done, steps };
}

const numbers = (keep: (number: number) => boolean) =>
  Array.from({ length: COUNT }, (_, index) => index).filter(keep);

testOnEach("a time window: its messages, and no segment that has none of them", async (broker) => {
  await using vhost = await testVhost(broker, "window");
  await using client = await PlainClient.open(broker, vhost.name);
  for (const formatVersion of [1, 2] as const) {
    await using job = await newJob(broker);
    const { queues: [queue] } = await build(job, { vhost: vhost.name, formatVersion });
    // Whoever reads them finds nothing.
    for (const outside of [0, 3]) {
      await Deno.remove(`${job.backups}/${queue!.segments[outside]!.key}`);
    }
    const restore = {
      time_window_start: "2025-03-04T06:00:15+01:00",
      time_window_end: START + 24_000,
    };
    const plan = await job.restore({ restore }, ["--dry-run", "--json"]);
    assertOk(plan);
    const { time_window, queues: [planned], estimate } = JSON.parse(plan.stdout);
    assert.deepEqual(time_window, {
      start: "2025-03-04T05:00:15.000Z",
      end: "2025-03-04T05:00:24.000Z",
      field: "backed_up_at",
    });
    const { at_least, at_most, segments, messages } = planned;
    assert.deepEqual({ at_least, at_most, segments, messages }, {
      at_least: 0,
      at_most: 20,
      segments: 2,
      messages: 40,
    });
    assert.equal(estimate.seconds, 1);
    const { bodies, steps } = await restored(client, job, restore);
    assert.deepEqual(bodies, numbers((n) => n >= 15 && n <= 24));
    const told = "from 2025-03-04T05:00:15.000Z up to 2025-03-04T05:00:24.000Z";
    assert.ok(steps.includes(`Only messages whose backed_up_at is ${told}`), String(steps));
    // The deleted ones are missed as soon as they are asked for.
    assertFailed(await job.restore({ restore: { time_window_end: START + 24_000 } }), {
      code: 4,
      error: /segment-0001.*: it is missing$/,
      hint: /^Hint: validate --deep/,
    });
    await deleteQueue(broker, { vhost: vhost.name, name: "orders" });
  }
});

testOnEach("messages by what they carry, and by number", async (broker) => {
  await using vhost = await testVhost(broker, "carry");
  await using client = await PlainClient.open(broker, vhost.name);
  await using job = await newJob(broker);
  await build(job, { vhost: vhost.name });
  const cases: [Record<string, unknown>, (n: number) => boolean][] = [
    [{ messages: { headers: ["tenant=acme.*"] } }, (n) => n % 3 === 0],
    [
      { messages: { exchanges: "amq.default", routing_keys: "~paid$" } },
      (n) => n % 2 === 0 && n >= 20,
    ],
    [
      { messages: { headers: "tenant=other" }, max_messages_per_queue: 4 },
      (n) => [1, 2, 4, 5].includes(n),
    ],
    [{ max_messages_per_queue: 13 }, (n) => n < 13],
    [{ time_window_start: START + 35_000, max_messages_per_queue: 2 }, (n) => n === 35 || n === 36],
    [{ messages: { headers: ["none"] } }, () => false],
  ];
  for (const [restore, keep] of cases) {
    const { bodies } = await restored(client, job, restore);
    assert.deepEqual(bodies, numbers(keep), JSON.stringify(restore));
  }
  const timed = await restored(client, job, {
    time_window_field: "timestamp",
    time_window_end: "1970-01-12T13:46:30Z", // 999,990 seconds
  });
  assert.deepEqual(timed.bodies, numbers((n) => n >= 10 && n % 4 !== 3));
  assert.equal(timed.done.without_timestamp, 10);
});

Deno.test("what is left out is told to people as well", async () => {
  await using vhost = await testVhost(shared, "told");
  await using job = await newJob(shared);
  await build(job, { vhost: vhost.name });
  const restore = { time_window_field: "timestamp", time_window_start: 0 };
  const plan = await job.restore({ restore }, ["--dry-run"]);
  assertOk(plan);
  assert.match(plan.stdout, /^Messages +with a timestamp from 1970-01-01T00:00:00.000Z$/m);
  assert.match(plan.stdout, /orders +classic +40 +0 to 40 +create and fill$/m);
  assert.match(plan.stdout, /^1 queue with at most 40 messages would be restored, 0 skipped/m);
  const result = await job.restore({ restore }, ["-v"]);
  assertOk(result);
  assert.match(
    result.stdout,
    /^Left out +10 messages that were not chosen, of which 10 have no t/m,
  );
  assert.match(result.stderr, /orders \(told-.*\): 30 messages, 10 not chosen, /);
});

testOnEach(
  "an interrupted restore goes on under the choice that it was begun with",
  async (broker) => {
    await using vhost = await testVhost(broker, "goes-on");
    await using client = await PlainClient.open(broker, vhost.name);
    await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
    await using job = await newJob(proxy.through(broker));
    // Read while this runs, as times from now are to cut it.
    const all = messages(600).map(({ head, body }, index) => {
      const whole = new Uint8Array(20_000);
      whole.set(body);
      const capturedAt = Date.now() - 7_200_000 + (index < 50 ? 0 : 3_600_000 + index);
      return { head: { ...head, capturedAt, bodySize: whole.length }, body: whole };
    });
    await build(job, { vhost: vhost.name, all, perSegment: 100 });
    const numbered = (body: string) => Number(body.slice(0, body.indexOf("\0")));
    const expected = all.map(({ body }) => numbered(new TextDecoder().decode(body)))
      .filter((n) => n >= 50 && n % 3 === 0).slice(0, 150);
    const restore = {
      window: 5,
      time_window_start: "-1h30m",
      messages: { headers: ["tenant=acme*"] },
      max_messages_per_queue: 150,
    };
    proxy.stallAfter(2_000);
    const run = await job.startRestore({ restore }, ["--json", "--progress-interval", "100ms"]);
    await run.waitFor(/"phase":"publishing","messages_done":[1-9]/);
    run.kill("SIGKILL");
    proxy.resume();
    await within(run);
    const windowOf = async () => {
      const plan = await job.restore({ restore }, ["--dry-run", "--json"]);
      assertOk(plan);
      const { time_window, queues: [{ restored_before }] } = JSON.parse(plan.stdout);
      return { start: Date.parse(time_window.start), before: restored_before };
    };

    // 1. Not with other messages, nor elsewhere.
    for (const other of [{ max_messages_per_queue: 100 }, { queue_mapping: { orders: "x" } }]) {
      const [key] = Object.keys(other);
      const failure = {
        code: 7,
        error: new RegExp(
          `^Cannot go on with the restore of "test" .*\\(restore\\.${key} differs\\)$`,
        ),
        hint: /^Hint: give the choice that it was begun with/,
      };
      const refused = { restore: { ...restore, ...other } };
      assertFailed(await job.restore(refused), failure);
      assertFailed(await job.restore(refused, ["--dry-run"]), failure);
    }

    // 2. As it was begun: the time from now stays, and each message comes, the last few perhaps twice.
    const first = await windowOf();
    assert.ok(first.before > 0 && first.before < 150, `behind ${first.before}`);
    assert.equal((await windowOf()).start, first.start);
    const last = await job.restore({ restore }, ["--json"]);
    assertOk(last);
    const [{ possible_duplicates: twice, messages_left_out }] = jsonLines(last, "summary");
    assert.equal(messages_left_out, 450);
    const bodies = (await client.take("orders")).map(({ body }) => numbered(body));
    const once = bodies.filter((body, index) => bodies.indexOf(body) === index);
    assert.deepEqual(once, expected);
    assert.ok(bodies.length - once.length <= twice, `${bodies.length} with ${twice} twice`);

    // 3. Done, it begins anew, and so does the time.
    const anew = await windowOf();
    assert.equal(anew.before, undefined);
    assert.ok(anew.start > first.start);
  },
);
