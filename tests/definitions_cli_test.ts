/** Definitions, configuration and the commands without a file, as an operator types them. */
import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import { type Broker, brokers, startBroker, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { jsonLines, newJob } from "./helpers/job.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import {
  createBoundExchange,
  createUser,
  deleteQueue,
  management,
  put,
  remove,
  type TestVhost,
  testVhost,
} from "./helpers/queues.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

const SECRET = "canary/pass:word@7f3a";
const ESCAPED = encodeURIComponent(SECRET);

testOnEach("a vhost's definitions go out to a file and into an empty vhost", async (broker) => {
  await using from = await testVhost(broker, "export é/%2F");
  await using to = await testVhost(broker, "import 中/%2F");
  await using dir = await tempDir();
  await fill(broker, from);
  const file = dir.join("definitions.json");
  const run = (args: string[]) => runCli(args, { env: environmentOf(broker, dir) });

  // 1. Out: to a file that others cannot read, and to stdout.
  await Deno.writeTextFile(file, "old", { mode: 0o644 });
  const exported = await run(["definitions-export", "--vhost", from.name, "-o", file, "--json"]);
  assert.equal(exported.code, 0, exported.stderr);
  const told = JSON.parse(exported.stdout);
  assert.deepEqual([told.v, told.output, told.queues, told.exchanges], [1, file, 3, 1]);
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const text = await Deno.readTextFile(file);
  const printed = await run(["definitions-export", "--vhost", from.name]);
  assert.equal(printed.stdout.trimEnd(), text.trimEnd());
  assert.equal(JSON.parse(text).queues.length, 3);

  // 2. In, tried first.
  const args = ["definitions-import", "-i", file, "--vhost", to.name, "--json"];
  const tried = await run([...args, "--dry-run"]);
  assert.equal(tried.code, 0, tried.stdout + tried.stderr);
  const plan = JSON.parse(tried.stdout);
  assert.deepEqual([plan.dry_run, plan.complete], [true, true]);
  assert.equal(kindOf(plan, "queues").created, 3);
  assert.deepEqual(await queueNames(broker, to), []);
  const imported = await run(args);
  assert.equal(imported.code, 0, imported.stdout + imported.stderr);
  assert.equal(JSON.parse(imported.stdout).complete, true);
  assert.deepEqual(await queueNames(broker, to), await queueNames(broker, from));

  // 3. A second time there is nothing to do; what differs is told and left alone.
  assert.equal(kindOf(JSON.parse((await run(args)).stdout), "queues").unchanged, 3);
  await deleteQueue(broker, { vhost: to.name, name: "limited" });
  await to.queue("limited", { arguments: { "x-max-length": 6 } });
  const differing = await run(args.slice(0, -1));
  assert.equal(differing.code, 3, differing.stderr);
  assert.match(differing.stdout, /queue limited/);
  assert.match(differing.stdout, /does NOT have all/);
});

Deno.test("a whole broker's definitions and messages go to an empty broker", async () => {
  const source = brokers()[0]!;
  await using vhost = await testVhost(source, "move");
  await using dir = await tempDir();
  await using job = await newJob(source);
  await using _user = await userOf(source, "moved");
  await fill(source, vhost);
  await using client = await PlainClient.open(source, vhost.name);
  await client.publish([["limited", "0"], ["quorum", "1"], ["quorum", "2"]]);
  const file = dir.join("all.json");
  const out = await runCli(["definitions-export", "-o", file], {
    env: environmentOf(source, dir),
  });
  assert.equal(out.code, 0, out.stderr);
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);

  await using target = await startBroker(source.version);
  const env = environmentOf(target, dir);
  const tried = await runCli(["definitions-import", "-i", file, "--dry-run"], { env });
  assert.match(tried.stdout, /Nothing was done/);
  const vhosts = async () => (await management(target, "vhosts") as { name: string }[]).length;
  assert.equal(await vhosts(), 1);
  const imported = await runCli(["definitions-import", "-i", file], { env });
  assert.equal(imported.code, 0, imported.stdout + imported.stderr);
  assert.ok(await vhosts() > 1);
  await management(target, "users/moved");
  const there = { target: { amqp_url: target.amqpUrl } };
  const planned = await job.restore(there, ["--dry-run", "--json"]);
  const actions = JSON.parse(planned.stdout).queues.map(({ action }: { action: string }) => action);
  assert.deepEqual(actions, ["use", "use", "use"]);
  const restored = await job.restore(there, ["--json"]);
  assert.equal(restored.code, 0, restored.stderr);
  await using other = await PlainClient.open(target, vhost.name);
  assert.deepEqual((await other.take("quorum")).map(({ body }) => body), ["1", "2"]);
  assert.deepEqual((await other.take("limited")).map(({ body }) => body), ["0"]);
});

