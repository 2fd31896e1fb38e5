import { join } from "node:path";
import { cacheDir, exists, withLock } from "./cache.ts";
import { checkoutDir } from "./instances.ts";
import { say } from "./output.ts";
import { aptInstall, basePython, canAptInstall, mustRun, run } from "./process.ts";
import { ignoreMissing } from "./roots.ts";

/** Path of a Python that has the packages of `tests/helpers/requirements.txt`; sets it up once. */
export async function ensurePython(): Promise<string> {
  const requirements = join(checkoutDir(), "tests", "helpers", "requirements.txt");
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(requirements));
  const dir = join(cacheDir(), `venv-${new Uint8Array(digest).toHex().slice(0, 12)}`);
  const python = join(dir, "bin", "python");
  if (!await exists(join(dir, ".complete"))) {
    await withLock("venv", async () => {
      if (!await exists(join(dir, ".complete"))) await build(dir, requirements);
    });
  }
  return python;
}

async function build(dir: string, requirements: string): Promise<void> {
  say(`setting up Python packages for the tests in ${dir}`);
  const python = await basePython();
  await Deno.remove(dir, { recursive: true }).catch(ignoreMissing);
  // Not built elsewhere and renamed: a venv holds its own path.
  let made = await run([python, "-m", "venv", dir]);
  if (made.code !== 0 && await canAptInstall()) {
    await aptInstall("python3-venv");
    made = await run([python, "-m", "venv", dir]);
  }
  if (made.code !== 0) {
    throw new Error(`Cannot set up Python in ${dir}: ${made.stdout}${made.stderr}`);
  }
  await mustRun([join(dir, "bin", "pip"), "install", "--quiet", "--requirement", requirements]);
  await Deno.writeTextFile(join(dir, ".complete"), "");
}
