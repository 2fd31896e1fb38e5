/** Backups of the earlier tool restored, and written in its format, on real brokers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Compression } from "../src/archive/layout.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { assertSameMessages, pikaGenerate, type PikaMessage, pikaRead } from "./helpers/pika.ts";
import {
  createBoundExchange,
  createVhost,
  deleteQueue,
  management,
  queueDepth,
  TestVhost,
  testVhost,
} from "./helpers/queues.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { assertReadersAgree, readWithPython } from "./helpers/readers.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

const FIXTURES = join(import.meta.dirname ?? ".", "fixtures", "rbak-v1");
const CODECS: Compression[] = ["zstd", "lz4", "none"];
/** The fixtures' vhost; no other test may use it. */
const VHOST = "fx";

testOnEach("backups of the earlier tool come back as pika had read the queues", async (broker) => {
  await using state = await tempDir();
  await using _vhost = await fixtureVhost(broker);
  for (const codec of CODECS) {
    const id = `v1-${codec}`;
    const restored = await restoreByFlags(broker, { path: FIXTURES, id, state });
    assert.equal(restored.code, 0, restored.stderr);
    const expected = await readJson(join(FIXTURES, `${id}.expected.json`));
    const { queues } = await readJson(join(FIXTURES, id, "manifest.json"));
    for (const { name, queue_type } of queues) {
      const there = await queueOf(broker, name);
      assert.equal(there.durable, true);
      assert.deepEqual(there.arguments, { "x-queue-type": queue_type });
      const found = await pikaRead(broker, { vhost: VHOST, name }, { ack: true, fullBody: true });
      const sorted = queue_type === "quorum" ? byPriority : (all: FixtureMessage[]) => all;
      assert.deepEqual(
        sorted(found.map(inFixtureForm)),
        sorted(expected[name].map(directTo(name))),
      );
      await deleteQueue(broker, { vhost: VHOST, name });
    }
  }
});

testOnEach("names that the earlier tool wrote as they are", async (broker) => {
  await using dir = await tempDir();
  await using _vhost = await fixtureVhost(broker);
  const names = ["fx/odd name é", "Ünïcode ß", "UPPER.case-_"];
  const args = { "x-max-length": 1000, "x-overflow": "reject-publish" };
  await renamedFixture(dir, { names, args });
  const restored = await restoreByFlags(broker, { path: dir.path, id: "v1-none", state: dir });
  assert.equal(restored.code, 0, restored.stderr);
  const expected = (await readJson(join(FIXTURES, "v1-none.expected.json")))["fx.classic"];
  for (const name of names) {
    const read = await pikaRead(broker, { vhost: VHOST, name }, { ack: true, fullBody: true });
    assert.deepEqual(read.map(inFixtureForm), expected.map(directTo(name)));
    // As the definitions have them; the manifest says nothing of arguments.
    const { "x-queue-type": _, ...found } = (await queueOf(broker, name)).arguments;
    assert.deepEqual(found, args);
  }
});

for (const codec of CODECS) {
  Deno.test(`list, describe and validate of a backup of the earlier tool (${codec})`, async () => {
    const id = `v1-${codec}`;
    const at = ["-p", FIXTURES];
    const listed = await runJson(["list", ...at, "--json"]);
    const entry = listed.backups.find((each: { backup_id: string }) => each.backup_id === id);
    const manifest = await readJson(join(FIXTURES, id, "manifest.json"));
    assert.equal(entry.state, "complete");
    assert.equal(entry.format_version, 1);
    assert.equal(entry.messages, manifest.total_messages);
    assert.equal(entry.size_bytes, manifest.total_bytes);
    assert.equal(listed.backups.length, CODECS.length);

    const described = await runJson(["describe", ...at, "-b", id, "-f", "json"]);
    assert.equal(described.format_version, 1);
    const inMs = described.queues[0].segments.map(({ first_timestamp, last_timestamp, ...each }: {
      first_timestamp: string;
      last_timestamp: string;
    }) => ({
      ...each,
      first_timestamp: Date.parse(first_timestamp),
      last_timestamp: Date.parse(last_timestamp),
    }));
    assert.deepEqual(inMs, manifest.queues[0].segments);
    const text = await runCli(["describe", ...at, "-b", id]);
    assert.match(text.stdout, /fx\.classic/);

    const validated = await runJson(["validate", ...at, "-b", id, "--deep", "--json"]);
    assert.deepEqual([validated.valid, validated.problems], [true, []]);
    assert.equal(validated.records_checked, manifest.total_messages);
  });
}

