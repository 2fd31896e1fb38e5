/** Streams by AMQP 0-9-1: what stands at their end, and what is left of an interrupted backup. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { concat } from "./helpers/amqp_wire.ts";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { runCli } from "./helpers/cli.ts";
import { publishEntries } from "./helpers/direct_streams.ts";
import { allOf, assertOk, filesBelow } from "./helpers/failure.ts";
import { newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaPublish, pikaRead } from "./helpers/pika.ts";
import { deleteQueue, testVhost, waitUntil } from "./helpers/queues.ts";
import { TcpProxy } from "./helpers/tcp_proxy.ts";

/** Nothing listens there. */
const CLOSED = { stream_port: 1 };
/** Nothing here depends on the version, where not all are asked. */
const shared: Broker = brokers().at(-1)!;

// deno-lint-ignore no-explicit-any
function entryOf({ queues, skipped }: any, name: string): any {
  const entry = queues.find((one: { name: string }) => one.name === name);
  assert.ok(entry !== undefined, JSON.stringify(skipped));
  return entry;
}

/** Only a body. */
const plain = (text: string) => Uint8Array.of(0, 0x53, 0x75, 0xa0, text.length, ...toBytes(text));
const toBytes = (text: string) => new TextEncoder().encode(text);
const batchOf = (messages: readonly Uint8Array[]) => {
  const content = concat(...messages.flatMap((one) => [Uint8Array.of(0, 0, 0, one.length), one]));
  return { content, records: messages.length };
};

// 3.10 ends the connection over them.
for (const broker of brokers().filter(({ version }) => version !== "3.10")) {
  Deno.test(
    `batches behind the last message that comes are named (RabbitMQ ${broker.version})`,
    () => backUpTails(broker),
  );
}

async function backUpTails(broker: Broker): Promise<void> {
  await using vhost = await testVhost(broker, "stream-amqp-tail");
  await using job = await newJob(broker);
  const singles = Array.from({ length: 300 }, (_, index) => ({ body: plain(`m${index}`) }));
  const { content, records } = batchOf([plain("a"), plain("b"), plain("c")]);
  const batch = { codec: 1, uncompressedSize: content.length };
  const compressed = { body: new Uint8Array(gzipSync(content)), records, batch };
  // Whether the batch is in a chunk with messages, the broker decides: of several one is.
  for (const name of ["a", "b", "c", "d"]) {
    const queue = await vhost.queue(name, { type: "stream" });
    await publishEntries(broker, queue, [...singles, compressed]);
  }
  const source = { queues: { vhosts: [vhost.name] }, ...CLOSED };
  const result = await job.backup({ source, backup: { stream_protocol: "amqp" } });
  assert.equal(result.code, 3, allOf(result));
  const { queues, skipped } = await job.manifest();
  assert.ok(queues.length > 0, JSON.stringify(skipped));
  for (const { amqp_stream, message_count, partial } of queues) {
    assert.deepEqual(amqp_stream.gaps, [{ first: 300, last: 302 }]);
    assert.equal(message_count, 300);
    assert.match(partial, /offsets 300 to 302 did not come by AMQP 0-9-1: compressed batches/);
  }
  for (const { reason } of skipped) assert.match(reason, /the last ones do not come/);
}

Deno.test("a chunk with more messages than a consumer may hold is read whole", async () => {
  await using vhost = await testVhost(shared, "stream-amqp-wide");
  await using job = await newJob(shared);
  const queue = await vhost.queue("s", { type: "stream" });
  const { content, records } = batchOf(Array.from({ length: 10_000 }, () => plain("m")));
  const batch = { codec: 0, uncompressedSize: content.length };
  const wide = { body: content, records, batch };
  await publishEntries(shared, queue, Array.from({ length: 10 }, () => wide));
  const source = { queues: { vhosts: [vhost.name] }, ...CLOSED };
  assertOk(await job.backup({ source, backup: { stream_protocol: "amqp" } }));
  const { amqp_stream, message_count } = entryOf(await job.manifest(), "s");
  assert.deepEqual([message_count, amqp_stream.gaps], [100_000, []]);
});

Deno.test(
  "finish keeps what is stored of a stream that was read by AMQP 0-9-1",
  async () => {
    await using vhost = await testVhost(shared, "stream-amqp-finish");
    await using proxy = TcpProxy.inFrontOf(shared.amqpUrl);
    await using job = await newJob(shared);
    const queue = await vhost.queue("s", { type: "stream" });
    const body = btoa("y".repeat(3_000));
    await pikaPublish(
      shared,
      vhost.name,
      Array.from({ length: 1_500 }, () => ({ routing_key: "s", body })),
    );
    const sent = await pikaRead(shared, queue, { stream: true, count: 1_500 });
    const { amqpUrl } = proxy.through(shared);
    proxy.stallAfter(3_000_000);
    await Deno.mkdir(job.backups);
    const killed = await job.startBackup({
      source: { queues: { vhosts: [vhost.name] }, ...CLOSED, amqp_url: amqpUrl },
      backup: { stream_protocol: "amqp", segment_max_bytes: 256 * 1024 },
    });
    const isStored = async () =>
      (await filesBelow(job.backups)).filter((file) => /segment-/.test(file)).length > 2;
    await waitUntil(isStored, { what: "segments to be stored", timeoutMs: 60_000 });
    killed.kill("SIGKILL");
    await killed.done;
    const finished = await runCli([
      ...["finish", "-p", job.backups, "-b", "test"],
      ...["--db-path", job.dir.join("state.db"), "--spool-dir", job.dir.join("spool")],
    ]);
    assert.equal(finished.code, 3, allOf(finished));
    const { amqp_stream, message_count, partial } = entryOf(await job.manifest(), "s");
    assert.equal(amqp_stream.last_offset, 1_499);
    assert.ok(message_count > 100 && message_count < 1_500, `${message_count}`);
    assert.equal(
      partial,
      `the backup was interrupted before offsets ${message_count} to 1499`,
    );
    assertOk(await job.validate());
    await deleteQueue(shared, queue);
    assertOk(await job.restore());
    const back = await pikaRead(shared, queue, { stream: true, count: message_count });
    assertSameMessages(sent.slice(0, message_count), back, { routing: false });
  },
);
