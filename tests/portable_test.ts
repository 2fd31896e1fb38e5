/** The self-extracting executable: where it unpacks, on systems of many kinds, and that it is out of the way then. */
import assert from "node:assert/strict";
import { VERSION } from "../src/version.ts";
import { portable, run } from "./helpers/portable.ts";
import { canMount } from "./helpers/small_disk.ts";
import { tempDir } from "./helpers/temp.ts";

const OK = { code: 0, out: `${VERSION}\n`, err: "" };
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const isRoot = Deno.uid() === 0;

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
}

Deno.test("unpacks once, for its user alone, and starts from there", async () => {
  await using dir = await tempDir();
  const env = { XDG_CACHE_HOME: dir.path };
  assert.deepEqual(await run([await portable(), "--version"], { env }), OK);
  const [content, ...others] = await names(dir.join("rabbitmq-backup"));
  assert.deepEqual(others, []);
  const unpacked = dir.join("rabbitmq-backup", content!);
  assert.equal((await Deno.stat(unpacked)).mode! & 0o777, 0o700);
  const { ino } = await Deno.stat(`${unpacked}/deno`);
  assert.deepEqual(await run([await portable(), "--version"], { env }), OK);
  assert.equal((await Deno.stat(`${unpacked}/deno`)).ino, ino);
});

Deno.test("unpacks again what something has tidied away", async () => {
  await using dir = await tempDir();
  const env = { RABBITMQ_BACKUP_CACHE: dir.path };
  assert.equal((await run([await portable(), "--version"], { env })).code, 0);
  const [content] = await names(dir.path);
  await Deno.remove(dir.join(content!, "main.js"));
  assert.deepEqual(await run([await portable(), "--version"], { env }), OK);
  assert.deepEqual(await names(dir.path), [content]);
});

Deno.test("many first starts at once: all run, and one copy is left", async () => {
  await using dir = await tempDir();
  const env = { RABBITMQ_BACKUP_CACHE: dir.join("new", "cache") };
  const path = await portable();
  const results = await Promise.all(
    Array.from({ length: 6 }, () => run([path, "--version"], { env })),
  );
  results.forEach((result) => assert.deepEqual(result, OK));
  const [content, ...others] = await names(env.RABBITMQ_BACKUP_CACHE);
  assert.deepEqual(others, []);
  const inside = await names(`${env.RABBITMQ_BACKUP_CACHE}/${content}`);
  assert.deepEqual(inside.filter((name) => !/^(deno|deno_dir|[\w.-]+\.js)$/.test(name)), []);
});

Deno.test("without home, TERM and UTF-8, and by name only", async () => {
  await using dir = await tempDir();
  const path = await portable();
  await Deno.symlink(path, dir.join("rabbitmq-backup"));
  const env = { TMPDIR: dir.path, LC_ALL: "C" };
  const sh = ["sh", "-c", 'cd "$1" && PATH=.:$PATH && rabbitmq-backup --version', "sh", dir.path];
  assert.deepEqual(await run(sh, { env }), OK);
  assert.deepEqual(
    await run(["rabbitmq-backup", "--version"], { front: ["sh"], cwd: dir.path, env }),
    OK,
  );
  assert.deepEqual(await names(dir.path), ["rabbitmq-backup", `rabbitmq-backup-${Deno.uid()}`]);
});

Deno.test("a home that cannot be written to: the temporary folder does", async () => {
  await using dir = await tempDir();
  const env = { HOME: "/proc", XDG_CACHE_HOME: "/proc/cache", TMPDIR: dir.path };
  assert.deepEqual(await run([await portable(), "--version"], { env }), OK);
  assert.deepEqual(await names(dir.path), [`rabbitmq-backup-${Deno.uid()}`]);
});

Deno.test("no folder will do: one line says so, and what to set", async () => {
  const env = { RABBITMQ_BACKUP_CACHE: "/proc/cache" };
  const { code, out, err } = await run([await portable(), "--version"], { env });
  assert.deepEqual([code, out], [1, ""]);
  assert.equal(
    err,
    "rabbitmq-backup: Cannot unpack: cannot make /proc/cache. " +
      "Set RABBITMQ_BACKUP_CACHE to a private folder where programs may run.\n",
  );
});

