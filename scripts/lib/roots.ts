import { join } from "node:path";
import { cacheDir, exists, withLock } from "./cache.ts";
import { say } from "./output.ts";
import { aptInstall, canAptInstall, isOnPath, mustRun, run } from "./process.ts";

/** The broker versions that this project is tested on; "4.3" stands for it or whatever is newer. */
export const VERSIONS = ["3.10", "4.0", "4.3"] as const;
export type BrokerVersion = (typeof VERSIONS)[number];

/** The Debian release that carries each version. */
const SUITES: Record<BrokerVersion, string> = { "3.10": "bookworm", "4.0": "trixie", "4.3": "sid" };

/** A Debian system in a folder, with a RabbitMQ in it. */
export interface DebianRoot {
  readonly dir: string;
  /** The rabbitmq user inside, which owns the state of its brokers. */
  readonly uid: number;
  readonly gid: number;
}

/** Why brokers cannot run in Debian roots here; undefined when they can. */
export async function rootsObstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return `the system is ${Deno.build.os}, not Debian`;
  if (Deno.uid() !== 0) return "the user is not root";
  if (!await isOnPath("debootstrap") && !await canAptInstall()) {
    return "debootstrap is missing and there is no apt-get to install it";
  }
  const made = await run([...namespaceCommand("/proc"), "true"]);
  return made.code === 0
    ? undefined
    : `mount namespaces are not permitted (${made.stderr.trim().split("\n")[0]})`;
}

/** The command in front of another that gives it mounts, process ids and host name of its own. */
export function namespaceCommand(procDir: string): string[] {
  return [
    "unshare",
    "--mount",
    "--pid",
    "--uts",
    "--fork",
    "--kill-child",
    `--mount-proc=${procDir}`,
  ];
}

/** The root of a version, built when it is missing: 1 to 3 minutes, some 600 MB. */
export async function ensureRoot(version: BrokerVersion): Promise<DebianRoot> {
  const suite = SUITES[version];
  const dir = await ensureDebian({
    name: suite,
    suite,
    include: ["rabbitmq-server", "ca-certificates"],
  });
  return { dir, ...await rabbitmqUser(dir) };
}

/** A Debian system of nothing but its `minbase`, 250 MB, not to be changed; returns the folder. */
export async function ensureMinbase(): Promise<string> {
  return await ensureDebian({ name: "minbase", suite: "trixie", include: [] });
}

interface DebianSystem {
  /** Of its folder. */
  readonly name: string;
  readonly suite: string;
  /** Packages beside `minbase`. */
  readonly include: readonly string[];
}

async function ensureDebian(system: DebianSystem): Promise<string> {
  const dir = join(cacheDir(), "roots", system.name);
  if (!await exists(join(dir, ".complete"))) {
    await ensureDebootstrap();
    await Deno.mkdir(join(cacheDir(), "roots"), { recursive: true });
    await withLock(`roots/${system.name}`, async () => {
      if (!await exists(join(dir, ".complete"))) await build(system, dir);
    });
  }
  return dir;
}

async function ensureDebootstrap(): Promise<void> {
  if (await isOnPath("debootstrap")) return;
  await withLock("apt", async () => {
    if (!await isOnPath("debootstrap")) await aptInstall("debootstrap");
  });
}

async function build({ suite, include }: DebianSystem, dir: string): Promise<void> {
  const what = include.length === 0 ? "nothing else" : include.join(", ");
  say(`building Debian ${suite} with ${what} in ${dir} (1 to 3 minutes)`);
  const fresh = `${dir}.new`; // the lock is held, so nobody else builds here
  await Deno.remove(fresh, { recursive: true }).catch(ignoreMissing);
  await Deno.remove(dir, { recursive: true }).catch(ignoreMissing);
  const packages = include.length === 0 ? [] : [`--include=${include.join(",")}`];
  await mustRun(["debootstrap", "--variant=minbase", ...packages, suite, fresh]);
  // Node names end in @localhost, which must resolve without a name server.
  await Deno.writeTextFile(join(fresh, "etc/hosts"), "127.0.0.1 localhost\n");
  await Deno.writeTextFile(join(fresh, ".complete"), "");
  await Deno.rename(fresh, dir);
}

async function rabbitmqUser(dir: string): Promise<{ uid: number; gid: number }> {
  const passwd = await Deno.readTextFile(join(dir, "etc/passwd"));
  const fields = passwd.split("\n").map((line) => line.split(":"))
    .find(([name]) => name === "rabbitmq");
  if (fields === undefined) throw new Error(`Cannot use ${dir}: it has no rabbitmq user`);
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** For `.catch()`: what was to be removed is gone already. */
export function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
