/** `doctor` on real brokers and stores: what it says is what a run does, and its policies are enough. */
import assert from "node:assert/strict";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { allOf, assertNoSecret, assertOk, assertWhole, load, TestUser } from "./helpers/failure.ts";
import { type Job, type JobConfig, newJob } from "./helpers/job.ts";
import { sessionKeys } from "./helpers/minio_session.ts";
import { deleteQueue, management, testVhost } from "./helpers/queues.ts";
import { newStore } from "./helpers/storages.ts";

interface Told {
  readonly area: string;
  readonly check: string;
  readonly status: string;
  readonly message: string;
  readonly hint?: string;
}

/** Runs it on the configuration of a backup, or of a restore. */
async function examined(
  job: Job,
  config: JobConfig,
  side: "backup" | "restore" = "backup",
): Promise<{ result: CliResult; findings: Told[] }> {
  const [, ...args] = side === "backup"
    ? await job.backupArgs(config)
    : await job.restoreArgs(config);
  const result = await runCli(["doctor", ...args, "--json"]);
  assertNoSecret(result);
  return { result, findings: JSON.parse(result.stdout).findings };
}

/** Those that are not well, as `area check`. */
function troubles(findings: readonly Told[]): string[] {
  return findings.filter(({ status }) => status !== "ok")
    .map(({ area, check, status }) => `${status} ${area} ${check}`);
}

async function policiesOf(args: readonly string[]): Promise<{ language: string; text: string }[]> {
  const result = await runCli(["doctor", ...args, "--policies", "--json"]);
  assertOk(result);
  return JSON.parse(result.stdout).policies;
}