testOnEach("a backup in the earlier tool's format", async (broker) => {
  await using vhost = await testVhost(broker, "v1 write");
  await using job = await newJob(broker);
  const queues = await loadedQueues(broker, vhost);
  for (const codec of CODECS) {
    const backup = { format: "rbak-v1", compression: codec, segment_max_bytes: "64KiB" };
    const config = { backupId: codec, vhosts: [vhost.name], backup };
    const result = await job.backup(config, ["--json"]);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    const manifest = await job.manifest(codec);
    await assertFieldsOfV1(manifest, codec);
    assert.ok(manifest.queues.some(({ segments }: { segments: [] }) => segments.length > 1));
    const validated = await job.validate(codec);
    assert.equal(validated.code, 0, validated.stdout + validated.stderr);

    // Someone else's eyes.
    const lines = await readWithPython(join(job.backups, codec), "read_rbak_v1.py");
    assert.equal(lines.length, manifest.total_messages);
    for (const [name, sent] of queues) {
      assertReadersAgree(lines.filter(({ queue }) => queue === name), sent);
    }
  }
  // What is restored does not depend on the broker: a codec each will do.
  for (const name of queues.keys()) await deleteQueue(broker, { vhost: vhost.name, name });
  const codec = CODECS[["3.10", "4.0", "4.3"].indexOf(broker.version)]!;
  const restored = await job.restore({ backupId: codec });
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  for (const [name, sent] of queues) {
    const found = await pikaRead(broker, { vhost: vhost.name, name });
    assertSameMessages(sent, found, { routing: false });
  }
});

testOnEach("names that the earlier format cannot hold", async (broker) => {
  await using vhost = await testVhost(broker, "v1-names");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  const unsafe = ["a/b", "..", "ünï", "con", "tab\there", " front", "ü quorum"];
  const empty = "é empty";
  await client.declare([...unsafe, "plain", empty].map((name) => ({
    name,
    type: name === "ü quorum" ? "quorum" : "classic",
  })));
  await client.publish([...unsafe, "plain"].flatMap((name) => [[name, "0"], [name, "1"]] as const));
  const config = { vhosts: [vhost.name], backup: { format: "rbak-v1" } };

  const planned = await job.backup(config, ["--dry-run", "--json"]);
  assert.equal(planned.code, 3, planned.stderr);
  const plan = JSON.parse(planned.stdout).queues;
  const result = await job.backup(config, ["--json"]);
  assert.equal(result.code, 3, result.stdout + result.stderr);
  for (const name of unsafe) {
    const row = plan.find(({ queue }: { queue: string }) => queue === name);
    assert.equal(row.verdict, "refused");
    const done = jsonLines(result, "queue_done").find(({ queue }) => queue === name);
    assert.equal(done.outcome, "skipped");
    assert.match(done.reason, /rbak-v1/);
    // Refused before it was read.
    const there = await client.peek(name);
    assert.deepEqual(there.map(({ body, redelivered }) => [body, redelivered]), [
      ["0", false],
      ["1", false],
    ]);
  }
  const manifest = await job.manifest();
  await assertFieldsOfV1(manifest, "zstd");
  const names = manifest.queues.map(({ name }: { name: string }) => name);
  assert.deepEqual(names.toSorted(), ["plain", empty]);
  // All that this format can say of what is missing.
  assert.equal(manifest.completed_at, null);
  assert.equal((await runJson(["list", "-p", job.backups, "--json"])).backups[0].state, "partial");
  assert.equal((await job.validate()).code, 0);
});

testOnEach(
  "stored definitions that are damaged stop a restore before it begins",
  async (broker) => {
    await using dir = await tempDir();
    await using _vhost = await fixtureVhost(broker);
    await renamedFixture(dir, { names: ["q"], args: {} });
    const key = join(dir.path, "v1-none", "definitions", "definitions.json");
    await Deno.writeTextFile(key, (await Deno.readTextFile(key)).slice(0, -1));
    const restored = await restoreByFlags(broker, { path: dir.path, id: "v1-none", state: dir });
    assert.equal(restored.code, 4, restored.stderr);
    assert.match(restored.stderr, /definitions/);
    assert.equal(await queueDepth(broker, { vhost: VHOST, name: "q" }), undefined);
    const validated = await runCli(["validate", "-p", dir.path, "-b", "v1-none", "--deep"]);
    assert.equal(validated.code, 4, validated.stdout);
  },
);

async function fixtureVhost(broker: Broker): Promise<TestVhost> {
  await createVhost(broker, VHOST);
  return new TestVhost(broker, VHOST);
}

async function restoreByFlags(
  broker: Broker,
  options: { path: string; id: string; state: TempDir },
): Promise<CliResult> {
  return await runCli(["restore", "-p", options.path, "-b", options.id], {
    env: { RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl, XDG_STATE_HOME: options.state.path },
  });
}

