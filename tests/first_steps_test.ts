/** What somebody meets who uses the tool for the first time, and what cron would mail. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { type Broker, brokers, startBroker, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { assertFailed, assertOk, assertPartial } from "./helpers/failure.ts";
import { type Job, newJob } from "./helpers/job.ts";
import { Middle, within } from "./helpers/middle.ts";
import { createUser, management, remove, setPermissions, testVhost } from "./helpers/queues.ts";
import { tempDir } from "./helpers/temp.ts";

const shared: Broker = brokers().at(-1)!;
const DEFINITIONS = "definitions/definitions.json.zst";

/** `definitions-import` against a broker. */
function importInto(
  target: Pick<Broker, "amqpUrl" | "managementUrl">,
  job: Job,
  ...args: string[]
): Promise<CliResult> {
  return runCli(["definitions-import", "--management-url", target.managementUrl, ...args], {
    cwd: job.dir.path,
    env: { RABBITMQ_BACKUP_AMQP_URL: target.amqpUrl },
  });
}

Deno.test("the definitions of a backup come back, named as a person would name it", async () => {
  await using vhost = await testVhost(shared, "own");
  await using job = await newJob(shared);
  await vhost.queue("orders", { type: "quorum" });
  assertOk(await job.backup({ vhosts: [vhost.name], backupId: "nightly-1" }));
  await using target = await startBroker(shared.version);
  const at = ["--path", "backups"];
  const hashes = await Promise.all([shared, target].map(passwordHash));

  // Tried first: what would come, by name, and nothing done.
  const tried = await importInto(target, job, ...at, "-b", "nightly-1", "--dry-run");
  assertOk(tried);
  assert.match(tried.stdout, RegExp(`^Would be created:\\n  vhost ${vhost.name}$`, "m"));
  assert.match(tried.stdout, RegExp(`^  queue orders \\(${vhost.name}\\)$`, "m"));
  assert.match(tried.stderr, /^The definitions are those of backup nightly-1 in /);
  const json = await importInto(target, job, ...at, "-b", "latest", "--dry-run", "--json");
  const { backup_id, created } = JSON.parse(json.stdout);
  assert.equal(backup_id, "nightly-1");
  assert.ok(created.some(({ kind, name }: Named) => kind === "queues" && name === "orders"));
  for (const { stdout, stderr } of [tried, json]) {
    for (const hash of hashes) assert.ok(!(stdout + stderr).includes(hash));
  }
  assert.equal((await management(target, "vhosts") as []).length, 1);

  // The file in the backup's folder is one as well; then by the beginning of the id.
  const file = join("backups", "nightly-1", DEFINITIONS);
  assertOk(await importInto(target, job, "-i", file, "--dry-run"));
  assertOk(await importInto(target, job, ...at, "-b", "night"));
  await management(target, `queues/${vhost.name}/orders`);
  // By a configuration for restores, a second time: there is nothing to do.
  const [, , config] = await job.restoreArgs({ backupId: "nightly-1" });
  const again = await importInto(target, job, "-c", config!, "--json");
  assertOk(again);
  assert.deepEqual(JSON.parse(again.stdout).created, []);
  // And now the messages find their place.
  assertOk(await job.restore({ backupId: "nightly-1", target: { amqp_url: target.amqpUrl } }));
});

async function passwordHash(broker: Broker): Promise<string> {
  const user = await management(broker, `users/${broker.username}`);
  return (user as { password_hash: string }).password_hash;
}

Deno.test("definitions that a backup lacks, or holds no longer, and backups that are none", async () => {
  await using vhost = await testVhost(shared, "lacking");
  await using job = await newJob(shared);
  await vhost.queue("q");
  const config = { vhosts: [vhost.name] };
  assertOk(await job.backup({ ...config, backupId: "with-1" }));
  assertOk(await job.backup({ ...config, backupId: "with-2" }));
  const without = { include_definitions: false };
  assertOk(await job.backup({ ...config, backupId: "bare", backup: without }));
  const importOf = (...args: string[]) => importInto(shared, job, "--path", "backups", ...args);

  assertFailed(await importOf("-b", "bare"), {
    code: 1,
    error: /^Cannot read the definitions of backup "bare": it holds none$/,
    hint: /name another backup/,
  });
  assertFailed(await importOf("-b", "wiht-1"), {
    code: 10,
    error: /^Cannot open backup "wiht-1" in .*: there is no such backup$/,
    hint: /Did you mean "with-1"\?/,
  });
  assertFailed(await importOf("-b", "with"), {
    code: 2,
    error: /^Cannot import the definitions of "with": 2 backups have an id that begins so$/,
    hint: /there are with-1, with-2$/,
  });
  assertFailed(await importInto(shared, job, "-p", "gone", "-b", "with-1"), {
    code: 6,
    error: /no such directory$/,
    hint: /mounted/,
  });
  const file = join(job.backups, "with-1", DEFINITIONS);
  const bytes = await Deno.readFile(file);
  bytes[bytes.length - 1]! ^= 1;
  await Deno.writeFile(file, bytes);
  assertFailed(await importOf("-b", "with-1"), {
    code: 4,
    error:
      /^Cannot read the definitions of backup "with-1": .*: its SHA-256 is not the manifest's$/,
    hint: /bring it back from a copy/,
  });
  await Deno.remove(file);
  assertFailed(await importOf("-b", "with-1"), { code: 4, error: /it is missing$/, hint: /copy/ });
});

