/** Selecting, comparing and rolling back definitions, as an operator types it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Broker, brokers, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { newJob } from "./helpers/job.ts";
import {
  createBoundExchange,
  createUser,
  management,
  put,
  remove,
  type TestVhost,
  testVhost,
} from "./helpers/queues.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

const PASSWORD = "canary-5e1f0c";

testOnEach("export: selected, transformed, renamed, without users", async (broker) => {
  await using dir = await tempDir();
  await using vhost = await testVhost(broker, "select");
  await fill(broker, vhost);
  const run = runner(broker, dir);

  // 1. Queues with what leads to them.
  const found = await exported(run, ["--select-vhost", vhost.name, "--select-queue", "orders"]);
  assert.deepEqual(found.queues.map(nameOf), ["orders"]);
  assert.deepEqual(found.exchanges.map(nameOf), ["entry", "orders.x"]);
  assert.equal(found.bindings.length, 2);
  assert.deepEqual([found.users, found.policies, found.vhosts.map(nameOf)], [[], [], [vhost.name]]);

  // 2. A whole vhost, with its users, under another name.
  const renamed = ["--select-vhost", vhost.name, "--rename-vhost", `${vhost.name}=other`];
  const whole = await exported(run, [...renamed, "--select-users"]);
  assert.deepEqual(whole.vhosts.map(nameOf), ["other"]);
  assert.deepEqual(whole.policies.map(({ vhost }: { vhost: string }) => vhost), ["other"]);
  assert.ok(whole.users.map(nameOf).includes(broker.username));
  assert.equal(whole.rabbit_version, broker.fullVersion);
  assert.equal(whole.rabbitmq_version, broker.fullVersion);

  // 3. Nothing secret; what is transformed.
  const plain = await exported(run, ["--without-users", "--transformations", "exclude_policies"]);
  assert.deepEqual([plain.users, plain.permissions, plain.policies], [[], [], []]);
  assert.ok(plain.queues.length > 0);

  // 4. A pattern that matches nothing.
  const failed = await run(["definitions-export", "--select-queue", "ordesr"]);
  assert.equal(failed.code, 2, failed.stderr);
  assert.match(failed.stderr, /no queue matches "ordesr"/);
  assert.equal(failed.stdout, "");
});

testOnEach("import: the difference first, a snapshot, what was done, and back", async (broker) => {
  await using dir = await tempDir();
  await using vhost = await testVhost(broker, "rollback");
  await using user = await userOf(broker);
  await fill(broker, vhost);
  const run = runner(broker, dir);
  const file = dir.join("wanted.json");
  const select = ["--select-vhost", vhost.name, "--select-users"];
  const wanted = await exported(run, select);
  wanted.policies[0].definition = { "max-length": 99 };
  wanted.queues.push({ ...wanted.queues[0], name: "added" });
  wanted.users.push({ ...user, tags: ["monitoring"] });
  await Deno.writeTextFile(file, JSON.stringify(wanted));
  const rollbackDir = dir.join("kept");
  const input = ["--input", file, "--rollback-dir", rollbackDir];

  // 1. The difference, field by field, and nothing is done.
  const tried = await run(["definitions-import", ...input, "--dry-run"]);
  assert.equal(tried.code, 0, tried.stdout + tried.stderr);
  assert.match(tried.stdout, /queue added/);
  assert.match(tried.stdout, /policy limit .*\n {6}definition\.max-length: 7 -> 99/);
  assert.match(tried.stdout, /password_hash: \*\*\* -> \*\*\*/);
  assert.match(tried.stdout, /tags: \[.*\] -> \["monitoring"\]/);
  await assert.rejects(Deno.stat(rollbackDir), Deno.errors.NotFound);

  // 2. Done; what was there is kept, and for the user alone.
  const done = await run(["definitions-import", ...input, "--json"]);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  const told = JSON.parse(done.stdout);
  assert.deepEqual(told.updated.map(nameOf), [user.name, "limit"]);
  assert.deepEqual(told.created.map(nameOf), ["added"]);
  const [snapshot] = await filesIn(rollbackDir);
  assert.equal(told.rollback_snapshot, snapshot);
  assert.match(snapshot!, /\/rollback-before-import-\d{13}\.json$/);
  assert.equal((await Deno.stat(snapshot!)).mode! & 0o777, 0o600);
  const before = JSON.parse(await Deno.readTextFile(snapshot!));
  assert.ok(before.queues.length > 0 && before.users.length > 0);
  assert.ok(!before.queues.some(({ name }: { name: string }) => name === "added"));

  // 3. A second time there is nothing to do, and nothing to keep.
  const again = JSON.parse((await run(["definitions-import", ...input, "--json"])).stdout);
  assert.deepEqual([again.created, again.updated, again.rollback_snapshot], [[], [], undefined]);
  assert.equal((await filesIn(rollbackDir)).length, 1);

  // 4. What has changed since, and back.
  const only = ["--vhost", vhost.name, "--json"];
  const diff = JSON.parse((await run(["definitions-diff", snapshot!, "live", ...only])).stdout);
  assert.deepEqual([diff.added.map(nameOf), diff.changed.map(nameOf)], [["added"], ["limit"]]);
  assert.deepEqual(diff.changed[0].fields, [
    { field: "definition.max-length", from: "7", to: "99" },
  ]);
  const newest = ["definitions-rollback", "--rollback-dir", rollbackDir];
  const planned = await run([...newest, "--dry-run", "-v"]);
  assert.match(
    planned.stdout,
    /Created since, and left:\n(?: {2}.*\n)* {2}queue added \(rollback-/,
  );
  assert.match(planned.stdout, /policy limit .*\n {6}definition\.max-length: 99 -> 7/);
  // The broker is shared: what others have deleted since is not to come back.
  const own = await dir.write("own.json", JSON.stringify(ofVhost(before, vhost.name)));
  const rolled = await run([...newest, "--input", own]);
  assert.equal(rolled.code, 0, rolled.stdout + rolled.stderr);
  const policy = await management(broker, `policies/${encodeURIComponent(vhost.name)}/limit`);
  assert.deepEqual((policy as { definition: unknown }).definition, { "max-length": 7 });
  for (const result of [tried, done, rolled]) {
    assert.ok(!(result.stdout + result.stderr).includes(user.password_hash), "a hash is shown");
  }
});