// deno-lint-ignore no-explicit-any
async function readJson(path: string): Promise<any> {
  return JSON.parse(await Deno.readTextFile(path));
}

// deno-lint-ignore no-explicit-any
async function runJson(args: string[]): Promise<any> {
  const result = await runCli(args);
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

/** What the management API tells of a queue of the fixtures' vhost. */
async function queueOf(
  broker: Broker,
  name: string,
): Promise<{ durable: boolean; arguments: Record<string, unknown> }> {
  const path = `queues/${VHOST}/${encodeURIComponent(name)}`;
  return await management(broker, path) as Awaited<ReturnType<typeof queueOf>>;
}

type FixtureMessage = Pick<
  PikaMessage,
  "body" | "exchange" | "routing_key" | "properties" | "headers"
>;

function inFixtureForm(message: PikaMessage): FixtureMessage {
  const { body, exchange, routing_key, properties, headers } = message;
  return { body: body!, exchange, routing_key, properties, headers };
}

/** A restore goes straight to the queue. */
function directTo(queue: string): (message: FixtureMessage) => FixtureMessage {
  return (message) => ({ ...message, exchange: "", routing_key: queue });
}

/** Quorum queues of 4.x deliver by priority, and keep the order of each. */
function byPriority(messages: FixtureMessage[]): FixtureMessage[] {
  const priorityOf = ({ properties }: FixtureMessage) => Number(properties["priority"] ?? -1);
  return messages.toSorted((one, other) => priorityOf(one) - priorityOf(other));
}

/** The uncompressed fixture, its one queue under other names. */
async function renamedFixture(
  dir: TempDir,
  { names, args }: { names: string[]; args: Record<string, unknown> },
): Promise<void> {
  const from = join(FIXTURES, "v1-none");
  const to = dir.join("v1-none");
  const manifest = await readJson(join(from, "manifest.json"));
  const [queue] = manifest.queues;
  manifest.queues = [];
  for (const name of names) {
    const renamed = structuredClone(queue);
    renamed.name = name;
    await Deno.mkdir(join(to, "queues", VHOST, name), { recursive: true });
    for (const segment of renamed.segments) {
      const source = join(FIXTURES, segment.key);
      segment.key = segment.key.replace("fx.classic", name);
      await Deno.copyFile(source, dir.join(segment.key));
    }
    manifest.queues.push(renamed);
  }
  manifest.total_messages *= names.length;
  manifest.total_bytes *= names.length;
  manifest.total_segments *= names.length;
  const definitions = await readJson(join(from, "definitions", "definitions.json"));
  const common = { vhost: VHOST, durable: true, auto_delete: false, arguments: args };
  definitions.queues = names.map((name) => ({ ...common, name }));
  const text = JSON.stringify(definitions);
  manifest.definitions.queue_count = names.length;
  manifest.definitions.size_bytes = new TextEncoder().encode(text).length;
  await Deno.mkdir(join(to, "definitions"));
  await Deno.writeTextFile(join(to, "definitions", "definitions.json"), text);
  await Deno.writeTextFile(join(to, "manifest.json"), JSON.stringify(manifest));
}

/** Two queues with messages of all kinds, of which half came through an exchange. */
async function loadedQueues(
  broker: Broker,
  vhost: TestVhost,
): Promise<Map<string, PikaMessage[]>> {
  const loaded = new Map<string, PikaMessage[]>();
  for (const type of ["classic", "quorum"] as const) {
    const queue = await vhost.queue(`of ${type}`, { type });
    const exchange = `to ${type}`;
    await createBoundExchange(broker, { vhost: vhost.name, name: exchange, queue: queue.name });
    const choices = { count: 60, exchange, priorities: [4], large: 1, largeSize: 200_000 };
    loaded.set(queue.name, await pikaGenerate(broker, queue, choices));
  }
  return loaded;
}

/** Fails unless a manifest has the fields that the earlier tool wrote, in its order, and no other. */
// deno-lint-ignore no-explicit-any
async function assertFieldsOfV1(manifest: any, codec: Compression): Promise<void> {
  const example = await readJson(join(FIXTURES, `v1-${codec}`, "manifest.json"));
  const fieldsOf = (value: object) => Object.keys(value);
  assert.deepEqual(fieldsOf(manifest), fieldsOf(example));
  assert.deepEqual(fieldsOf(manifest.definitions), fieldsOf(example.definitions));
  for (const queue of manifest.queues) {
    assert.deepEqual(fieldsOf(queue), fieldsOf(example.queues[0]));
    for (const segment of queue.segments) {
      assert.deepEqual(fieldsOf(segment), fieldsOf(example.queues[0].segments[0]));
    }
  }
}
