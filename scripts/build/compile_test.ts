/**
 * The last step by `deno compile`, as far as that goes without a runtime stub: this Deno stands in for it,
 * which makes a file that holds all and does not start it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "../lib/process.ts";
import { compile, TARGETS } from "./compile.ts";
import { permissionFlags } from "./permissions.ts";

const STUB = "DENORT_BIN";

/** Sets variables of this process for as long as the work takes. */
async function withVariables<T>(
  variables: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  Object.entries(variables).forEach(([name, value]) => set(name, value));
  try {
    return await work();
  } finally {
    before.forEach(([name, value]) => set(name, value));
  }
}

/** A bundle of two files, and where its executable goes. */
async function withBundle(
  work: (from: { dir: string; files: string[]; packages: [] }, path: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(dir, "main.js"), 'await import("./later.js");\n');
    await Deno.writeTextFile(join(dir, "later.js"), "console.log('the later file');\n");
    await work({ dir, files: ["later.js", "main.js"], packages: [] }, join(dir, "program"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** What Deno puts behind the stub for the start of the program. */
async function embedded(path: string): Promise<{ text: string; settings: Settings }> {
  const stub = (await Deno.stat(Deno.execPath())).size;
  const bytes = (await Deno.readFile(path)).subarray(stub);
  const text = new TextDecoder("latin1").decode(bytes);
  const json = /\{"argv":.*?"app_name":"[^"]*"\}/s.exec(text)?.[0];
  assert.ok(json, "there is no start of a program in it");
  return { text, settings: JSON.parse(json) };
}

interface Settings {
  readonly permissions: Readonly<Record<string, unknown>>;
  readonly v8_flags: readonly string[];
  readonly entrypoint_key: string;
}

Deno.test("compile() gives Deno the whole bundle, the permissions and V8's flags", async () => {
  await withBundle(async (from, path) => {
    await withVariables({ [STUB]: Deno.execPath() }, () => compile(path, { from }));
    const { text, settings } = await embedded(path);
    assert.equal(settings.entrypoint_key, "main.js");
    assert.ok(text.includes("the later file"));
    assert.ok(settings.v8_flags.includes("--max-semi-space-size=4"));
    const { permissions } = settings;
    assert.equal(permissions.prompt, false);
    assert.deepEqual(permissions.deny_import, []); // all of it
    const allowed = ["read", "write", "net", "env", "sys", "run", "ffi"]
      .filter((name) => permissions[`allow_${name}`] !== null);
    const wanted = permissionFlags().flatMap((flag) => /^--allow-(.*)$/.exec(flag)?.[1] ?? []);
    assert.deepEqual(allowed.toSorted(), wanted.toSorted());
  });
});

Deno.test("compile() without a stub says in one line what to do", async () => {
  await withBundle(async (from, path) => {
    const nowhere = { [STUB]: undefined, HTTPS_PROXY: "http://127.0.0.1:1" };
    for (
      const [variables, place] of [
        [{ [STUB]: "/nonexistent/denort" }, /from '\/nonexistent\/denort' \(No such file/],
        // A Deno that has no stub of its own, and a host that cannot be reached.
        [
          { ...nowhere, DENO_DIR: join(from.dir, "deno_dir") },
          /from https:\S+denort\S+ \(.*refused/,
        ],
      ] as const
    ) {
      const message = await withVariables(variables, () => compile(path, { from }))
        .then(() => "made", (error: Error) => error.message);
      assert.match(message, place);
      assert.match(message, /^Cannot build by deno compile: .*DENORT_BIN.*build:portable$/);
    }
  });
});

Deno.test("compile() says what else Deno does not like", async () => {
  await withBundle(async (from, path) => {
    const broken = { ...from, files: ["main.js", "missing.js"] };
    await assert.rejects(
      withVariables({ [STUB]: Deno.execPath() }, () => compile(path, { from: broken })),
      (error: Error) => {
        assert.match(error.message, /^Cannot build by deno compile: .*missing\.js/);
        return !error.message.includes("DENORT_BIN") && !error.message.includes("\n");
      },
    );
  });
});

Deno.test("Deno knows all targets, and a stub is of one", async () => {
  const { stderr } = await run([Deno.execPath(), "compile", "--target", "none", "main.js"]);
  for (const { triple } of TARGETS) assert.ok(stderr.includes(triple), triple);
  const other = TARGETS.find(({ triple }) => triple !== Deno.build.target)!;
  await withBundle(async (from, path) => {
    await assert.rejects(
      withVariables(
        { [STUB]: Deno.execPath() },
        () => compile(path, { from, triple: other.triple }),
      ),
      /Cannot build for \S+: DENORT_BIN names the stub of one system; unset it/,
    );
  });
});
