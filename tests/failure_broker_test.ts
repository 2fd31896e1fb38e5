/** Brokers that die, hang, throw clients out, lose a queue or run out of memory in the middle. */
import assert from "node:assert/strict";
import { type Broker, brokers, startBroker } from "./helpers/brokers.ts";
import {
  allOf,
  assertFailed,
  assertNothingLeft,
  assertOk,
  assertPartial,
  assertWhole,
  listed,
  load,
} from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import {
  deleteQueue,
  management,
  queueDepth,
  remove,
  testVhost,
  waitForDepth,
  waitUntil,
} from "./helpers/queues.ts";

const all = brokers();
const shared: Broker = all.at(-1)!;

/**
 * Seconds; the broker and the tool give each other up after two of them. Not shorter: the flow stands
 * still for as long as rabbitmqctl takes.
 */
const HEARTBEAT = 5;
const LOST = {
  code: 5,
  // One of the queues may be just about to connect.
  error: /^Cannot (?:go on with|connect to) 127\.0\.0\.1:\d+: /,
  hint: /run the same command again to go on where it stopped/,
};

Deno.test("a broker that hangs, is killed, or runs out of room", async (context) => {
  await using broker = await startBroker(shared.version, {
    config: `heartbeat = ${HEARTBEAT}\nssl_options.fail_if_no_peer_cert = true`,
  });
  await using middle = await Middle.of(broker);
  const { proxy, job } = middle;

  await context.step("a client certificate is asked for", async () => {
    const source = { amqp_url: broker.amqpsUrl, tls: { ca_cert: broker.tls.caCert } };
    const management_url = broker.managementUrl;
    assertFailed(await job.backup({ source: { management_url, ...source } }), {
      code: 5,
      error: /^Cannot connect to .*: the broker did not accept our TLS certificate$/,
      hint: /set tls.client_cert and tls.client_key/,
    });
  });

  await context.step("it hangs while a queue is read", async () => {
    const run = await middle.reading();
    await broker.suspend();
    proxy.resume();
    const result = await within(run, 6 * HEARTBEAT * 1_000);
    await broker.resume();
    assertFailed(result, { ...LOST, error: /the connection was lost \(.*[Hh]eartbeat.*\)$/ });
  });

  await context.step("it is killed while a queue is read", async () => {
    const run = await middle.reading();
    await broker.kill();
    proxy.resume();
    assertFailed(await within(run), LOST);
    assertFailed(await job.backup(middle.config), {
      code: 5,
      error: /^Cannot ask the broker at http:.*: connection refused/,
      hint: /management_url/,
    });
    assert.equal((await listed(job))["test"].state, "unfinished");
    await broker.restart();
    await middle.assertBackupGoesOn();
  });

  await context.step("it is killed while a queue is read, and comes back in time", async () => {
    await Deno.remove(job.backups, { recursive: true });
    const run = await middle.reading({ reconnect_secs: 120 });
    await broker.kill();
    proxy.resume();
    await run.waitFor(/"message":"Waiting for .*for up to 120 s to connect again"/);
    await broker.restart();
    const result = await within(run, 120_000);
    await middle.assertBackedUp(result);
    assert.equal(jsonLines(result, "summary")[0].reconnects, 1);
  });

  await context.step("it is killed while a queue is restored", async () => {
    const run = await middle.publishing();
    // RabbitMQ writes its list of quorum queues lazily.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await broker.kill();
    proxy.resume();
    assertFailed(await within(run), LOST);
    await broker.restart();
    // The queues replay their logs, and are short for as long as that takes.
    for (const { queue } of middle.loaded) {
      let before = 0;
      const isSteady = async () => {
        const last = before;
        before = await queueDepth(broker, queue) ?? 0;
        return before > 0 && before === last;
      };
      await waitUntil(isSteady, { what: `the messages of ${queue.name}` });
    }
    await middle.assertRestoreGoesOn();
  });

  await context.step("it is killed while a queue is restored, and comes back in time", async () => {
    const run = await middle.publishing({ reconnect_secs: 120 });
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // see above
    await broker.kill();
    proxy.resume();
    await run.waitFor(/"message":"Waiting for .*for up to 120 s to connect again"/);
    await broker.restart();
    await middle.assertRestored(await within(run, 120_000));
  });

  await context.step("it runs out of room while a queue is restored", async () => {
    const run = await middle.publishing();
    await broker.rabbitmqctl("set_disk_free_limit", `${2 ** 60}`);
    proxy.resume();
    await run.waitFor(/"message_type":"warning".*the target does not take messages for now.*disk/);
    // Longer than a connection may be silent.
    let ended = false;
    run.done.then(() => ended = true);
    await new Promise((resolve) => setTimeout(resolve, 3 * HEARTBEAT * 1_000));
    assert.equal(ended, false, allOf({ ...run, code: 0, signal: null }));
    await broker.rabbitmqctl("set_disk_free_limit", "50MB");
    assertOk(await within(run));
    await assertWhole(broker, ...middle.loaded);
  });
});

