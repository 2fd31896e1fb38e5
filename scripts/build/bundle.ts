/**
 * The program as a few JavaScript files, which all builds are made from: `main.js`, the pack
 * workers' `pack_worker.js`, and what they load only when it is needed, such as the clouds'
 * libraries. One single file would be read whole at each start, which takes 100 ms more.
 */
import * as esbuild from "esbuild";
import { builtinModules } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { exists } from "../lib/cache.ts";
import { mustRun, run } from "../lib/process.ts";
import { ignoreMissing } from "../lib/roots.ts";
import { packageFolders } from "./sbom.ts";

/** A bundle in a folder. */
export interface Bundle {
  readonly dir: string;
  /** Names of its files, sorted. */
  readonly files: readonly string[];
  /** Folders of the packages that are in it, sorted. */
  readonly packages: readonly string[];
}

/** Packages that others load when they are there; the program does without. */
const OPTIONAL = new Set([
  "kerberos", // of google-auth-library: Windows' own login at a proxy
  "react-devtools-core", // of ink, where DEV=true
  "supports-color", // of debug: colours of a log that is never on
]);

/** Names of Node's own modules, which packages write without `node:`. */
const BUILTIN = builtinModules.filter((name) => !/^(node:|_)/.test(name));

const ENTRIES = { main: "main.ts", pack_thread: "src/engine/packing/worker.ts" };
/** What each thread has to load before all else. */
const FIRST = { program_path: "src/program_path.ts" };
/**
 * The file that a pack worker starts with. Some modules of Node ask for the program's path as soon as
 * they are imported, before anything runs; so they come later. (`main.js` imports none of these.)
 */
const PACK_WORKER = {
  file: "pack_worker.js",
  text: 'import"./program_path.js";await import("./pack_thread.js");\n',
};

/** Bundles the program of the checkout at `root` into `dir`, which is emptied first. */
export async function bundle(root: string, dir: string): Promise<Bundle> {
  const modules = await installDependencies(root);
  await Deno.remove(dir, { recursive: true }).catch(ignoreMissing);
  const common = { ...await options(root), nodePaths: [modules], outdir: dir };
  try {
    const results = [
      await esbuild.build({ ...common, entryPoints: ENTRIES, splitting: true }),
      // By itself, as what it shares with others might load something before it.
      await esbuild.build({ ...common, entryPoints: FIRST }),
    ];
    results.forEach(({ metafile }) => assertResolved(metafile));
    const files = results.flatMap(({ metafile }) => Object.keys(metafile.outputs))
      .map((path) => basename(path));
    for (const file of files) await finish(dir, file);
    for (const file of files) await giveNames(dir, file);
    await Deno.writeTextFile(join(dir, PACK_WORKER.file), PACK_WORKER.text);
    const packages = packageFolders(results.flatMap(({ metafile }) => inputsOf(metafile)))
      .map((folder) => join(root, folder));
    return { dir, files: [...files, PACK_WORKER.file].toSorted(), packages };
  } finally {
    await esbuild.stop();
  }
}

/** No name or path of this machine may get into the bytes: two machines build the same. */
async function options(root: string): Promise<esbuild.BuildOptions & { metafile: true }> {
  return {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "esnext",
    jsx: "automatic",
    conditions: ["deno"],
    alias: Object.fromEntries(BUILTIN.map((name) => [name, `node:${name}`])),
    define: {
      "process.env.NODE_ENV": '"production"',
      "globalThis.RABBITMQ_BACKUP_BUILD": JSON.stringify({ commit: await commitOf(root) }),
    },
    external: [...OPTIONAL],
    legalComments: "none",
    metafile: true,
    logLevel: "error",
  };
}

/** Puts the packages of `deno.lock`, and no others, where esbuild finds them; returns the folder. */
async function installDependencies(root: string): Promise<string> {
  const cwd = join(root, "dist", "deps");
  await Deno.mkdir(cwd, { recursive: true });
  for (const file of ["deno.json", "deno.lock"]) {
    await Deno.copyFile(join(root, file), join(cwd, file));
  }
  const install = ["install", "--quiet", "--frozen", "--node-modules-dir=auto"];
  await mustRun([Deno.execPath(), ...install], { cwd });
  return join(cwd, "node_modules");
}

/** The commit of a checkout; `+changes` when what is bundled is not as committed. */
async function commitOf(root: string): Promise<string> {
  const git = async (...args: string[]) => {
    const { code, stdout } = await run(["git", "-C", root, ...args]);
    return code === 0 ? stdout.trim() : undefined;
  };
  if (!await exists(join(root, ".git"))) return "unknown";
  const commit = await git("rev-parse", "HEAD");
  const changes = await git("status", "--porcelain", "--", "main.ts", "src", "tui", "deno.lock");
  return `${commit ?? "unknown"}${changes === "" ? "" : "+changes"}`;
}

/** Paths of what has left something in the bundle. */
function inputsOf({ outputs }: esbuild.Metafile): string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) =>
      path
    )
  );
}

/** Throws when a file of the bundle would look for a package at run time. */
function assertResolved({ outputs }: esbuild.Metafile): void {
  const missing = Object.entries(outputs).flatMap(([file, { imports }]) =>
    imports
      .filter(({ path, external }) => external && !path.startsWith("node:") && !OPTIONAL.has(path))
      .map(({ path }) => `${path} (of ${file})`)
  );
  if (missing.length === 0) return;
  throw new Error(`Cannot bundle: unresolved imports are left: ${missing.join(", ")}`);
}

/** What esbuild leaves to be done on a file. */
async function finish(dir: string, file: string): Promise<void> {
  const path = join(dir, file);
  const text = await Deno.readTextFile(path);
  let finished = text;
  // ECMAScript modules have no `require`: esbuild's stand-in for it gets a real one.
  if (text.includes("Dynamic require of")) {
    finished =
      'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' +
      finished;
  }
  if (file === "main.js") finished = `import"./program_path.js";${finished}`;
  if (finished !== text) await Deno.writeTextFile(path, finished);
}

/**
 * A CommonJS module that is loaded by `import()` gets its names back: esbuild leaves it with
 * `default` alone, where Node and Deno give what it exports as well.
 */
async function giveNames(dir: string, file: string): Promise<void> {
  const path = join(dir, file);
  const text = await Deno.readTextFile(path);
  const [found, load] = /export default ([\w$]+\(\));\s*$/.exec(text) ?? [];
  if (found === undefined) return;
  const { default: module } = await import(pathToFileURL(path).href) as {
    default: Record<string, unknown>;
  };
  const names = Object.keys(module).filter((name) => /^(?!default$)[A-Za-z_]\w*$/.test(name));
  const taken = names.map((name) => `${name}:__${name}`);
  const given = names.map((name) => `__${name} as ${name}`);
  await Deno.writeTextFile(
    path,
    text.slice(0, -found.length) +
      `const __module=${load},{${taken}}=__module;export{__module as default,${given}};\n`,
  );
}