testOnEach("backup and restore without a configuration file", async (broker) => {
  await using vhost = await testVhost(broker, "flags");
  await using dir = await tempDir();
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "one" }, { name: "two" }, { name: "other" }]);
  await client.publish([["one", "1"], ["two", "2"], ["two", "3"], ["other", "4"]]);
  const env = environmentOf(broker, dir);
  const path = dir.join("backups");
  const run = (...args: string[]) => runCli([...args, "-p", path], { env });

  const pattern = ["--vhost", vhost.name, "-b", "at-%Y%m%d-{time}", "--exclude", "other"];
  const planned = await run("backup", "--dry-run", "--json", ...pattern);
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(JSON.parse(planned.stdout).backup_id, /^at-20\d{6}-\d{6}$/);
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  const backup = await run("backup", "--json", "--compression", "lz4", ...pattern);
  assert.equal(backup.code, 0, backup.stderr);
  const [{ backup_id: id, messages }] = jsonLines(backup, "summary");
  assert.match(id, /^at-20\d{6}-\d{6}$/);
  assert.equal(messages, 3);
  const again = await run("backup", "--vhost", vhost.name, "-b", id);
  assert.equal(again.code, 7, again.stderr);
  assert.match(again.stderr, /exists already/);
  const unnamed = await run("backup", "--vhost", vhost.name, "--quiet");
  assert.equal(unnamed.code, 0, unnamed.stderr);
  assert.match(unnamed.stdout, /^\S+ Backup backup-20\d{6}T\d{6}Z is complete[^\n]*\n$/);

  await assertDocuments(run, id);
  await client.deleteQueues(["one", "two"]);
  const restored = await run("restore", "-b", id);
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /3/);
  assert.deepEqual((await client.take("two")).map(({ body }) => body), ["2", "3"]);
  const refused = await run("restore", "-b", id);
  assert.equal(refused.code, 7, refused.stdout + refused.stderr);
  assert.match(refused.stderr, /holds 1 messages already/);
  const skipped = await run("restore", "-b", id, "--if-not-empty", "skip");
  assert.equal(skipped.code, 3, skipped.stderr);
  assert.deepEqual((await client.take("one")).map(({ body }) => body), ["1"]);
  const missing = await run("restore", "-b", id.replace("at", "ät"));
  assert.equal(missing.code, 2, missing.stderr);
  assert.equal((await run("restore", "-b", `${id}0`)).code, 10);
});

testOnEach("the flag --backup-id wins over the file", async (broker) => {
  await using vhost = await testVhost(broker, "ids");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "q" }]);
  const config = { vhosts: [vhost.name], backup: { include_definitions: false } };
  for (const [id, body] of [["first", "1"], ["second", "2"]] as const) {
    await client.publish([["q", body]]);
    const backup = await job.backup({ ...config, backupId: "in-the-file" }, ["-b", id]);
    assert.equal(backup.code, 0, backup.stderr);
  }
  for (const [id, bodies] of [["first", ["1"]], ["latest", ["1", "2"]]] as const) {
    await client.deleteQueues(["q"]);
    const restored = await job.restore({ backupId: "in-the-file" }, ["-b", id]);
    assert.equal(restored.code, 0, restored.stderr);
    assert.deepEqual((await client.take("q")).map(({ body }) => body), bodies);
  }
  assert.equal((await job.restore({ backupId: "in-the-file" })).code, 10);
});

Deno.test("a backup to memory says that it is gone when the process ends", async () => {
  const broker = brokers()[0]!;
  await using dir = await tempDir();
  await using vhost = await testVhost(broker, "memory");
  const env = environmentOf(broker, dir);
  const args = ["-p", "memory://", "-b", "b"];
  const result = await runCli(["backup", "--vhost", vhost.name, ...args], { env });
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /memory.*ends/);
  const restored = await runCli(["restore", ...args], { env });
  assert.equal(restored.code, 10, restored.stderr);
});

