import { exists } from "./cache.ts";
import { say } from "./output.ts";

/** What a finished command left: its exit code and what it printed. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs a command to its end and captures what it prints; never throws for a non-zero exit code. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program, ...args] = command;
  if (program === undefined) throw new Error("Cannot run a command: it is empty");
  try {
    const output = await new Deno.Command(program, {
      args,
      ...options,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder();
    return {
      code: output.code,
      stdout: text.decode(output.stdout),
      stderr: text.decode(output.stderr),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { code: 127, stdout: "", stderr: `${program}: not found` };
    }
    throw error;
  }
}

/** Like {@linkcode run}, and throws with the command's last words when it fails. */
export async function mustRun(
  command: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const finished = await run(command, options);
  if (finished.code !== 0) {
    const words = (finished.stderr.trim() || finished.stdout.trim()).split("\n").slice(-15);
    throw new Error(
      `Cannot run '${command.join(" ")}': exit code ${finished.code}\n${words.join("\n")}`,
    );
  }
  return finished;
}

/** Whether a program of this name is on PATH. */
export async function isOnPath(program: string): Promise<boolean> {
  return (await run(["sh", "-c", 'command -v "$1"', "sh", program])).code === 0;
}

/** Whether this process may install packages with apt-get. */
export async function canAptInstall(): Promise<boolean> {
  return Deno.build.os === "linux" && Deno.uid() === 0 && await isOnPath("apt-get");
}

/** Installs Debian packages; the caller has asked {@linkcode canAptInstall}. */
export async function aptInstall(...packages: string[]): Promise<void> {
  say(`installing ${packages.join(", ")} with apt-get`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await mustRun(["apt-get", "update", "-qq"], { env });
  await mustRun(["apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages], {
    env,
  });
}

/** The system's own Python before any other on PATH, as that is what Debian's python3-venv serves. */
export async function basePython(): Promise<string> {
  if (await exists("/usr/bin/python3")) return "/usr/bin/python3";
  if (await isOnPath("python3")) return "python3";
  if (!await canAptInstall()) {
    throw new Error("Cannot set up Python: there is no python3 on PATH");
  }
  await aptInstall("python3", "python3-venv");
  return "/usr/bin/python3";
}

/** A process, told from a later one that was given the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Start time as the system words it (Linux: clock ticks since boot, field 22 of proc(5) stat). */
  readonly started: string;
}

/** The mark of a running process; undefined when there is none, or only a zombie. */
export function markOf(pid: number): ProcessMark | undefined {
  if (Deno.build.os !== "linux") {
    const ps = new Deno.Command("ps", { args: ["-o", "lstart=", "-p", `${pid}`] }).outputSync();
    const started = new TextDecoder().decode(ps.stdout).trim();
    return started === "" ? undefined : { pid, started };
  }
  try {
    // The second field, the name in parentheses, may hold spaces and parentheses itself.
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    const started = fields[19];
    if (started === undefined || state === "Z" || state === "X") return undefined;
    return { pid, started };
  } catch {
    return undefined; // it ended meanwhile
  }
}

export function isRunning(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.started === mark.started;
}

/** A process and all below it, parents first. */
export function processTree(pid: number): ProcessMark[] {
  const mark = markOf(pid);
  if (mark === undefined) return [];
  let children: number[] = [];
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
    children = text === "" ? [] : text.split(" ").map(Number);
  } catch {
    // It ended meanwhile.
  }
  return [mark, ...children.flatMap(processTree)];
}

/** Waits until every process of `marks` is gone; false when `timeoutMs` passes before. */
export async function waitForEnd(
  marks: readonly ProcessMark[],
  timeoutMs: number,
): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (marks.some(isRunning)) {
    if (Date.now() > end) return false;
    await sleep(50);
  }
  return true;
}

/** Sends a signal; no error when the process has gone meanwhile. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
