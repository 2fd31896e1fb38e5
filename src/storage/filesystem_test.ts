import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { storageContract } from "../../tests/conformance/storage.ts";
import { failure } from "../../tests/helpers/app_error.ts";
import { FilesystemStorage } from "./filesystem.ts";
import { bytesOf, ObjectExistsError, ObjectMissingError, readAll } from "./storage.ts";

const MIB = 1024 * 1024;
const MAY_MOUNT = await mayMount();

for (const hardLinks of [true, false]) {
  const name = hardLinks ? "FilesystemStorage" : "FilesystemStorage without hard links";
  storageContract(name, async () => {
    const root = await Deno.makeTempDir();
    const storage = new FilesystemStorage(join(root, "backups"), { hardLinks });
    await storage.put("k", streamOf("x"));
    await storage.delete(["k"]);
    return { storage, dispose: () => Deno.remove(root, { recursive: true }) };
  });
}

test("creates its directory at the first put, for its user only", async (root) => {
  const path = join(root, "not/there/yet");
  const storage = new FilesystemStorage(path);
  assert.equal(await storage.stat("a/k"), undefined);
  await assert.rejects(() => readAll(storage.get("a/k"), 1), ObjectMissingError);
  await storage.delete(["a/k"]);
  await assert.rejects(() => Deno.stat(join(root, "not")), Deno.errors.NotFound);
  await storage.put("a/k", streamOf("x"));
  assert.equal(storage.location, path);
  assert.equal((await Deno.stat(join(path, "a/k"))).mode! & 0o777, 0o600);
  for (const directory of ["not", "not/there/yet", "not/there/yet/a"]) {
    assert.equal((await Deno.stat(join(root, directory))).mode! & 0o777, 0o700, directory);
  }
});

test("a directory that it made goes when it is closed and nothing is in it", async (root) => {
  const path = join(root, "made");
  for (const isKept of [true, false]) {
    const storage = new FilesystemStorage(path);
    await storage.put("a/b", bytesOf("x"));
    if (!isKept) await storage.delete(["a/b"]);
    await storage.close();
    assert.equal(await Deno.stat(path).then(() => true, () => false), isKept);
    if (isKept) await Deno.remove(path, { recursive: true });
  }
  await Deno.mkdir(path);
  const storage = new FilesystemStorage(path);
  await storage.put("k", bytesOf("x"));
  await storage.delete(["k"]);
  await storage.close();
  assert.ok((await Deno.stat(path)).isDirectory, "made by another");
});

test("listing a directory that is not there is an error", async (root) => {
  const storage = new FilesystemStorage(join(root, "typo"));
  for (const each of [() => all(storage.list("")), () => all(storage.listFolders("a"))]) {
    const error = await failure(each(), "storage_missing");
    assert.match(error.message, /^Cannot list .*typo: no such directory$/);
    assert.match(error.hint ?? "", /path is right/);
  }
});

test("a file in place of the directory is an error", async (root) => {
  await Deno.writeTextFile(join(root, "file"), "x");
  const storage = new FilesystemStorage(join(root, "file"));
  await failure(storage.put("a/k", streamOf("x")), "storage_denied");
  await failure(all(storage.list("")), "storage_denied");
});

test("an object cannot lie below another, nor replace a folder", async (root) => {
  const storage = new FilesystemStorage(root);
  await storage.put("a/k", streamOf("x"));
  const below = await failure(storage.put("a/k/below", streamOf("x")), "storage_denied");
  assert.match(below.message, /^Cannot store "a\/k\/below" in .*: a file stands where/);
  await failure(storage.put("a", streamOf("x")), "storage_denied");
  await failure(storage.put("a", streamOf("x"), { ifAbsent: true }), "storage_denied");
  assert.equal(await storage.stat("a"), undefined);
  assert.equal(await storage.stat("a/k/below"), undefined);
  await storage.delete(["a", "a/k/below"]);
  assert.deepEqual(await keys(storage), ["a/k"]);
});

