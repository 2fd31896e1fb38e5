/** What the tests of failing runs share: users, expectations, and what must not be left behind. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import type { Broker } from "./brokers.ts";
import { type CliResult, runCli } from "./cli.ts";
import type { Job, JobConfig } from "./job.ts";
import { assertSameMessages, pikaGenerate, type PikaMessage, pikaRead } from "./pika.ts";
import {
  type BrokerAddress,
  createUser,
  deleteQueue,
  remove,
  setPermissions,
  waitForDepth,
} from "./queues.ts";

/** Part of every password in these tests; it may appear in no output and no file of the tool. */
export const CANARY = "canary";

/** How a run should have failed: exit code, error message and hint. */
export interface Failure {
  code: number;
  error: RegExp;
  hint: RegExp;
}

/** The run ended with this code, this message and this hint, and told no secret. */
export function assertFailed(result: CliResult, { code, error, hint }: Failure): void {
  const all = allOf(result);
  assert.equal(result.code, code, all);
  assert.match(/^(?:Error: )?(Cannot .*|Stopped .*)$/m.exec(result.stderr)?.[1] ?? "", error, all);
  // The last one: warnings before it have hints of their own.
  assert.match(result.stderr.trimEnd().split("\n").at(-1)!, hint, all);
  assert.match(result.stderr, /^Hint: .*\n$/m, all);
  assertNoSecret(result);
}

export function assertOk(result: CliResult): void {
  assert.equal(result.code, 0, allOf(result));
  assertNoSecret(result);
}

/** The run is partial, and its output names each of these. */
export function assertPartial(result: CliResult, ...told: RegExp[]): void {
  assert.equal(result.code, 3, allOf(result));
  for (const pattern of told) assert.match(result.stderr + result.stdout, pattern);
  assertNoSecret(result);
}

export function allOf({ code, stdout, stderr }: CliResult): string {
  return `exit code ${code}\n${stderr}\n${stdout}`;
}

/** No password is in what it printed. */
export function assertNoSecret({ stdout, stderr }: CliResult): void {
  assert.doesNotMatch(stdout + stderr, new RegExp(CANARY));
}

/** No file of the job but the configuration holds a password. */
export async function assertNoSecretIn(job: Job): Promise<void> {
  for (const file of await filesBelow(job.dir.path)) {
    if (file.endsWith(".yaml")) continue;
    const text = new TextDecoder("latin1").decode(await Deno.readFile(job.dir.join(file)));
    assert.ok(!text.includes(CANARY), `a password is in ${file}`);
  }
}

/** Neither spooled messages nor unfinished objects are left; the lock of a failed run may be. */
export async function assertNothingLeft(job: Job): Promise<void> {
  const files = await filesBelow(job.dir.path);
  const left = files.filter((file) => /^spool\/|\.tmp-|unfinished\.json$/.test(file));
  // A run that was ended at once may have been just copying its progress.
  const mayBe = /^spool\/[^/]+\/lock$|^backups\/[^/]+\/runs\/[^/]+\/\.tmp-/;
  assert.deepEqual(left.filter((file) => !mayBe.test(file)), []);
}

/** Paths of all files below a folder, relative to it, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  const visit = async (path: string) => {
    for await (const entry of Deno.readDir(path)) {
      const child = join(path, entry.name);
      if (entry.isDirectory) await visit(child);
      else files.push(relative(folder, child));
    }
  };
  await visit(folder);
  return files.sort();
}

/** The bytes of all files below a folder, to see whether anything changed. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const file of await filesBelow(folder)) {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(join(folder, file)));
    content[file] = new Uint8Array(digest).toHex();
  }
  return content;
}

/** A user with a canary for a password, deleted when it goes out of scope (`await using`). */
export class TestUser implements AsyncDisposable {
  readonly broker: BrokerAddress;
  readonly name = `user-${crypto.randomUUID().slice(0, 8)}`;
  readonly password = `${CANARY}-${crypto.randomUUID()}`;

  constructor(broker: BrokerAddress) {
    this.broker = broker;
  }

  /** The broker's AMQP URL, with this user. */
  get amqpUrl(): string {
    return this.urlOn(this.broker.amqpUrl);
  }

  /** Any AMQP URL, with this user. */
  urlOn(url: string): string {
    const { protocol, host } = new URL(url);
    return `${protocol}//${this.name}:${this.password}@${host}`;
  }

  /** A broker that is reached as this user; for {@linkcode newJob}. */
  get address(): Pick<Broker, "amqpUrl" | "managementUrl"> {
    return { amqpUrl: this.amqpUrl, managementUrl: this.broker.managementUrl };
  }

  /** Creates it, or gives it other tags, or another password. */
  async put(tags: string, password = this.password): Promise<void> {
    await createUser(this.broker, { name: this.name, password, tags });
  }

  /** What it may do in a vhost; nothing but what is named. */
  async grant(
    vhost: string,
    rights: { configure?: string; write?: string; read?: string },
  ): Promise<void> {
    const none = { configure: "^$", write: "^$", read: "^$" };
    await setPermissions(this.broker, { vhost, user: this.name, ...none, ...rights });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.broker, `users/${this.name}`);
  }
}

/** An administrator who may do everything in a vhost, also publish with another's user_id. */
export async function administrator(broker: BrokerAddress, vhost: string): Promise<TestUser> {
  const user = new TestUser(broker);
  await user.put("administrator,impersonator");
  await user.grant(vhost, { configure: ".*", write: ".*", read: ".*" });
  return user;
}

/** A queue whose messages are known, so that it can be seen to be whole. */
export interface Loaded {
  readonly queue: { vhost: string; name: string };
  readonly sent: PikaMessage[];
}

/** Publishes messages of all kinds. */
export async function load(
  broker: Broker,
  queue: { vhost: string; name: string },
  count = 50,
): Promise<Loaded> {
  return { queue, sent: await pikaGenerate(broker, queue, { count, priorities: [4] }) };
}

/** Queues hold just what was published, in order; the foreign client gives it back again. */
export async function assertWhole(broker: Broker, ...loaded: Loaded[]): Promise<void> {
  for (const { queue, sent } of loaded) {
    await waitForDepth(broker, queue, { depth: sent.length });
    assertSameMessages(sent, await pikaRead(broker, queue), { routing: false });
  }
}

/** Deletes the queues, restores the backup and finds them whole. */
export async function assertRestores(
  broker: Broker,
  options: { job: Job; config?: JobConfig; loaded: Loaded[] },
): Promise<void> {
  const { job, config = {}, loaded } = options;
  for (const { queue } of loaded) await deleteQueue(broker, queue);
  assertOk(await job.restore(config));
  await assertWhole(broker, ...loaded);
}

/** Runs a command line that the tool printed as a shell would. */
export async function runPrinted(result: CliResult): Promise<CliResult> {
  const command = /go on with: (.*)$/m.exec(result.stderr)?.[1];
  assert.ok(command !== undefined, allOf(result));
  const deno = join(Deno.execPath(), "..");
  const path = `${deno}:${Deno.env.get("PATH") ?? ""}`;
  const { code, signal, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", command],
    env: { PATH: path },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** `list --json` of a job's storage, by backup id. */
// deno-lint-ignore no-explicit-any
export async function listed(job: Job): Promise<Record<string, any>> {
  const result = await runCli(["list", "-p", job.backups, "--json"]);
  assertOk(result);
  const { backups } = JSON.parse(result.stdout);
  return Object.fromEntries(
    // deno-lint-ignore no-explicit-any
    backups.map((backup: any) => [backup.backup_id, backup]),
  );
}
