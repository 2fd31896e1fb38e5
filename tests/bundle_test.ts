/** The bundle: the same bytes wherever it is made, whole, and quick to start. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Bundle, bundle } from "../scripts/build/bundle.ts";
import { writeMaterials } from "../scripts/build/sbom.ts";
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

Deno.test("the bundle", async (context) => {
  await using dir = await tempDir();
  const one = await bundleCopy(dir, "one");
  await context.step("two checkouts in different folders make the same bytes", async () => {
    const other = await bundleCopy(dir, "another/and deeper");
    assert.deepEqual(await hashes(one), await hashes(other));
    const texts = await Promise.all(
      one.files.map((file) => Deno.readTextFile(join(one.dir, file))),
    );
    assert.deepEqual(one.files.filter((_, index) => texts[index]!.includes(dir.path)), []);
  });
  await context.step("it needs no package, and what loads later has its names", () => loads(one));
  await context.step("YAML, which is CommonJS that is loaded by import()", async () => {
    const file = await dir.write("backup.yaml", "mode: backup\n");
    const main = ["run", "-A", ...FLAGS, join(one.dir, "main.js")];
    const { stdout } = await mustRun([Deno.execPath(), ...main, "config", "show", "-c", file]);
    assert.match(stdout, /^mode: backup\n/);
  });
  await context.step("the bill of materials has what is in it, and nothing else", () => lists(one));
  await context.step("an import that nothing resolves fails the build", async () => {
    const root = dir.join("one");
    await dir.write("one/main.ts", 'try { require("no-such"); } catch { /* optional */ }\n');
    await assert.rejects(bundle(root, join(root, "dist", "bundle")), /unresolved imports.*no-such/);
  });
});

const FLAGS = ["--no-config", "--no-lock", "--no-remote", "--no-npm", "--cached-only"];

/**
 * Every file loads on its own, where no package can be found; main.js would run the program, and Ink's
 * developer tools are not there.
 */
async function loads({ dir, files }: Bundle): Promise<void> {
  const others = files.filter((name) => !/^(main|devtools-\w+)\.js$/.test(name));
  const script = `for (const name of ${JSON.stringify(others)}) {
    const module = await import(${JSON.stringify(`file://${dir}/`)} + name);
    if (/^dist-/.test(name) && Object.keys(module).join() === "default") throw new Error(name);
  }`;
  await mustRun([Deno.execPath(), "eval", ...FLAGS, script], { cwd: dir });
}

async function lists(made: Bundle): Promise<void> {
  const dist = join(made.dir, "..");
  await writeMaterials(dist, made);
  const { components } = JSON.parse(await Deno.readTextFile(join(dist, "sbom.cdx.json"))) as {
    components: {
      name: string;
      purl: string;
      licenses: unknown[];
      hashes?: { content: string }[];
    }[];
  };
  const names = components.map(({ name }) => name);
  for (const name of ["amqplib", "@aws-sdk/client-s3", "@azure/storage-blob", "zod", "deno"]) {
    assert.ok(names.includes(name), name);
  }
  for (const name of ["fast-check", "esbuild"]) assert.ok(!names.includes(name), name);
  for (const { name, purl, licenses, hashes } of components) {
    assert.equal(licenses.length, 1, name);
    assert.match(purl, /^pkg:(npm|github)\/.+@v?\d/);
    if (name !== "deno") assert.match(hashes?.[0]?.content ?? "", /^[0-9a-f]{128}$/, name);
  }
  const licenses = await Deno.readTextFile(join(dist, "third-party-licenses.txt"));
  assert.match(licenses, /^amqplib \S+ \(MIT\)\n\n[^]*Permission is hereby granted/m);
}
