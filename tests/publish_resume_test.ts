/** Connections that are lost on the way: a restore goes on by itself, and says what may be there twice. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { allOf, assertFailed, assertOk, load, type Loaded, runPrinted } from "./helpers/failure.ts";
import { type Job, jsonLines, newJob } from "./helpers/job.ts";
import { type PikaMessage, pikaRead } from "./helpers/pika.ts";
import type { CliRun } from "./helpers/cli.ts";
import { deleteQueue, type TestVhost, testVhost, waitUntil } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

const COUNT = 1500;
const WINDOW = 256;
const HEADER = "x-restore-id";
/** Slow enough that all cuts fall into the run: messages a second of both queues together. */
const RATE = 500;
const CUTS = 8;

async function backedUp(broker: Broker, vhost: TestVhost, job: Job): Promise<Loaded[]> {
  const loaded = [
    await load(broker, await vhost.queue("classic"), COUNT),
    await load(broker, await vhost.queue("quorum", { type: "quorum" }), COUNT),
  ];
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  return loaded;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Asks whether the run has connected once more since, or has ended. */
function connectedAfter(run: CliRun): () => boolean {
  const count = () => run.stdout.split("Connected again").length;
  const before = count();
  return () => count() > before || run.stdout.includes('"summary"');
}

/** The place in the backup that the header tells, and all messages that tell it. */
function byPlace(found: readonly PikaMessage[], vhost: string, queue: string) {
  const prefix = `test/${encodeURIComponent(vhost)}/${queue}/`;
  return Map.groupBy(found, ({ headers }) => {
    const { str: id } = headers[HEADER] as { str: string };
    assert.ok(id.startsWith(prefix), id);
    return Number(id.slice(prefix.length));
  });
}

testOnEach("a connection that is cut again and again", async (broker) => {
  await using vhost = await testVhost(broker, "resume");
  await using job = await newJob(broker);
  const loaded = await backedUp(broker, vhost, job);
  await using proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  const run = await job.startRestore({
    target: { amqp_url: proxy.through(broker).amqpUrl },
    restore: {
      window: WINDOW,
      dedupe_header: HEADER,
      rate_limit_messages_per_sec: RATE,
      reconnect_secs: 60,
    },
  }, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"messages_done":[1-9]/);
  for (let cut = 0; cut < CUTS; cut++) {
    // Some of them in the midst of confirms that are on their way.
    if (cut % 3 === 0) proxy.stallAfter(cut * 50);
    await pause(100 + 37 * (cut % 4));
    const isBack = connectedAfter(run);
    proxy.cut();
    await waitUntil(isBack, { what: "the next connection", timeoutMs: 30_000 });
  }
  const result = await run.done;
  assert.equal(result.code, 0, allOf(result));
  const [summary] = jsonLines(result, "summary");
  assert.equal(summary.messages, 2 * COUNT);
  assert.ok(summary.reconnects >= CUTS / 2, `${summary.reconnects}`);

  let twice = 0;
  for (const { queue, sent } of loaded) {
    const found = await pikaRead(broker, queue);
    const places = byPlace(found, queue.vhost, queue.name);
    assert.deepEqual(places.size, sent.length);
    for (const [index, message] of sent.entries()) {
      // All that tell the same place are the same message, and it is the one that was there.
      for (const one of places.get(index + 1) ?? assert.fail(`${index + 1} is missing`)) {
        assert.deepEqual([one.body, one.body_sha256], [message.body, message.body_sha256]);
        assert.deepEqual({ ...one.headers, [HEADER]: undefined }, {
          ...message.headers,
          [HEADER]: undefined,
        });
      }
    }
    const doubles = found.length - sent.length;
    assert.ok(doubles <= WINDOW * (CUTS + 1), `${doubles} doubles`);
    twice += doubles;
  }
  assert.ok(
    twice <= summary.possible_duplicates,
    `${twice} are there twice, ${summary.possible_duplicates} were told`,
  );
});

testOnEach("a broker that does not come back: the command that goes on is told", async (broker) => {
  await using vhost = await testVhost(broker, "resume");
  await using job = await newJob(broker);
  const loaded = await backedUp(broker, vhost, job);
  const proxy = TcpProxy.inFrontOf(broker.amqpUrl);
  const run = await job.startRestore({
    target: { amqp_url: proxy.through(broker).amqpUrl },
    restore: { window: WINDOW, rate_limit_messages_per_sec: RATE, reconnect_secs: 2 },
  }, ["--progress-interval", "100ms"]);
  await run.waitFor(/[1-9]\d* of 3,000 messages/);
  await proxy[Symbol.asyncDispose]();
  const result = await run.done;
  assertFailed(result, {
    code: 5,
    error: /^Cannot go on with the restore: no connection for 2 s \(Cannot connect to /,
    hint: /go on with: .*restore --config/,
  });
  assert.match(
    result.stderr,
    /Waiting for 127.*: the connection was lost .*for up to 2 s to conne/,
  );

  // The same command, once the broker is back (here: at its own address).
  await job.restoreArgs({ restore: { window: WINDOW } });
  const scope = `UPDATE run SET scope = '${
    new URL(broker.amqpUrl).host
  }' WHERE operation = 'restore'`;
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(job.dir.join("state.db"));
  db.exec(scope);
  db.close();
  const again = await runPrinted(result);
  assert.equal(again.code, 0, allOf(again));
  for (const { queue, sent } of loaded) {
    const found = await pikaRead(broker, queue);
    assert.ok(found.length >= sent.length && found.length <= sent.length + WINDOW);
  }
});

testOnEach("killed while a rate held it back: few messages may be there twice", async (broker) => {
  await using vhost = await testVhost(broker, "resume");
  await using job = await newJob(broker);
  const { queue, sent } = await load(broker, await vhost.queue("classic"), 200);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  // A window that would hold all of it.
  const slow = { restore: { window: 1000, rate_limit_messages_per_sec: 40 } };
  const run = await job.startRestore(slow, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"messages_done":[1-9]\d/);
  run.kill("SIGKILL");
  await run.done;
  const again = await job.restore({ restore: { window: 1000 } }, ["--json"]);
  assertOk(again);
  const [summary] = jsonLines(again, "summary");
  const extra = (await pikaRead(broker, queue)).length - sent.length;
  assert.ok(extra <= summary.possible_duplicates, `${extra} more`);
  // What a tenth of a second lets out, and what of the one before was not confirmed yet.
  assert.ok(summary.possible_duplicates <= 2 * 4, `${summary.possible_duplicates} were told`);
  assert.ok(summary.messages < sent.length - 5);
  assert.equal(summary.messages_in_all, sent.length);
});

Deno.test("the same broker by another address: the unfinished restore is named", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "resume");
  await using job = await newJob(broker);
  const { queue, sent } = await load(broker, await vhost.queue("classic"), 200);
  assertOk(await job.backup({ vhosts: [vhost.name] }));
  await deleteQueue(broker, queue);
  const slow = { restore: { window: 16, rate_limit_messages_per_sec: 40 } };
  const run = await job.startRestore(slow, ["--json", "--progress-interval", "100ms"]);
  await run.waitFor(/"messages_done":[1-9]\d/);
  run.kill("SIGINT");
  await run.done;
  const address = broker.amqpUrl.replace("127.0.0.1", "localhost");
  const other = { target: { amqp_url: address } };
  for (const flags of [["--dry-run"], []]) {
    const result = await job.restore(other, flags);
    assert.equal(result.code, 7, allOf(result));
    assert.match(
      result.stderr,
      /An unfinished restore of "test" into 127\.0\.0\.1:\d+ is known, and this one, into localhost/,
    );
    assert.match(result.stderr, /Hint: if both are the same broker, write its address as it was/);
  }
  const again = await job.restore({ restore: { window: 16 } });
  assertOk(again);
  assert.doesNotMatch(again.stderr, /is known/);
  assert.equal((await pikaRead(broker, queue)).length, sent.length);
});