Deno.test("a home that cannot be written to: a run says in one line what to set", async () => {
  await using dir = await tempDir();
  const backup = ["backup", "--path", dir.join("backups"), "--amqp-url", "amqp://127.0.0.1:1"];
  const cache = { RABBITMQ_BACKUP_CACHE: dir.join("cache") };
  const path = await portable();
  const { code, err } = await run([path, ...backup], { env: { ...cache, HOME: "/proc" } });
  assert.equal(code, 6, err);
  assert.match(
    err,
    /^Error: Cannot write to "\/proc\/.*spool.*\nHint: set .*, or XDG_STATE_HOME, /,
  );
  // With it, the run comes as far as the broker, which is not there.
  const set = { ...cache, HOME: "/proc", XDG_STATE_HOME: dir.join("state") };
  const other = await run([path, ...backup], { env: set });
  assert.equal(other.code, 5, other.err);
  assert.match(other.err, /connection refused/);
  // And without any home, where it is started.
  await Deno.mkdir(dir.join("here"));
  const none = await run([path, ...backup], { env: cache, cwd: dir.join("here") });
  assert.equal(none.code, 5, none.err);
  assert.deepEqual(await names(dir.join("here")), [".rabbitmq-backup"]);
});

Deno.test("places of the system, which Deno keeps closed: a message of our own each", async () => {
  await using dir = await tempDir();
  const env = { RABBITMQ_BACKUP_CACHE: dir.join("cache"), XDG_STATE_HOME: dir.join("state") };
  const path = await portable();
  const backup = ["backup", "--amqp-url", "amqp://127.0.0.1:1"];
  for (
    const [args, message] of [
      [["list", "--path", "/dev/shm/x"], /^Error: Cannot list \/dev\/shm\/x: /],
      [
        ["list", "--config", "/proc/x.yaml"],
        /^Error: Cannot read the configuration \/proc\/x\.yaml/,
      ],
      [["init", "/sys/x.yaml"], /^Error: Cannot write \/sys\/x\.yaml: /],
      [[...backup, "--path", "/sys/x"], /^Error: Cannot .* in \/sys\/x: /],
      [
        [...backup, "--path", dir.path, "--spool-dir", "/proc/x"],
        /^Error: Cannot write to "\/proc\/x/,
      ],
      [[...backup, "--path", dir.path, "--db-path", "/dev/x.db"], /^Error: Cannot .*"\/dev\/x\.db/],
    ] as const
  ) {
    const { code, out, err } = await run([path, ...args], { env });
    assert.notEqual(code, 0, out);
    assert.match(err, message);
    assert.match(err, /lies below \/dev, \/proc or \/sys, which this program may not use\nHint: /);
    assert.doesNotMatch(err, /allow-all|not foreseen/);
  }
});

Deno.test("a folder that others can change is not used", async () => {
  await using dir = await tempDir();
  await Deno.mkdir(dir.join("open", "cache"), { recursive: true });
  await Deno.chmod(dir.join("open"), 0o777);
  const path = await portable();
  const env = { RABBITMQ_BACKUP_CACHE: dir.join("open", "cache") };
  const refused = await run([path, "--version"], { env });
  assert.deepEqual([refused.code, refused.out], [1, ""]);
  assert.match(refused.err, /: others can change \S+\/open\/cache\. Set RABBITMQ_BACKUP_CACHE/);
  // Nor one that was private when it was filled.
  await Deno.chmod(dir.join("open"), 0o700);
  assert.deepEqual(await run([path, "--version"], { env }), OK);
  await Deno.chmod(dir.join("open"), 0o777);
  assert.equal((await run([path, "--version"], { env })).code, 1);
});

Deno.test({
  name: "another user's folder under the expected name is not used",
  ignore: !isRoot,
  fn: async () => {
    await using dir = await tempDir();
    await Deno.chmod(dir.path, 0o1777); // as /tmp
    await Deno.mkdir(dir.join("rabbitmq-backup-65534"), { mode: 0o755 });
    await Deno.chown(dir.join("rabbitmq-backup-65534"), 12345, 12345);
    await Deno.copyFile(await portable(), dir.join("program")); // this user cannot read a checkout
    const env = { RABBITMQ_BACKUP_CACHE: dir.join("rabbitmq-backup-65534") };
    const refused = await run([dir.join("program"), "--version"], { front: NOBODY, env });
    assert.equal(refused.code, 1);
    assert.match(refused.err, /: others can change /);
    // What root has unpacked serves everyone.
    await Deno.chown(dir.join("rabbitmq-backup-65534"), 0, 0);
    assert.deepEqual(await run([dir.join("program"), "--version"], { env }), OK);
    await new Deno.Command("chmod", { args: ["-R", "go+rX", env.RABBITMQ_BACKUP_CACHE] }).output();
    assert.deepEqual(await run([dir.join("program"), "--version"], { front: NOBODY, env }), OK);
  },
});

Deno.test({
  name: "a temporary folder that is mounted noexec is passed over, or named",
  ignore: !canMount(),
  fn: async () => {
    await using dir = await tempDir();
    await Deno.mkdir(dir.join("noexec"));
    const mount = `mount -t tmpfs -o noexec tmpfs "${dir.join("noexec")}" && exec "$@"`;
    const front = ["unshare", "--mount", "sh", "-c", mount, "sh"];
    const path = await portable();
    const named = await run([path, "--version"], {
      front,
      env: { RABBITMQ_BACKUP_CACHE: dir.join("noexec", "cache") },
    });
    assert.equal(named.code, 1);
    assert.match(
      named.err,
      /^rabbitmq-backup: .* may not run in .*\(noexec\)\. Set RABBITMQ_BACKUP_CACHE.*\n$/,
    );
    const cacheHome = { XDG_CACHE_HOME: dir.join("noexec"), HOME: dir.path };
    assert.deepEqual(await run([path, "--version"], { front, env: cacheHome }), OK);
    assert.deepEqual(
      await names(dir.join(".cache", "rabbitmq-backup")).then((all) => all.length),
      1,
    );
  },
});

Deno.test("a file that is cut off says so, and leaves nothing", async () => {
  await using dir = await tempDir();
  const bytes = await Deno.readFile(await portable());
  await Deno.writeFile(dir.join("cut"), bytes.subarray(0, bytes.length / 2), { mode: 0o755 });
  const env = { RABBITMQ_BACKUP_CACHE: dir.join("cache") };
  const { code, err } = await run([dir.join("cut"), "--version"], { env });
  assert.equal(code, 1);
  assert.match(err, /^rabbitmq-backup: Cannot unpack: .* or \S+\/cut is damaged\. .*\n$/);
  assert.deepEqual(await names(dir.join("cache")), []);
});

Deno.test("exit codes, arguments and streams go through", async () => {
  await using dir = await tempDir();
  const path = await portable();
  const wrong = await run([path, "bakup", "a b", "$c"], { env: { TMPDIR: dir.path } });
  assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  assert.match(wrong.err, /unknown command 'bakup'/);
  const none = await run([path, "describe", "--path", dir.path, "-b", "a  'b' $c"], {
    env: { TMPDIR: dir.path },
  });
  assert.match(none.err, /a {2}'b' \$c/);
});

Deno.test("a signal reaches the program itself, which names this file in the command to go on", async () => {
  await using dir = await tempDir();
  // A server that accepts and never answers.
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr as Deno.NetAddr;
  const path = await portable();
  const child = new Deno.Command(path, {
    args: ["backup", "--path", dir.join("backups"), "-q", "--json"],
    env: {
      RABBITMQ_BACKUP_AMQP_URL: `amqp://127.0.0.1:${port}`,
      RABBITMQ_BACKUP_MANAGEMENT_URL: `http://127.0.0.1:${port}`,
      RABBITMQ_BACKUP_CACHE: dir.join("cache"),
      XDG_STATE_HOME: dir.path,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  using _connection = await server.accept();
  assert.match(await Deno.readTextFile(`/proc/${child.pid}/cmdline`), /deno\0run\0/);
  child.kill("SIGINT");
  const { code, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 130, said);
  assert.ok(said.includes(`${path} backup`), said);
});