Deno.test("secrets are shown by no command", async () => {
  await using dir = await tempDir();
  const passwordFile = await dir.write("password", `${SECRET}\n`);
  const url = `amqp://user:${ESCAPED}@127.0.0.1:9`;
  const file = await dir.write(
    "backup.yaml",
    stringify({
      mode: "backup",
      source: { amqp_url: url, management_password: "${CANARY}" },
      target: { amqp_url: url, management_password_file: passwordFile },
      storage: dir.join("backups"),
      offset_storage: { db_path: dir.join("state.db") },
    }),
  );
  const wrong = await dir.write("wrong.yaml", `source: {amqp_url: "http://u:${ESCAPED}@h"}\n`);
  const env = { CANARY: SECRET, XDG_STATE_HOME: dir.path };
  const at = ["--config", file];
  const runs: [string[], number][] = [
    [["config", "check", ...at], 0],
    [["config", "check", ...at, "--json"], 0],
    [["config", "show", ...at], 0],
    [["config", "show", ...at, "-f", "json"], 0],
    [["config", "show", ...at, "-f", "yaml"], 0],
    [["config", "check", "--config", wrong], 2],
    [["backup", ...at, "-v"], 5],
    [["backup", ...at, "--dry-run", "--json"], 5],
    [["definitions-export", ...at, "--json"], 5],
    [["backup", "--amqp-url", url, "-p", dir.join("b")], 5],
    [["list", ...at, "-p", dir.join("nowhere"), "--json"], 6],
  ];
  await Promise.all(runs.map(async ([args, code]) => {
    const { stdout, stderr, code: found } = await runCli(args, { env });
    assert.equal(found, code, `${args.join(" ")}: ${stderr}`);
    for (const secret of [SECRET, ESCAPED, btoa(`user:${SECRET}`)]) {
      assert.ok(!(stdout + stderr).includes(secret), args.join(" "));
    }
    if (args[1] === "show") assert.match(stdout, /\*\*\*/);
  }));
});

/** `list`, `describe` and `validate` in every format. */
async function assertDocuments(
  run: (...args: string[]) => Promise<CliResult>,
  id: string,
): Promise<void> {
  const commands = [["list"], ["describe", "-b", id], ["validate", "--deep", "-b", id]];
  await Promise.all(commands.map(async (command) => {
    const json = await run(...command, "-f", "json");
    assert.equal(json.code, 0, json.stderr);
    const document = JSON.parse(json.stdout);
    assert.ok(JSON.stringify(document).includes(id), command.join(" "));
    const yaml = await run(...command, "-f", "yaml");
    assert.deepEqual(parse(yaml.stdout), document);
    const text = await run(...command, "-f", "text");
    assert.equal(text.code, 0, text.stderr);
    assert.ok(text.stdout.includes(id), text.stdout);
    assert.throws(() => JSON.parse(text.stdout));
  }));
}

/** What a shell would have set for a broker. */
function environmentOf(broker: Broker, state: TempDir): Record<string, string> {
  return {
    RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl,
    RABBITMQ_BACKUP_MANAGEMENT_URL: broker.managementUrl,
    XDG_STATE_HOME: state.path,
  };
}

/** Three queues, an exchange with a binding, and a policy. */
async function fill(broker: Broker, vhost: TestVhost): Promise<void> {
  await vhost.queue("limited", { arguments: { "x-max-length": 5 } });
  await vhost.queue("quorum", { type: "quorum" });
  await vhost.queue("Ünï/code");
  await createBoundExchange(broker, { vhost: vhost.name, name: "events", queue: "quorum" });
  const policy = { pattern: "^none$", definition: { "max-length": 7 } };
  await put(broker, `policies/${encodeURIComponent(vhost.name)}/limit`, policy);
}

async function userOf(broker: Broker, name: string): Promise<AsyncDisposable> {
  await createUser(broker, { name, password: SECRET });
  return { [Symbol.asyncDispose]: () => remove(broker, `users/${name}`) };
}

async function queueNames(broker: Broker, vhost: TestVhost): Promise<string[]> {
  const path = `queues/${encodeURIComponent(vhost.name)}?columns=name`;
  const queues = await management(broker, path) as { name: string }[];
  return queues.map(({ name }) => name).toSorted();
}

interface Report {
  kinds: { kind: string; created: number; unchanged: number }[];
}

function kindOf(report: Report, kind: string): Report["kinds"][number] {
  return report.kinds.find((each) => each.kind === kind)!;
}