Deno.test("a broker that throws clients out", async (context) => {
  await using middle = await Middle.of(shared);
  const { proxy, loaded } = middle;
  const throwOut = async () => {
    const path = `vhosts/${loaded[0]!.queue.vhost}/connections`;
    let open: { name: string }[] = [];
    await waitUntil(
      async () => (open = await management(shared, path) as typeof open).length > 0,
      { what: "connections in the management API" },
    );
    const closed = open.map(({ name }) =>
      remove(shared, `connections/${encodeURIComponent(name)}`)
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    proxy.resume();
    await Promise.all(closed);
  };
  const thrownOut = { ...LOST, error: /the connection was lost \(.*CONNECTION_FORCED/ };
  await context.step("while a queue is read", async () => {
    const run = await middle.reading();
    await throwOut();
    assertFailed(await within(run), thrownOut);
    await middle.assertBackupGoesOn();
  });
  await context.step("while a queue is read, which is gone on with", async () => {
    await Deno.remove(middle.job.backups, { recursive: true });
    const run = await middle.reading({ reconnect_secs: 60 });
    await throwOut();
    await middle.assertBackedUp(await within(run, 60_000));
  });
  await context.step("while a queue is restored", async () => {
    const run = await middle.publishing();
    await throwOut();
    assertFailed(await within(run), thrownOut);
    await middle.assertRestoreGoesOn();
  });
});

Deno.test("a queue that is deleted while it is read", async () => {
  await using middle = await Middle.of(shared);
  const { proxy, job, loaded: [first, second] } = middle;
  const run = await middle.reading();
  await deleteQueue(shared, first!.queue);
  proxy.resume();
  assertPartial(
    await within(run),
    /"queue":"first",.*"outcome":"failed".*Cannot read queue \\"first\\" to its end/,
    /"queue":"second",.*"outcome":"ok","messages":500/,
  );
  const manifest = await job.manifest();
  assert.equal(manifest.state, "partial");
  assert.deepEqual(manifest.skipped.map(({ name }: { name: string }) => name), ["first"]);
  assertOk(await job.validate());
  await assertNothingLeft(job);
  await assertWhole(shared, second!);
});

Deno.test("a quorum queue without a leader says that it is empty, and is not believed", async () => {
  for (const broker of new Set([all[0]!, shared])) {
    await using vhost = await testVhost(broker, "leaderless");
    const dead = await load(broker, await vhost.queue("dead", { type: "quorum" }));
    const alive = await load(broker, await vhost.queue("alive"));
    await vhost.queue("empty", { type: "quorum" });
    const server = `{list_to_atom("${vhost.name}_dead"), node()}`;
    await broker.rabbitmqctl("eval", `ra:stop_server(quorum_queues, ${server}).`);
    await using job = await newJob(broker);
    assertPartial(
      await job.backup({ vhosts: [vhost.name] }),
      /dead \(leaderless-.*\): Cannot read queue "dead": it has no leader/,
      /Hint: are enough nodes up\?/,
    );
    assert.deepEqual(
      (await job.manifest()).queues.map(({ name }: { name: string }) => name),
      ["alive", "empty"],
    );
    await broker.rabbitmqctl("eval", `ra:restart_server(quorum_queues, ${server}).`);
    await waitForDepth(broker, dead.queue, { depth: dead.sent.length });
    assertOk(await job.backup({ backupId: "again", vhosts: [vhost.name] }));
    assert.equal((await job.manifest("again")).total_messages, 100);
    await assertWhole(broker, alive, dead);
  }
});