testOnEach("import: what does not fit is refused before anything is changed", async (broker) => {
  await using dir = await tempDir();
  await using vhost = await testVhost(broker, "refuse");
  const run = runner(broker, dir);
  const queue = { vhost: vhost.name, name: "q", durable: true, auto_delete: false, arguments: {} };
  const lists = { users: [], vhosts: [], permissions: [], exchanges: [], bindings: [] };
  const queueCount = async () => {
    const found = await management(broker, `queues/${encodeURIComponent(vhost.name)}`);
    return (found as unknown[]).length;
  };
  const importing = async (definitions: unknown, ...flags: string[]) => {
    const text = typeof definitions === "string" ? definitions : JSON.stringify(definitions);
    const file = await dir.write("definitions.json", text);
    return await run(["definitions-import", "-i", file, ...flags]);
  };

  // 1. Of another major version.
  const other = { ...lists, rabbitmq_version: "1.7.2", queues: [queue] };
  const mismatch = await importing(other);
  assert.equal(mismatch.code, 7, mismatch.stderr);
  assert.match(mismatch.stderr, /they are of RabbitMQ 1\.7\.2, and the broker is \d/);
  assert.match(mismatch.stderr, /Hint: .*--allow-version-mismatch/);
  const tried = await importing(other, "--dry-run", "--json");
  assert.equal(tried.code, 7);
  const plan = JSON.parse(tried.stdout);
  assert.deepEqual(plan.version_mismatch.source, "1.7.2");
  assert.match(plan.refused.message, /they are of RabbitMQ/);

  // 2. With a permission of nobody; with nothing that can be left out.
  const rights = { configure: "", write: "", read: "" };
  const nobody = { vhost: vhost.name, user: "nobody-at-all", ...rights };
  const unfit = { ...lists, queues: [queue], permissions: [nobody] };
  const refused = await importing(unfit);
  assert.equal(refused.code, 7, refused.stderr);
  assert.match(refused.stderr, /there is no user "nobody-at-all"/);
  const single = await importing({ queues: [{ name: "q" }], exchanges: [], bindings: [] });
  assert.equal(single.code, 7, single.stderr);
  assert.match(single.stderr, /of a single vhost, and do not say of which/);
  for (
    const [text, code, message] of [
      ["{", 4, /it is no JSON/],
      ["{}", 4, /none of the lists/],
      ['{"queues":[]}', 4, /have no users, vhosts, permissions, exchanges, bindings/],
      ['{"queues":[{"name":5}],"exchanges":[],"bindings":[]}', 4, /queues\[0\] has no text "name"/],
      [JSON.stringify({ ...other, queues: [queue, { ...queue, durable: false }] }), 4, /twice/],
    ] as const
  ) {
    const bad = await importing(text);
    assert.equal(bad.code, code, bad.stderr);
    assert.match(bad.stderr, message);
  }
  const unmatched = await importing(other, "--select-exchange", "none");
  assert.equal(unmatched.code, 2, unmatched.stderr);
  assert.equal(await queueCount(), 0, "nothing was changed");

  // 3. What fits comes when told so; the rest is named.
  const part = await importing(unfit, "--skip-unsupported", "--json");
  assert.equal(part.code, 3, part.stderr);
  assert.deepEqual(JSON.parse(part.stdout).failed.map(nameOf), ["nobody-at-all"]);
  assert.equal(await queueCount(), 1);
  assert.equal((await importing(other, "--allow-version-mismatch")).code, 0);
});

