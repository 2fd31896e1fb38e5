/** The bundle: the same bytes wherever it is made, whole, and quick to start. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Bundle, bundle } from "../scripts/build/bundle.ts";
import { exists } from "../scripts/lib/cache.ts";
import { checkoutDir } from "../scripts/lib/instances.ts";
import { mustRun } from "../scripts/lib/process.ts";
import { type TempDir, tempDir } from "./helpers/temp.ts";

const SOURCES = ["main.ts", "src", "tui", "deno.json", "deno.lock"];

/** Bundles a copy of this checkout that stands in another folder. */
async function bundleCopy(dir: TempDir, folder: string): Promise<Bundle> {
  const root = dir.join(folder);
  await Deno.mkdir(root, { recursive: true });
  for (const name of SOURCES) {
    const source = join(checkoutDir(), name);
    if (await exists(source)) await mustRun(["cp", "-r", source, root]);
  }
  return await bundle(root, join(root, "dist", "bundle"));
}

async function hashes({ dir, files }: Bundle): Promise<Record<string, string>> {
  const hash = async (file: string) =>
    createHash("sha256").update(await Deno.readFile(join(dir, file))).digest("hex");
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await hash(file)] as const)),
  );
}

Deno.test("two checkouts in different folders make the same bytes", async () => {
  await using dir = await tempDir();
  const one = await bundleCopy(dir, "one");
  const other = await bundleCopy(dir, "another/and deeper");
  assert.deepEqual(await hashes(one), await hashes(other));
  const texts = await Promise.all(one.files.map((file) => Deno.readTextFile(join(one.dir, file))));
  assert.deepEqual(one.files.filter((_, index) => texts[index]!.includes(dir.path)), []);
});

Deno.test("the bundle needs no package, and what loads later has its names", async () => {
  await using dir = await tempDir();
  const { dir: folder, files } = await bundleCopy(dir, "checkout");
  // Every file loads on its own, where no package can be found; main.js would run the program.
  const script = `for (const name of ${
    JSON.stringify(files.filter((name) => name !== "main.js"))
  }) {
    const module = await import(${JSON.stringify(`file://${folder}/`)} + name);
    if (/^dist-/.test(name) && Object.keys(module).join() === "default") throw new Error(name);
  }`;
  const flags = ["--no-config", "--no-lock", "--no-remote", "--no-npm", "--cached-only"];
  await mustRun([Deno.execPath(), "eval", ...flags, script], { cwd: folder });
  // YAML comes from CommonJS that is loaded by import().
  await dir.write("backup.yaml", "mode: backup\n");
  const { stdout } = await mustRun([
    Deno.execPath(),
    "run",
    "-A",
    ...flags,
    join(folder, "main.js"),
    "config",
    "show",
    "--config",
    dir.join("backup.yaml"),
  ]);
  assert.match(stdout, /^mode: backup\n/);
});

Deno.test("an import that nothing resolves fails the build", async () => {
  await using dir = await tempDir();
  await bundleCopy(dir, "checkout");
  const root = dir.join("checkout");
  await dir.write(
    "checkout/main.ts",
    'try { require("no-such-package"); } catch { /* optional */ }\n',
  );
  await assert.rejects(
    bundle(root, join(root, "dist", "bundle")),
    /unresolved imports.*no-such-package/,
  );
});
