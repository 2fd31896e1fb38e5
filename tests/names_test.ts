/** Vhosts and queues of every name: into a backup, and back under the same names. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { queueFolder } from "../src/archive/layout.ts";
import { escapeName } from "../src/config/name_pattern.ts";
import { type Broker, testOnEach } from "./helpers/brokers.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { Job, newJob } from "./helpers/job.ts";
import { pikaGenerate } from "./helpers/pika.ts";
import { PlainClient } from "./helpers/plain_client.ts";
import { management, remove, testVhost } from "./helpers/queues.ts";
import { assertReadersAgree, readWithPython } from "./helpers/readers.ts";
import { TempDir, tempDir } from "./helpers/temp.ts";

const MAIN = join(import.meta.dirname ?? ".", "..", "main.ts");
const ACUTE = "\u0301";

/** Names that break what is careless with them. */
const QUEUES = [
  ...["orders", "Orders", "ORDERS", "oRDERS", "straße", "STRASSE"],
  ...[".", "..", "...", "../..", "../../escaped", "r/../../x", "/etc/passwd", "/", "//", "a//b"],
  ...["\\", "..\\..\\x", "C:\\x", "\\\\server\\share", "file:///x", "~", "~root", "$HOME"],
  ...["%", "%2e%2e", "%2F", "a/b%2Fc", "a%00b", "a\0b", "a\0", "tab\there", "\x1b[2J", "\x7f"],
  ...["caf\u00e9", `cafe${ACUTE}`, "\u212b", "\u00c5", "\ufb01", "fi", "\u0130", "\u0131"],
  ...["\u200fright-to-left", "abc\u202egpj.exe", "\u2066x\u2069", "\u200b", "\ufeff", "\u2028"],
  ...["\u{1f407}", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", "\u{10ffff}", "\uffff", "日本語"],
  ...[" ", "  ", " front", "front", "end ", "end", "dot.", "dot", "dot..", "dot. ", "-", "--help"],
  ...["CON", "con", "con.txt", "NUL", "Aux", "com1", "LPT9.log", "_default", "_", "default"],
  ...[
    "a?b&c#d+e=f",
    "\"c'd`e",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "~x",
    "a:b",
    "a|b",
    "<a>",
    "a;b",
    "a,b",
  ],
  ...["n".repeat(255), "N".repeat(255), "ü".repeat(127), "\u{1f407}".repeat(63), "n".repeat(64)],
  ...["manifest.json", "unfinished.json", "segment-0001.zst", "definitions", "queues"],
  ...["__proto__", "constructor", "null", "0", "1e3", "-1"],
];

testOnEach("queues and vhosts of every name come back", async (broker) => {
  await using outer = await tempDir();
  const job = new Job(broker, await folderIn(outer.join("a", "b", "c")));
  await using vhosts = await OddVhosts.create(broker);
  await vhosts.fill();

  // 1. Backup, by a process that may write nowhere else.
  const before = await listing(outer.path);
  assert.deepEqual(before, []);
  const args = await job.backupArgs({
    vhosts: vhosts.names.map(escapeName),
    backup: { spool_dir: job.dir.join("spool"), include_definitions: true },
  });
  const backup = await runConfined([...args, "--json"], job.dir.path);
  assert.equal(backup.code, 0, backup.stdout + backup.stderr);
  const manifest = await job.manifest();
  assert.deepEqual(namesIn(manifest.queues), namesIn(vhosts.queues));

  // 2. What is stored is where it belongs, and no two queues share a place anywhere.
  const files = (await listing(job.dir.path)).filter((path) => !path.startsWith("state.db"));
  const segments = manifest.queues.flatMap((queue: { segments: { key: string }[] }) =>
    queue.segments.map(({ key }) => `backups/${key}`)
  );
  const rest = ["test/manifest.json", "test/definitions/definitions.json.zst"];
  assert.deepEqual(
    files.toSorted(),
    [...segments, ...rest.map((path) => `backups/${path}`), "backup.yaml"].toSorted(),
  );
  assert.ok((await listing(outer.path)).every((path) => path.startsWith("a/b/c/")));
  const folded = segments.map((key: string) => key.normalize("NFKC").toLowerCase());
  assert.equal(new Set(folded).size, vhosts.queues.length);
  for (const key of segments) assert.match(key, /^[a-z0-9._/-]{1,250}$/);

  // 3. It is whole, to us and to others; and a terminal is safe from its names.
  const validated = await job.validate();
  assert.equal(validated.code, 0, validated.stdout + validated.stderr);
  assertHarmless(validated);
  const described = await runCli(["describe", "-p", job.backups, "-b", "test"]);
  assert.equal(described.code, 0);
  assertHarmless(described);
  const lines = await readWithPython(join(job.backups, "test"));
  assert.equal(lines.length, manifest.total_messages);
  assert.deepEqual(
    namesIn(
      lines.filter((_, index) => index % 2 === 0).map(({ vhost, queue }) => ({
        vhost,
        name: queue,
      })),
    ),
    namesIn(vhosts.queues),
  );

  // 4. Loss, and restore.
  await vhosts.deleteQueues();
  const restoreArgs = await job.restoreArgs();
  const restored = await runConfined([...restoreArgs, "--json"], job.dir.path);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  await vhosts.assertFilled();
});

testOnEach("the vhost / and one that is called like its folder", async (broker) => {
  await using job = await newJob(broker);
  const name = `names test ${crypto.randomUUID()}`;
  const vhosts = ["/", "_default"];
  await createVhosts(broker, ["_default"]);
  const clients = await Promise.all(vhosts.map((vhost) => PlainClient.open(broker, vhost)));
  try {
    for (const [index, client] of clients.entries()) {
      await client.declare([{ name }]);
      await client.publish([[name, vhosts[index]!]]);
    }
    const source = { queues: { vhosts, include: [name] } };
    const backup = await job.backup({ source });
    assert.equal(backup.code, 0, backup.stderr);
    const { queues } = await job.manifest();
    const folders = queues.map(({ segments }: { segments: { key: string }[] }) =>
      segments[0]!.key.split("/")[2]!
    );
    assert.equal(folders[0], "_default");
    assert.match(folders[1], /^_default-[a-z2-7]{32}$/);
    for (const client of clients) await client.deleteQueues([name]);
    assert.equal((await job.restore()).code, 0);
    for (const [index, client] of clients.entries()) {
      assert.deepEqual((await client.take(name)).map(({ body }) => body), [vhosts[index]]);
    }
  } finally {
    await clients[0]!.deleteQueues([name]);
    for (const client of clients) await client[Symbol.asyncDispose]();
    await remove(broker, "vhosts/_default");
  }
});

testOnEach("a name with line ends is what the broker makes of it", async (broker) => {
  await using vhost = await testVhost(broker, "names");
  await using job = await newJob(broker);
  await using client = await PlainClient.open(broker, vhost.name);
  await client.declare([{ name: "new\nli\r\nne" }]);
  await client.publish([["newline", "x"]]);
  assert.equal((await job.backup({ vhosts: [vhost.name] })).code, 0);
  assert.deepEqual((await job.manifest()).queues.map(({ name }: { name: string }) => name), [
    "newline",
  ]);
  await client.deleteQueues(["newline"]);
  assert.equal((await job.restore()).code, 0);
  assert.deepEqual((await client.take("newline")).map(({ body }) => body), ["x"]);
});

testOnEach("someone else's reader reads every codec as pika read the queues", async (broker) => {
  await using vhost = await testVhost(broker, "names/é");
  await using job = await newJob(broker);
  const sent = new Map<string, Awaited<ReturnType<typeof pikaGenerate>>>();
  for (const type of ["classic", "quorum"] as const) {
    const queue = await vhost.queue(`of/${type}`, { type });
    const choices = { count: 150, priorities: [4], large: 1, largeSize: 300_000 };
    sent.set(queue.name, await pikaGenerate(broker, queue, choices));
  }
  for (const compression of ["zstd", "lz4", "none"]) {
    const backup = { compression, segment_max_bytes: "128KiB", include_definitions: false };
    const result = await job.backup({ backupId: compression, vhosts: [vhost.name], backup });
    assert.equal(result.code, 0, result.stderr);
    assert.ok((await job.manifest(compression)).total_segments > 4);
    const lines = await readWithPython(join(job.backups, compression));
    for (const [name, messages] of sent) {
      const found = lines.filter(({ queue }) => queue === name);
      assertReadersAgree(found, messages);
      if (name !== "of/classic" || broker.version !== "3.10") continue;
      // This broker changes nothing on the way: the very bytes that pika had sent.
      assert.deepEqual(found.map(({ properties }) => properties), messages.map(({ wire }) => wire));
    }
  }
});

/** Vhosts with odd names; the first has a queue of each odd name, the others have a few. */
class OddVhosts implements AsyncDisposable {
  readonly broker: Broker;
  readonly names: readonly string[];
  readonly queues: readonly { vhost: string; name: string }[];
  readonly #clients: Map<string, PlainClient>;

  private constructor(broker: Broker, names: string[], clients: Map<string, PlainClient>) {
    this.broker = broker;
    this.names = names;
    this.#clients = clients;
    const [first, ...others] = names;
    const all = [...QUEUES, ...hashedLookalikes(first!)];
    this.queues = [
      ...all.map((name) => ({ vhost: first!, name })),
      ...others.flatMap((vhost) =>
        ["..", "orders", "Orders", "caf\u00e9"].map((name) => ({ vhost, name }))
      ),
    ];
  }

  static async create(broker: Broker): Promise<OddVhosts> {
    const tail = crypto.randomUUID().slice(0, 8);
    const names = [
      ...[`../../${tail}`, `a/b%2Fc ${tail}`, `caf\u00e9 ${tail}`, `cafe${ACUTE} ${tail}`],
      ...[`Case-${tail}`, `case-${tail}`, `nul\0 ${tail}`, `${tail}.`, `${tail} `, `${tail}\u202e`],
      `${tail}${"v".repeat(247)}`,
    ];
    names.push(queueFolder("x", names[0]!, "q").split("/")[2]!);
    // These two can be removed by rabbitmqctl alone.
    if (broker.way !== "environment") names.push(".", "..");
    await createVhosts(broker, names);
    const clients = new Map<string, PlainClient>();
    for (const name of names) clients.set(name, await PlainClient.open(broker, name));
    return new OddVhosts(broker, names, clients);
  }

  async fill(): Promise<void> {
    for (const [vhost, client] of this.#clients) {
      const names = this.queuesOf(vhost);
      await client.declare(names.map((name) => ({ name })));
      await client.publish(names.flatMap((name) => bodiesOf(vhost, name)));
    }
  }

  queuesOf(vhost: string): string[] {
    return this.queues.filter((queue) => queue.vhost === vhost).map(({ name }) => name);
  }

  async deleteQueues(): Promise<void> {
    for (const [vhost, client] of this.#clients) await client.deleteQueues(this.queuesOf(vhost));
  }

  async assertFilled(): Promise<void> {
    for (const [vhost, client] of this.#clients) {
      for (const name of this.queuesOf(vhost)) {
        const found = (await client.take(name)).map(({ body }) => [name, body]);
        assert.deepEqual(found, bodiesOf(vhost, name));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) await client[Symbol.asyncDispose]();
    for (const name of this.names) {
      if (/^\.+$/.test(name)) await this.broker.rabbitmqctl("delete_vhost", name);
      else await remove(this.broker, `vhosts/${encodeURIComponent(name)}`);
    }
  }
}

function bodiesOf(vhost: string, name: string): [string, string][] {
  return [0, 1].map((index) => [name, JSON.stringify({ vhost, name, index })]);
}

/** Queues that are called like the folders of others. */
function hashedLookalikes(vhost: string): string[] {
  return ["Orders", "..", "caf\u00e9"].map((name) => queueFolder("x", vhost, name).split("/")[3]!);
}

/** Through definitions, as a URL can hold neither `.` nor `..`. */
async function createVhosts(broker: Broker, names: string[]): Promise<void> {
  const rights = { user: broker.username, configure: ".*", write: ".*", read: ".*" };
  const body = {
    vhosts: names.map((name) => ({ name })),
    permissions: names.map((vhost) => ({ vhost, ...rights })),
  };
  await management(broker, "definitions", { method: "POST", body });
}

function namesIn(queues: readonly { vhost: string; name: string }[]): string[] {
  return queues.map(({ vhost, name }) => JSON.stringify([vhost, name])).toSorted();
}

/** Files below a folder, as paths within it. */
async function listing(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (!isDirectory) found.push(name);
    else found.push(...(await listing(path)).map((inner) => join(name, inner)));
  }
  return found;
}

async function folderIn(path: string): Promise<TempDir> {
  await Deno.mkdir(path, { recursive: true });
  return new TempDir(path);
}

/** Runs the tool from its sources as a process that may write to one folder only. */
async function runConfined(args: string[], folder: string): Promise<CliResult> {
  const permissions = ["read", "env", "net", "sys"].map((each) => `--allow-${each}`);
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, `--allow-write=${folder}`, "--no-prompt", MAIN, ...args],
    cwd: folder,
  }).output();
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Fails when text for people holds what a terminal would act on. */
function assertHarmless({ stdout, stderr }: CliResult): void {
  // deno-lint-ignore no-control-regex
  const unsafe = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
  assert.deepEqual((stdout + stderr).split("\n").filter((line) => unsafe.test(line)), []);
}