test("refuses symbolic links below its directory, wherever they stand", async (root) => {
  await Deno.mkdir(join(root, "outside"));
  await Deno.writeTextFile(join(root, "outside/secret"), "secret");
  const store = join(root, "store");
  const storage = new FilesystemStorage(store);
  await storage.put("a/k", streamOf("x"));
  await Deno.symlink(join(root, "outside"), join(store, "a/dir"));
  await Deno.symlink(join(root, "outside/secret"), join(store, "a/file"));
  await Deno.symlink(join(root, "outside/dangling"), join(store, "a/dangling"));
  for (const key of ["a/dir/secret", "a/file", "a/dir/new", "a/dir/x/new", "a/dangling"]) {
    await failure(readAll(storage.get(key), 100), "storage_denied");
    await failure(storage.put(key, streamOf("x")), "storage_denied");
    await failure(storage.put(key, streamOf("x"), { ifAbsent: true }), "storage_denied");
    await failure(storage.stat(key), "storage_denied");
  }
  await failure(storage.delete(["a/dir/secret"]), "storage_denied");
  const error = await failure(all(storage.list("")), "storage_denied");
  assert.match(error.message, /store\/a\/(dir|file|dangling): it is a symbolic link$/);
  assert.deepEqual(await names(join(root, "outside")), ["secret"]);
  assert.equal(await Deno.readTextFile(join(root, "outside/secret")), "secret");
});

test("its own directory may be a symbolic link", async (root) => {
  await Deno.mkdir(join(root, "disk"));
  await Deno.symlink(join(root, "disk"), join(root, "backups"));
  const storage = new FilesystemStorage(join(root, "backups"));
  await storage.put("a/k", streamOf("x"));
  assert.deepEqual(await keys(storage), ["a/k"]);
  assert.equal(await Deno.readTextFile(join(root, "disk/a/k")), "x");
});

test("passes over what is no object", async (root) => {
  const storage = new FilesystemStorage(root);
  await storage.put("a/k", streamOf("x"));
  await Deno.mkdir(join(root, "empty/deeper"), { recursive: true });
  await Deno.writeTextFile(join(root, "a/.tmp-left"), "by a crash");
  await Deno.mkdir(join(root, "half"));
  await Deno.writeTextFile(join(root, "half/.tmp-left"), "by a crash");
  await run("mkfifo", [join(root, "a/pipe")]);
  assert.deepEqual(await keys(storage), ["a/k"]);
  assert.deepEqual(await all(storage.listFolders("")), ["a"]);
  assert.equal(await storage.stat("a/pipe"), undefined);
  await assert.rejects(() => readAll(storage.get("a/pipe"), 1), ObjectMissingError);
});

test("clears what crashed processes left, and nothing younger", async (root) => {
  await Deno.mkdir(join(root, "a"));
  for (const name of [".tmp-old", ".tmp-young", "old"]) {
    await Deno.writeTextFile(join(root, "a", name), "x");
  }
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  for (const name of [".tmp-old", "old"]) await Deno.utime(join(root, "a", name), longAgo, longAgo);
  await new FilesystemStorage(root).put("a/k", streamOf("x"));
  assert.deepEqual(await names(join(root, "a")), [".tmp-young", "k", "old"]);
});

test("removes directories that become empty", async (root) => {
  const storage = new FilesystemStorage(root);
  for (const key of ["a/b/one", "a/b/two", "a/three"]) await storage.put(key, streamOf("x"));
  await storage.delete(["a/b/one"]);
  assert.deepEqual(await names(join(root, "a/b")), ["two"]);
  await storage.delete(["a/b/two"]);
  assert.deepEqual(await names(join(root, "a")), ["three"]);
  await storage.delete(["a/three"]);
  assert.deepEqual(await names(root), []);
});

test("puts while others delete in the same folder", async (root) => {
  const storage = new FilesystemStorage(root);
  async function work(name: string): Promise<void> {
    for (let round = 0; round < 60; round++) {
      await storage.put(`a/b/${name}`, streamOf(name));
      await storage.delete([`a/b/${name}`]);
    }
  }
  await Promise.all(["one", "two", "three", "four"].map(work));
  assert.deepEqual(await names(root), []);
});

test("a file that is cut while it is read is an error", async (root) => {
  const storage = new FilesystemStorage(root);
  await storage.put("k", chunks(4));
  const cut = async () => {
    for await (const _ of storage.get("k")) await Deno.truncate(join(root, "k"), 1000);
  };
  const error = await failure(cut(), "storage_unreachable");
  assert.match(error.message, /it ended at \d+ of 4194304 bytes$/);
});

