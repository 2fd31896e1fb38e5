/** The builds: all share the bundle, and differ in the last step. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { withLock } from "../lib/cache.ts";
import { checkoutDir } from "../lib/instances.ts";
import { type Bundle, bundle } from "./bundle.ts";
import { compile, TARGETS } from "./compile.ts";
import { writePortable } from "./portable.ts";
import { writeMaterials } from "./sbom.ts";

const NAME = "rabbitmq-backup";

/** The last step of a build: makes an executable of a bundle. */
interface LastStep {
  /** Name of the executable. */
  readonly name: string;
  write(path: string, from: Bundle): Promise<void>;
}

/** Makes the executable for this machine by `deno compile`; returns its path. */
export async function build(): Promise<string[]> {
  const extension = Deno.build.os === "windows" ? ".exe" : "";
  return await make([{ name: NAME + extension, write: (path, from) => compile(path, { from }) }]);
}

/** Makes those of all targets; returns their paths. */
export async function buildAll(): Promise<string[]> {
  const steps = TARGETS.map((target) => ({
    name: `${NAME}-${target.name}`,
    write: (path: string, from: Bundle) => compile(path, { from, triple: target.triple }),
  }));
  return await make(steps);
}

/** Makes the executable for Linux that unpacks itself; returns its path. */
export async function buildPortable(): Promise<string[]> {
  return await make([{ name: NAME, write: writePortable }]);
}

async function make(steps: readonly LastStep[]): Promise<string[]> {
  return await withLock("build", async () => {
    const dist = join(checkoutDir(), "dist");
    const made = await bundle(checkoutDir(), join(dist, "bundle"));
    await writeMaterials(dist, made);
    const paths: string[] = [];
    for (const { name, write } of steps) {
      const path = join(dist, name);
      await write(path, made);
      await writeChecksum(path);
      paths.push(path);
    }
    return paths;
  });
}

/** Beside the file, as `sha256sum --check` reads it. */
async function writeChecksum(path: string): Promise<void> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  await Deno.writeTextFile(`${path}.sha256`, `${hash.digest("hex")}  ${basename(path)}\n`);
}