/** Does what the printed lines say; the passwords that they ask for are given. */
async function follow(
  broker: Broker,
  text: string,
  { user, side }: { user: TestUser; side: string },
): Promise<void> {
  for (const line of text.split("\n")) {
    const words = [...line.replace(/ {2}#.*$/, "").matchAll(/'([^']*)'|(\S+)/g)]
      .map(([, quoted, plain]) => quoted ?? plain!);
    assert.equal(words.shift(), "rabbitmqctl", line);
    if (words[0] === "add_user") words.push(user.password);
    // It takes seconds each time, and is the same everywhere.
    const byHand = side === "backup" && broker.version === brokers().at(-1)!.version;
    if (byHand) await broker.rabbitmqctl(...words);
    else await followByApi(words, user);
  }
}

async function followByApi([command, ...words]: string[], user: TestUser): Promise<void> {
  if (command === "set_user_tags") return await user.put(words.slice(1).join(","));
  if (command !== "set_permissions") return;
  const [, vhost = "", , configure = "", write = "", read = ""] = words;
  await user.grant(vhost, { configure, write, read });
}

testOnEach(
  "the printed policies are enough for a backup and for a restore, and doctor finds so",
  async (broker) => {
    await using vhost = await testVhost(broker, "doctor");
    const loaded = [
      await load(broker, await vhost.queue("orders"), 30),
      await load(broker, await vhost.queue("quorum", { type: "quorum" }), 30),
    ];
    const keys = await newStore("s3");
    for (const side of ["backup", "restore"] as const) {
      await using user = new TestUser(broker);
      await using job = await newJob(user.address);
      const config = {
        vhosts: [vhost.name],
        target: { management_url: broker.managementUrl },
        restore: { queues: { vhosts: [vhost.name] } },
        backup: { include_definitions: false },
      };
      const argsOf = (storage: Record<string, unknown>) =>
        job[`${side}Args`]({ ...config, storage: { ...storage, prefix: "mq/prod" } });

      // 1. Print the policies and follow them.
      const [command, ...args] = await argsOf(keys);
      const policies = await policiesOf(args);
      assert.deepEqual(policies.map(({ language }) => language), ["sh", "json"], command);
      await follow(broker, policies[0]!.text, { user, side });
      const session = { ...keys, ...await sessionKeys(JSON.parse(policies[1]!.text)) };

      // 2. What the doctor says, and what the run does.
      const storage = { ...session, prefix: "mq/prod" };
      const { result, findings } = await examined(job, { ...config, storage }, side);
      assert.equal(result.code, 0, allOf(result));
      assert.deepEqual(troubles(findings), []);
      assertOk(await job[side]({ ...config, storage }));
      if (side === "restore") continue;
      for (const { queue } of loaded) await deleteQueue(broker, queue);
    }
    await assertWhole(broker, ...loaded);
  },
);

testOnEach("a user who lacks one thing after the other is told each", async (broker) => {
  await using vhost = await testVhost(broker, "doctor");
  await vhost.queue("one");
  await vhost.queue("two", { type: "quorum" });
  await using user = new TestUser(broker);
  await using job = await newJob(user.address);
  const told = async () => {
    const { result, findings } = await examined(job, { vhosts: [vhost.name] });
    return { code: result.code, troubles: troubles(findings), findings };
  };

  await user.put("administrator", "not-the-configured-one");
  const kept = await told();
  assert.equal(kept.code, 15);
  assert.deepEqual(kept.troubles, [
    "warning storage list",
    "failed source management",
    "failed source amqp",
  ]);

  await user.put("management");
  assert.deepEqual((await told()).troubles, [
    "warning storage list",
    "failed source tag",
    "warning source tag",
    "failed source queues",
  ]);

  await user.put("monitoring");
  await user.grant(vhost.name, { read: "^one$" });
  const part = await told();
  assert.equal(part.code, 15);
  const rights = part.findings.filter(({ check, status }) => check === "rights" && status !== "ok");
  const isCharged = broker.version !== "4.3";
  assert.deepEqual(
    rights.map(({ status }) => status),
    isCharged ? ["warning", "failed"] : ["failed"],
  );
  assert.match(rights.at(-1)!.message, /may not read "two" in vhost "doctor-/);
  assert.match(rights.at(-1)!.hint!, /^rabbitmqctl set_permissions -p 'doctor-.*' user-.* '\^\$' /);

  await user.grant(vhost.name, { read: ".*", write: "^amq\\.default$" });
  const well = await told();
  assert.equal(well.code, 0);
  assert.deepEqual(well.troubles, ["warning storage list", "warning source tag"]);
});

testOnEach("nothing on the broker changes, and messages stay where they are", async (broker) => {
  await using vhost = await testVhost(broker, "doctor");
  const loaded = [
    await load(broker, await vhost.queue("one"), 20),
    await load(broker, await vhost.queue("two", { type: "quorum" }), 20),
  ];
  await using job = await newJob(broker);
  const config = { vhosts: [vhost.name], restore: { queues: { vhosts: [vhost.name] } } };
  const names = () => management(broker, `queues/${vhost.name}?columns=name`);
  const before = await names();
  assert.equal((await examined(job, config)).result.code, 0);
  assert.equal((await examined(job, config, "restore")).result.code, 15); // no such backup
  assert.deepEqual(await names(), before);
  await assertWhole(broker, ...loaded);
});

testOnEach("a port without streams is told as a dry run has it", async (broker) => {
  await using vhost = await testVhost(broker, "doctor");
  await vhost.queue("log", { type: "stream" });
  const config = { vhosts: [vhost.name] };
  await using job = await newJob(broker);
  assert.equal((await examined(job, config)).result.code, 0);
  const closed = { ...config, source: { stream_port: 1 } };
  const planned = async (more: JobConfig) => await job.backup(more, ["--dry-run", "--json"]);

  const { result, findings } = await examined(job, closed);
  assert.equal(result.code, 0);
  assert.ok(troubles(findings).includes("warning source stream"));
  const plan = await planned(closed);
  assert.equal(plan.code, 0);
  assert.equal(JSON.parse(plan.stdout).queues[0].verdict, "cost");

  const strict = { ...closed, backup: { stream_protocol: "stream" } };
  const other = await examined(job, strict);
  assert.equal(other.result.code, 15);
  assert.ok(troubles(other.findings).includes("failed source stream"));
  const refused = await planned(strict);
  assert.equal(refused.code, 3);
  assert.equal(JSON.parse(refused.stdout).queues[0].verdict, "refused");
});