test("of several processes that put with ifAbsent exactly one wins", async (root) => {
  const source = `
    import { FilesystemStorage } from ${JSON.stringify(import.meta.resolve("./filesystem.ts"))};
    const storage = new FilesystemStorage(Deno.args[0]);
    const hardLinks = Deno.args[2] === "true";
    await new Promise((resolve) => setTimeout(resolve, Number(Deno.args[1]) - Date.now()));
    let won = 0;
    for (let round = 0; round < 20; round++) {
      async function* body() { yield new TextEncoder().encode(String(Deno.pid)); }
      const store = new FilesystemStorage(Deno.args[0], { hardLinks });
      await store.put("race/" + round, body(), { ifAbsent: true }).then(() => won++, (error) => {
        if (error.name !== "ObjectExistsError") throw error;
      });
    }
    await Deno.stdout.write(new TextEncoder().encode(String(won)));
  `;
  const script = join(root, "writer.ts");
  await Deno.writeTextFile(script, source);
  for (const hardLinks of [true, false]) {
    const store = join(root, `store-${hardLinks}`);
    const start = String(Date.now() + 1500);
    const outputs = await Promise.all([1, 2, 3].map(() => {
      const args = ["run", "-A", "--quiet", "--no-check", script, store, start, String(hardLinks)];
      return run(Deno.execPath(), args);
    }));
    assert.equal(outputs.reduce((sum, won) => sum + Number(won), 0), 20, outputs.join());
    assert.equal((await names(join(store, "race"))).length, 20);
  }
});

test("a killed process leaves nothing that shows", async (root) => {
  const script = join(root, "writer.ts");
  await Deno.writeTextFile(
    script,
    `
    import { FilesystemStorage } from ${JSON.stringify(import.meta.resolve("./filesystem.ts"))};
    async function* body() {
      for (let sent = 0;; sent++) {
        yield new Uint8Array(1024 * 1024);
        if (sent === 3) Deno.kill(Deno.pid, "SIGKILL");
      }
    }
    await new FilesystemStorage(Deno.args[0]).put("a/k", body());
  `,
  );
  const store = join(root, "store");
  const args = ["run", "-A", "--quiet", "--no-check", script, store];
  const { signal } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(signal, "SIGKILL");
  assert.equal((await names(join(store, "a"))).length, 1, "the unfinished file");
  const storage = new FilesystemStorage(store);
  assert.deepEqual(await keys(storage), []);
  assert.deepEqual(await all(storage.listFolders("")), []);
  await storage.put("a/k", streamOf("x"), { ifAbsent: true });
  assert.deepEqual(await keys(storage), ["a/k"]);
});

testMounted("a full disk is told, and leaves what was there", "size=2m", async (root) => {
  const storage = new FilesystemStorage(root);
  await storage.put("a/kept", chunks(1));
  const before = await names(root);
  let ended = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks(8);
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ended = true;
    }
  }
  const error = await failure(storage.put("b/big", source()), "storage_full");
  assert.equal(ended, true, "the source was told to end");
  assert.match(
    error.message,
    /^Cannot store "b\/big" in .*: the disk is full \(\d+ bytes free in /,
  );
  assert.notEqual(error.hint, undefined);
  await failure(storage.put("a/kept", chunks(8)), "storage_full");
  assert.deepEqual(await names(root), before, "no trace of the failed ones");
  assert.deepEqual(await keys(storage), ["a/kept"]);
  assert.equal((await storage.stat("a/kept"))?.size, MIB);
  await storage.put("b/small", streamOf("fits"));
});

testMounted("a file system without inodes is told", "nr_inodes=4", async (root) => {
  const storage = new FilesystemStorage(root);
  const fill = async () => {
    for (let at = 0; at < 10; at++) await storage.put(`k${at}`, streamOf("x"));
  };
  const error = await failure(fill(), "storage_full");
  assert.match(error.message, /no inodes left/);
  assert.ok((await keys(storage)).length > 0);
});