testOnEach("definitions through a pipe, and a backup against the broker", async (broker) => {
  await using job = await newJob(broker);
  await using from = await testVhost(broker, "pipe");
  await using to = await testVhost(broker, "pipe");
  await fill(broker, from);
  const run = runner(broker, job.dir);
  const { stdout } = await run(["definitions-export", "--vhost", from.name]);
  const piped = await run(["definitions-import", "-i", "-", "--vhost", to.name], stdout);
  assert.equal(piped.code, 0, piped.stdout + piped.stderr);

  const taken = await job.backup({ vhosts: [from.name] });
  assert.equal(taken.code, 0, taken.stderr);
  const only = ["--vhost", from.name];
  const same = ["latest", "tes", job.dir.join("backups", "test"), `file://${job.backups}/test`];
  for (const side of same) {
    const result = await run(["definitions-diff", side, "live", "-p", job.backups, ...only]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /No difference in \d+ objects/);
  }
  await from.queue("new");
  await remove(broker, `policies/${encodeURIComponent(from.name)}/limit`);
  const args = ["definitions-diff", "test", "live", "-p", job.backups, ...only, "--exit-code"];
  const differing = await run(args);
  assert.equal(differing.code, 3, differing.stderr);
  assert.match(differing.stdout, /Only in test:\n- policy limit \(pipe-/);
  assert.match(differing.stdout, /Only in live:\n\+ queue new \(pipe-/);
  const missing = await run(["definitions-diff", "nope", "live", "-p", job.backups]);
  assert.equal(missing.code, 10, missing.stderr);

  // What an import of the backup keeps is kept beside it, and brings back what it found.
  const select = ["--select-vhost", from.name, "-p", job.backups, "-b", "test"];
  const back = await run(["definitions-import", ...select, "--json"]);
  assert.equal(back.code, 0, back.stdout + back.stderr);
  assert.match(
    JSON.parse(back.stdout).rollback_snapshot,
    /\/test\/definitions\/rollback-before-import-\d{13}\.zst$/,
  );
  assert.match((await job.validate()).stdout, /whole|valid/i);
  assert.doesNotMatch((await job.validate()).stdout, /belongs to nothing/);
  const rolled = await run([
    "definitions-rollback",
    "-p",
    job.backups,
    "-b",
    "test",
    "--dry-run",
    "--json",
  ]);
  assert.equal(JSON.parse(rolled.stdout).dry_run, true, rolled.stderr);
});

Deno.test("definitions-diff of two brokers of a configuration", async () => {
  const [one, two] = brokers();
  await using dir = await tempDir();
  await using vhost = await testVhost(one!, "both");
  await vhost.queue("q");
  const endpoint = ({ amqpUrl, managementUrl }: Broker) =>
    `{ amqp_url: "${amqpUrl}", management_url: "${managementUrl}" }`;
  const file = await dir.write(
    "both.yaml",
    `source: ${endpoint(one!)}\ntarget: ${endpoint(two!)}\n`,
  );
  const args = ["definitions-diff", "source", "target", "-c", file, "--vhost", vhost.name];
  const result = await runCli([...args, "-f", "json"]);
  assert.equal(result.code, 0, result.stderr);
  const { removed, added } = JSON.parse(result.stdout);
  assert.deepEqual(removed.map(({ kind }: { kind: string }) => kind), ["permissions", "queues"]);
  assert.deepEqual(added, []);
});

/** A queue behind two exchanges, another, and a policy. */
async function fill(broker: Broker, vhost: TestVhost): Promise<void> {
  const scope = encodeURIComponent(vhost.name);
  await vhost.queue("orders", { type: "quorum" });
  await vhost.queue("other");
  await createBoundExchange(broker, { vhost: vhost.name, name: "orders.x", queue: "orders" });
  await createBoundExchange(broker, { vhost: vhost.name, name: "other.x", queue: "other" });
  await put(broker, `exchanges/${scope}/entry`, { type: "fanout", durable: true });
  await management(broker, `bindings/${scope}/e/entry/e/orders.x`, {
    method: "POST",
    body: { routing_key: "" },
  });
  const policy = { pattern: "^none$", definition: { "max-length": 7 }, "apply-to": "queues" };
  await put(broker, `policies/${scope}/limit`, policy);
}

/** A user that is there with another password and tag than the object that it is. */
async function userOf(broker: Broker) {
  const name = `wanted-${crypto.randomUUID().slice(0, 8)}`;
  await createUser(broker, { name, password: PASSWORD });
  return {
    name,
    password_hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
    hashing_algorithm: "rabbit_password_hashing_sha256",
    [Symbol.asyncDispose]: () => remove(broker, `users/${name}`),
  };
}

type Run = (args: string[], stdin?: string) => Promise<CliResult>;

function runner(broker: Broker, state: TempDir): Run {
  const env = {
    RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl,
    RABBITMQ_BACKUP_MANAGEMENT_URL: broker.managementUrl,
    XDG_STATE_HOME: state.path,
  };
  return (args, stdin) => runCli(args, { env, ...stdin === undefined ? {} : { stdin } });
}

// deno-lint-ignore no-explicit-any
async function exported(run: Run, flags: string[]): Promise<any> {
  const result = await run(["definitions-export", ...flags]);
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

/** Definitions of a whole broker with what is of one vhost. */
function ofVhost(definitions: Record<string, unknown>, vhost: string): Record<string, unknown> {
  const entries = Object.entries(definitions).map(([key, list]) => [
    key,
    Array.isArray(list) ? list.filter((object) => object.vhost === vhost) : list,
  ]);
  return Object.fromEntries(entries);
}

async function filesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => join(folder, name));
}

function nameOf({ name }: { name: string }): string {
  return name;
}
