/** Whoever relies on a backup that lacks something is told so. */
import assert from "node:assert/strict";
import { brokers, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { allOf, assertOk, assertPartial } from "./helpers/failure.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { deleteQueue, management, testVhost, waitUntil } from "./helpers/queues.ts";

/** Reading it is refused: two backups and an error of an application would lose a message. */
const REFUSED = {
  type: "quorum",
  arguments: { "x-delivery-limit": 1, "x-max-length": 1 },
} as const;
const DESCRIBE = /describe --backup-id b shows what is missing, and why/;

testOnEach("a backup without some queues, and with a part of another", async (broker) => {
  await using vhost = await testVhost(broker, "lacks");
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "whole" }, { name: "half" }, { name: "left", ...REFUSED }]);
  await client.publish([["whole", "1"], ["half", "2"], ["half", "3"], ["left", "4"]]);
  await using job = await newJob(broker);
  const run = (...args: string[]) => runCli([...args, "-p", job.backups]);

  // One message is with its consumer all the time.
  const channel = await client.connection.createChannel();
  await channel.prefetch(1);
  await channel.consume("half", () => {});
  const unacknowledged = async () => {
    const queue = await management(broker, `queues/${vhost.name}/half`);
    return (queue as { messages_unacknowledged?: number }).messages_unacknowledged;
  };
  await waitUntil(async () => await unacknowledged() === 1, { what: "the broker's statistics" });
  const complete = await job.backup({
    backupId: "a",
    vhosts: [vhost.name],
    source: { queues: { vhosts: [vhost.name], include: ["whole"] } },
  });
  assertOk(complete);
  const config = { vhosts: [vhost.name], backup: { in_flight: "partial" } };
  assertPartial(await job.backup({ ...config, backupId: "b" }));
  await channel.close();

  const lacks = `Backup "b" is partial: 2 queues are not in it, or only in part: ` +
    `"left" (vhost "${vhost.name}"), "half" (vhost "${vhost.name}")`;
  await deleteQueue(broker, { vhost: vhost.name, name: "half" });
  await client.deleteQueues(["whole"]);
  const planned = await job.restore({ backupId: "b" }, ["--dry-run", "--json"]);
  assertOk(planned);
  assert.equal(JSON.parse(planned.stdout).warning, lacks);
  assert.ok(planned.stderr.includes(`Warning: ${lacks}\n`), planned.stderr);

  // `latest` is the partial one, and there is a complete one before it.
  const restored = await job.restore({ backupId: "b" }, ["--json", "-b", "latest"]);
  assertOk(restored);
  const [latest, missing] = warningsOf(restored);
  assert.equal(latest!.message, 'The latest backup, "b", is partial');
  assert.equal(latest!.hint, 'the latest complete one is "a"');
  assert.equal(missing!.message, lacks);
  assert.match(missing!.hint, DESCRIBE);

  for (const flags of [[], ["--deep"]]) {
    const text = await run("validate", "-b", "latest", ...flags);
    assertOk(text);
    assert.match(text.stderr, /Warning: The latest backup, "b", is partial\nHint: .* is "a"$/m);
    assert.ok(text.stdout.includes(`! ${lacks}\n`), text.stdout);
    assert.match(text.stdout, /What is in backup b is whole: /);
  }
  const json = await run("validate", "-b", "b", "--json");
  assert.deepEqual([JSON.parse(json.stdout).warning, JSON.parse(json.stdout).valid], [lacks, true]);

  // Nothing is said of the one that is complete.
  const whole = await run("validate", "-b", "a", "--json");
  assert.equal(JSON.parse(whole.stdout).warning, undefined);
  await client.deleteQueues(["whole"]);
  assert.deepEqual(warningsOf(await job.restore({ backupId: "a" }, ["--json"])), []);
});

Deno.test("a backup without many queues names some, and what else it lacks", async () => {
  const broker = brokers().at(-1)!;
  await using vhost = await testVhost(broker, "lacks");
  await using client = await PlainClient.open(broker, vhost.name);
  const names = Array.from({ length: 7 }, (_, n) => `left${n}`);
  await client.declare([{ name: "whole" }, ...names.map((name) => ({ name, ...REFUSED }))]);
  await client.publish(["whole", ...names].map((name) => [name, "x"]));
  await using job = await newJob(broker);
  assertPartial(await job.backup({ vhosts: [vhost.name], backup: { include_definitions: false } }));
  await client.deleteQueues(["whole"]);
  const restored = await job.restore({}, ["-b", "latest"]);
  assertOk(restored);
  assert.match(restored.stderr, /^Warning: The latest backup, "test", is partial\n(?!Hint)/m);
  assert.match(
    restored.stderr,
    /^Warning: Backup "test" is partial: 7 queues are not in it, or only in part: "left0" .*"left4" \(vhost "lacks-.*"\) and 2 more$/m,
    allOf(restored),
  );
});

function warningsOf(result: CliResult): { message: string; hint: string }[] {
  return jsonLines(result, "warning").filter(({ message }) => !/\.yaml/.test(message));
}
