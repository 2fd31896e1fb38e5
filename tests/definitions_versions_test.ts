/** Definitions on their way through versions: what does not fit is told, and all else is there. */
import assert from "node:assert/strict";
import { type Broker, brokers } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { management, remove } from "./helpers/queues.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

const HASH = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
const UPGRADE = ["--transformations", "prepare_for_quorum_queue_migration,drop_empty_policies"];

Deno.test("3.10 to 4.0 to 4.3: mirrored queues become quorum queues, and nothing is lost", async () => {
  const [old, middle, newest] = brokers();
  await using dir = await tempDir();
  const name = `up-${crypto.randomUUID().slice(0, 8)}`;
  await using _vhosts = ending([old!, middle!, newest!], name);
  await importTo(old!, dir, { definitions: of310(name), version: old!.fullVersion });

  // 1. As it is, it does not fit, and says why before anything is done.
  const exported = await exportOf(old!, dir, name);
  const refused = await run(middle!, dir, ["definitions-import", "-i", exported]);
  assert.equal(refused.code, 7, refused.stderr);
  assert.match(refused.stderr, /"ha" of vhost .* in policies \(from 4\.0 on .* no mirrored queues/);
  const tried = await run(middle!, dir, ["definitions-import", "-i", exported, "--dry-run"]);
  assert.equal(tried.code, 7, tried.stderr);
  assert.match(tried.stdout, /Would be refused by the broker:\n {2}policy ha /);
  assert.match(tried.stdout, /user up-.*-old\n {6}its password is hashed with MD5/);
  assert.deepEqual(await vhostsOf(middle!, name), []);

  // 2. Made fit.
  const allow = [...UPGRADE, "--allow-version-mismatch"];
  const up = await run(middle!, dir, ["definitions-import", "-i", exported, ...allow, "--json"]);
  assert.equal(up.code, 0, up.stdout + up.stderr);
  const { failed, changed_meaning } = JSON.parse(up.stdout);
  assert.deepEqual([failed, changed_meaning.length], [[], 1]);
  const queues = await queuesOf(middle!, name);
  assert.deepEqual(queues, { lazy: "classic", mirrored: "quorum", transient: "classic" });

  // 3. On to the next, where 4.x needs no leave.
  const again = await exportOf(middle!, dir, name);
  const next = await run(newest!, dir, ["definitions-import", "-i", again]);
  assert.equal(next.code, 0, next.stdout + next.stderr);
  assert.deepEqual(await queuesOf(newest!, name), queues);
});

Deno.test("4.3 to 4.0 to 3.10: what is too new is named, and left out when told so", async () => {
  const [old, middle, newest] = brokers();
  await using dir = await tempDir();
  const name = `down-${crypto.randomUUID().slice(0, 8)}`;
  await using _vhosts = ending([old!, middle!, newest!], name);
  await importTo(newest!, dir, { definitions: of43(name), version: newest!.fullVersion });

  // 1. One major version down is none: only what 4.0 does not know is refused.
  const exported = await exportOf(newest!, dir, name);
  const refused = await run(middle!, dir, ["definitions-import", "-i", exported]);
  assert.equal(refused.code, 7, refused.stderr);
  assert.match(
    refused.stderr,
    /It would refuse "retries" .*before 4\.3 does not know delayed-retry/,
  );
  const skip = ["--skip-unsupported", "--json"];
  const down = await run(middle!, dir, ["definitions-import", "-i", exported, ...skip]);
  assert.equal(down.code, 3, down.stderr);
  assert.deepEqual(failedOf(down), ["policies retries"]);

  // 2. To 3.10, which knows less.
  const older = await exportOf(middle!, dir, name);
  const allow = ["--allow-version-mismatch", "--json"];
  const last = await run(old!, dir, ["definitions-import", "-i", older, ...allow]);
  assert.equal(last.code, 3, last.stderr);
  assert.deepEqual(failedOf(last), [
    "policies quorum-only",
    "policies unlimited",
    "queues unlimited",
    "exchanges random",
    "bindings random -> plain ()",
  ]);
  const { changed_meaning, missing, different } = JSON.parse(last.stdout);
  assert.deepEqual(changed_meaning.map(({ kind }: { kind: string }) => kind), ["vhosts"]);
  assert.deepEqual(missing, []);
  assert.deepEqual(different.map(({ kind }: { kind: string }) => kind), ["vhosts"]);
  assert.deepEqual(Object.keys(await queuesOf(old!, name)), ["plain", "stream"]);
});

/** What 3.10 has and 4.x does not take as it is. */
function of310(vhost: string) {
  const queue = { vhost, durable: true, auto_delete: false };
  return {
    ...empty(vhost),
    users: [{
      name: `${vhost}-old`,
      password_hash: HASH,
      hashing_algorithm: "rabbit_password_hashing_md5",
      tags: "monitoring",
    }],
    permissions: [{ vhost, user: `${vhost}-old`, configure: "", write: "", read: ".*" }],
    policies: [
      { ...policy(vhost, "ha", { "ha-mode": "all" }), pattern: "^mirrored", priority: 5 },
      policy(vhost, "length", { "max-length": 5, "queue-mode": "lazy" }),
    ],
    queues: [
      { ...queue, name: "mirrored", arguments: { "x-max-priority": 3 } },
      { ...queue, name: "lazy", arguments: { "x-queue-mode": "lazy" } },
      { ...queue, name: "transient", durable: false, arguments: {} },
    ],
  };
}

/** What 4.3 has and older ones do not know. */
function of43(vhost: string) {
  const queue = { vhost, durable: true, auto_delete: false };
  return {
    ...empty(vhost),
    vhosts: [{
      name: vhost,
      metadata: { default_queue_type: "quorum", description: "d", tags: [] },
    }],
    policies: [
      policy(vhost, "retries", { "delayed-retry-min": 1000 }),
      { ...policy(vhost, "quorum-only", { "max-length": 5 }), "apply-to": "quorum_queues" },
      policy(vhost, "unlimited", { "delivery-limit": -1 }),
    ],
    queues: [
      { ...queue, name: "plain", arguments: { "x-queue-type": "classic" } },
      { ...queue, name: "stream", arguments: { "x-queue-type": "stream" } },
      {
        ...queue,
        name: "unlimited",
        arguments: { "x-queue-type": "quorum", "x-delivery-limit": -1 },
      },
    ],
    exchanges: [{ ...queue, name: "random", type: "x-local-random", arguments: {} }],
    bindings: [{
      vhost,
      source: "random",
      destination: "plain",
      destination_type: "queue",
      routing_key: "",
      arguments: {},
    }],
  };
}

function empty(vhost: string) {
  return { vhosts: [{ name: vhost }], users: [], permissions: [], exchanges: [], bindings: [] };
}

function policy(vhost: string, name: string, definition: Record<string, unknown>) {
  return { vhost, name, pattern: "^never$", "apply-to": "all", priority: 0, definition };
}

async function importTo(
  broker: Broker,
  dir: TempDir,
  { definitions, version }: { definitions: unknown; version: string },
): Promise<void> {
  const text = JSON.stringify({ rabbitmq_version: version, ...definitions as object });
  const file = await dir.write("first.json", text);
  const result = await run(broker, dir, ["definitions-import", "-i", file]);
  assert.equal(result.code, 0, result.stdout + result.stderr);
}

async function exportOf(broker: Broker, dir: TempDir, vhost: string): Promise<string> {
  const file = dir.join(`${broker.version}.json`);
  // The user who imports gets permissions; without the user they would not fit elsewhere.
  const flags = ["--select-vhost", vhost, "--select-users", "-o", file];
  const result = await run(broker, dir, ["definitions-export", ...flags]);
  assert.equal(result.code, 0, result.stderr);
  // The administrator of one broker is not to get the password of another's.
  const { users, ...others } = JSON.parse(await Deno.readTextFile(file));
  const own = users.filter(({ name }: { name: string }) => name !== broker.username);
  await Deno.writeTextFile(file, JSON.stringify({ ...others, users: own }));
  return file;
}

function run(broker: Broker, dir: TempDir, args: string[]): Promise<CliResult> {
  const env = {
    RABBITMQ_BACKUP_AMQP_URL: broker.amqpUrl,
    RABBITMQ_BACKUP_MANAGEMENT_URL: broker.managementUrl,
    XDG_STATE_HOME: dir.path,
  };
  return runCli(args, { env });
}

function failedOf({ stdout }: CliResult): string[] {
  return JSON.parse(stdout).failed
    .map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`);
}

async function queuesOf(broker: Broker, vhost: string): Promise<Record<string, string>> {
  const queues = await management(broker, `queues/${vhost}?columns=name,type`) as {
    name: string;
    type: string;
  }[];
  return Object.fromEntries(
    queues.map(({ name, type }) => [name, type]).toSorted(([a], [b]) => a! < b! ? -1 : 1),
  );
}

async function vhostsOf(broker: Broker, name: string): Promise<unknown[]> {
  const vhosts = await management(broker, "vhosts") as { name: string }[];
  return vhosts.filter((vhost) => vhost.name === name);
}

/** Removes the vhost and the user of a test wherever they got to. */
function ending(all: Broker[], name: string): AsyncDisposable {
  const gone = (error: unknown) => assert.match(String(error), /404/);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const broker of all) {
        await remove(broker, `vhosts/${name}`).catch(gone);
        await remove(broker, `users/${name}-old`).catch(gone);
      }
    },
  };
}