testOnEach("an export of one vhost finds its way back by itself", async (broker) => {
  await using vhost = await testVhost(broker, "shop é");
  await using job = await newJob(broker);
  await vhost.queue("orders");
  const env = { RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl };
  const url = ["--management-url", broker.managementUrl];
  const out = ["definitions-export", ...url, "--vhost", vhost.name, "-o", "shop.json"];
  assertOk(await runCli(out, { cwd: job.dir.path, env }));
  await remove(broker, `queues/${encodeURIComponent(vhost.name)}/orders`);
  const told = await importInto(broker, job, "-i", "shop.json", "--json");
  assertOk(told);
  const queues = JSON.parse(told.stdout).created.filter(({ kind }: Named) => kind === "queues");
  assert.deepEqual(queues, [{ kind: "queues", vhost: vhost.name, name: "orders" }]);

  // Who may not import is told so, and not that something cannot be exported.
  const user = { name: `plain-${crypto.randomUUID().slice(0, 8)}`, password: "plain" };
  await createUser(broker, { ...user, tags: "monitoring" });
  await setPermissions(broker, { vhost: vhost.name, user: user.name });
  const login = new URL(broker.amqpUrl);
  [login.username, login.password] = [user.name, user.password];
  const asUser = { managementUrl: broker.managementUrl, amqpUrl: login.href };
  const denied = await importInto(asUser, job, "-i", "shop.json");
  await remove(broker, `users/${user.name}`);
  assertFailed(denied, {
    code: 5,
    error: /^Cannot import definitions .* needs the tag "administrator"$/,
    hint: /set_user_tags/,
  });
});

Deno.test("the command that goes on works in any folder, and without deno on the PATH", async () => {
  await using middle = await Middle.of(shared);
  await using elsewhere = await tempDir();
  const run = await middle.reading();
  run.kill("SIGINT");
  await run.waitFor(/^Stopping: /m);
  middle.proxy.resume();
  const stopped = await within(run, 30_000);
  const command = /^Hint: go on with: (.*)$/m.exec(stopped.stderr)![1]!;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", command],
    cwd: elsewhere.path,
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: Deno.env.get("HOME") ?? "" },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr) + decoder.decode(stdout));
  assertOk(await middle.job.validate());
});

Deno.test("what a quiet run mails: nothing of what went well, and what is missing by name", async () => {
  await using vhost = await testVhost(shared, "mail");
  const { amqpUrl, managementUrl } = shared;
  // Port 1 is no stream port.
  await using job = await newJob({ amqpUrl, managementUrl, streamPort: 1 });
  await vhost.queue("good");
  await vhost.queue("a stream", { type: "stream" });
  const queues = { vhosts: [vhost.name], include: ["good", "a stream", "no-such-queue"] };
  const asked = { source: { queues }, backup: { stream_protocol: "stream" } };
  const backup = await job.backup(asked, ["-q"]);
  assertPartial(backup);
  assert.match(backup.stderr, /^Warning: nothing matches "no-such-queue"$/m);
  assert.match(backup.stderr, /^Not backed up:\n {2}- a stream \(mail-.*\): \w/m);
  assert.match(backup.stdout, /^\S+ Backup test is PARTIAL: 1 queue[^\n]*\n$/);
  const whole = { vhosts: [vhost.name], include: ["good"] };
  const quiet = await job.backup({ backupId: "whole", source: { queues: whole } }, ["-q"]);
  assertOk(quiet);
  assert.equal(quiet.stderr, "");

  // In a log that takes both streams each thing stands once.
  const loud = await job.backup({ ...asked, backupId: "loud" });
  const both = loud.stdout + loud.stderr;
  assert.equal(both.match(/- a stream \(/g)?.length, 1, both);
});

Deno.test("a selection that is empty is never called complete", async () => {
  await using vhost = await testVhost(shared, "nothing");
  await using job = await newJob(shared);
  for (const [id, include] of [["plain", "no-such-queue"], ["pattern", "no-such-*"]] as const) {
    const queues = { vhosts: [vhost.name], include: [include] };
    const { stdout, stderr } = await job.backup({ backupId: id, source: { queues } });
    assert.match(stdout, /^! Backup .*: nothing was selected; no queue was backed up$/m);
    assert.doesNotMatch(stdout, /complete/);
    assert.match(stderr, RegExp(`nothing matches "${include.replace("*", "\\*")}"`));
  }
});

testOnEach("the address of the management API, as people write it", async (broker) => {
  await using vhost = await testVhost(broker, "address");
  await using job = await newJob(broker);
  await vhost.queue("q");
  const source = (management_url: string) => ({
    amqp_url: broker.amqpUrl,
    management_url,
    queues: { vhosts: [vhost.name] },
  });
  const url = broker.managementUrl;
  for (const [id, written] of [["bare", `${url}/api`], ["slash", `${url}/api/`]] as const) {
    assertOk(await job.backup({ backupId: id, source: source(written) }));
  }
  assertFailed(await job.backup({ source: source(`${url}/elsewhere`) }), {
    code: 5,
    error: /: the answer is not of RabbitMQ's management API \(status 40\d\)$/,
    hint: /Set management_url to its address/,
  });
});

Deno.test("-f json is --json, and YAML there is where there is a document", async () => {
  await using vhost = await testVhost(shared, "format");
  await using job = await newJob(shared);
  await vhost.queue("q");
  const config = { vhosts: [vhost.name] };
  const planned = await job.backup(config, ["--dry-run", "-f", "yaml"]);
  assertOk(planned);
  assert.equal(parse(planned.stdout).queues[0].queue, "q");
  const lines = await job.backup(config, ["-f", "json"]);
  assertOk(lines);
  const last = JSON.parse(lines.stdout.trim().split("\n").at(-1)!);
  assert.deepEqual([last.message_type, last.outcome], ["summary", "ok"]);
  assertFailed(await job.restore({}, ["-f", "yaml"]), {
    code: 2,
    error: /as YAML/,
    hint: /use --json/,
  });
});

interface Named {
  kind: string;
  name: string;
}