testMounted("a read-only directory is told, and stays readable", "size=2m", async (root) => {
  const storage = new FilesystemStorage(root);
  await storage.put("a/k", streamOf("x"));
  await run("mount", ["-o", "remount,ro", root]);
  const works = [
    () => storage.put("a/k", streamOf("y")),
    () => storage.put("a/new", streamOf("y")),
    () => storage.put("new/new", streamOf("y"), { ifAbsent: true }),
    () => storage.delete(["a/k"]),
  ];
  for (const work of works) {
    const error = await failure(work(), "storage_denied");
    assert.match(error.message, /: the file system is read-only$/);
  }
  await assert.rejects(
    () => storage.put("a/k", streamOf("y"), { ifAbsent: true }),
    ObjectExistsError,
  );
  assert.equal(new TextDecoder().decode(await readAll(storage.get("a/k"), 9)), "x");
  assert.deepEqual(await keys(storage), ["a/k"]);
});

Deno.test({
  name: "FilesystemStorage: missing permission is told",
  // As root permissions do not bind; another user is needed to see them work.
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  fn: async () => {
    const root = await Deno.makeTempDir();
    try {
      await new FilesystemStorage(root).put("a/k", streamOf("x"));
      await copySources(join(root, "src"));
      const script = join(root, "src/storage/reader.ts");
      await Deno.writeTextFile(
        script,
        `
        import { FilesystemStorage } from "./filesystem.ts";
        const storage = new FilesystemStorage(Deno.args[0]);
        async function* body() { yield new Uint8Array(1); }
        const told = [];
        const tell = (error) => told.push([error.code, error.message]);
        await storage.put("a/k", body()).then(() => told.push("put"), tell);
        await storage.get("a/k").next().then(() => told.push("get"), tell);
        await storage.list("").next().then(() => told.push("list"), tell);
        await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(told)));
        `,
      );
      const home = join(root, "home");
      await Deno.mkdir(home, { mode: 0o777 });
      await Deno.chmod(home, 0o777);
      const deno = join(root, "deno");
      // Its own path may lie where that user may not go.
      await Deno.link(Deno.execPath(), deno).catch(() => Deno.copyFile(Deno.execPath(), deno));
      await run("chmod", ["-R", "go+rX", join(root, "src")]);
      await Deno.chmod(root, 0o755);
      const { stdout, stderr } = await new Deno.Command(deno, {
        args: ["run", "-A", "--quiet", "--no-check", "--no-config", script, root],
        uid: 65534,
        gid: 65534,
        cwd: "/",
        env: { DENO_DIR: home, HOME: home },
      }).output();
      const told = JSON.parse(new TextDecoder().decode(stdout) || "[]") as [string, string][];
      assert.deepEqual(
        told.map(([code]) => code),
        ["storage_denied", "storage_denied", "storage_denied"],
        new TextDecoder().decode(stderr),
      );
      for (const [, message] of told) assert.match(message, /^Cannot .*: permission denied$/);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  },
});

function test(name: string, run: (root: string) => Promise<void>): void {
  Deno.test(`FilesystemStorage: ${name}`, async () => {
    const root = await Deno.makeTempDir();
    try {
      await run(root);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

/** A test on a small file system of its own. */
function testMounted(name: string, options: string, body: (root: string) => Promise<void>): void {
  Deno.test({
    name: `FilesystemStorage: ${name}`,
    ignore: !MAY_MOUNT,
    fn: async () => {
      const root = await Deno.makeTempDir();
      await run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", root]);
      try {
        await body(root);
      } finally {
        await run("umount", [root]);
        await Deno.remove(root);
      }
    },
  });
}

async function mayMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const root = await Deno.makeTempDir();
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", root]);
    await run("umount", [root]);
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(root);
  }
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${basename(command)}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The sources of this store, where another user may read them. */
async function copySources(target: string): Promise<void> {
  const sources = join(import.meta.dirname!, "..");
  await Deno.mkdir(join(target, "storage"), { recursive: true });
  await Deno.copyFile(join(sources, "errors.ts"), join(target, "errors.ts"));
  for (const name of await names(join(sources, "storage"))) {
    if (!name.endsWith(".ts")) continue;
    await Deno.copyFile(join(sources, "storage", name), join(target, "storage", name));
  }
}

async function* streamOf(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield new TextEncoder().encode(text);
}

async function* chunks(mebibytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < mebibytes; sent++) {
    await Promise.resolve();
    yield new Uint8Array(MIB);
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(source);
}

async function keys(storage: FilesystemStorage): Promise<string[]> {
  return (await all(storage.list(""))).map((object) => object.key);
}

async function names(directory: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(directory));
  return entries.map((entry) => entry.name).sort();
}
