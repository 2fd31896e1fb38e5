import { join } from "node:path";
import { processTree, signal as send } from "../lib/process.ts";
import { type CpuClock, readCpuClock, ticksOf } from "./machine_load.ts";

/** How often the memory of a process is looked at, milliseconds. */
const SAMPLE_MS = 20;

const decoder = new TextDecoder();

/** What a process took, from before its start until after its end. */
export interface Measured {
  readonly wallSeconds: number;
  /** User and system time of it and its children, all threads. */
  readonly cpuSeconds: number;
  /** Largest resident set (VmHWM), summed over its processes; undefined where /proc is missing. */
  readonly peakMemoryBytes: number | undefined;
  /** CPU of the broker meanwhile; undefined where it cannot be known. */
  readonly brokerCpuSeconds: number | undefined;
  /** Cores that neither this process nor the broker kept busy: how disturbed the figures are. */
  readonly otherCores: number | undefined;
  /** CPU of each thread name, as far as it was seen; empty where /proc is missing. */
  readonly threadSeconds: ReadonlyMap<string, number>;
  /** When it was started, epoch milliseconds. */
  readonly startedAt: number;
  readonly stdout: string;
}

export interface MeasureOptions {
  /** Folder for a small file of its own. */
  readonly folder: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The broker's process, when it is on this machine. */
  readonly brokerPid: number | undefined;
  /** Also look at its threads, which costs a little. */
  readonly threads?: boolean;
}

/**
 * Runs a command to its end and measures it. CPU time is what the shell's `times` says of its ended
 * children, so no part of it is missed; memory is the high-water mark that the kernel keeps, read
 * until shortly before the end.
 *
 * @throws {Error} with its last words when it fails or is not done in `timeoutMs`.
 */
export async function measure(
  command: readonly string[],
  options: MeasureOptions,
): Promise<Measured> {
  options.signal.throwIfAborted();
  const timesFile = join(options.folder, `times-${crypto.randomUUID()}`);
  await Deno.writeTextFile(timesFile, "");
  try {
    const before = readCpuClock(options.brokerPid);
    const { output, ...measured } = await watch(command, { ...options, timesFile });
    const after = readCpuClock(options.brokerPid);
    const stdout = decoder.decode(output.stdout);
    if (output.code !== 0) {
      const words = `${stdout}\n${decoder.decode(output.stderr)}`.trim().split("\n").slice(-15);
      throw failure(command, `exit code ${output.code}\n${words.join("\n")}`);
    }
    const cpuSeconds = parseTimes(await Deno.readTextFile(timesFile));
    const busy = spent(before, after);
    return {
      ...measured,
      stdout,
      cpuSeconds,
      brokerCpuSeconds: options.brokerPid === undefined ? undefined : busy?.broker,
      otherCores: options.brokerPid === undefined || busy === undefined
        ? undefined
        : Math.max(0, busy.machine - busy.broker - cpuSeconds) / measured.wallSeconds,
    };
  } finally {
    await Deno.remove(timesFile);
  }
}

async function watch(
  command: readonly string[],
  options: MeasureOptions & { timesFile: string },
) {
  const startedAt = now();
  const child = new Deno.Command("sh", {
    args: ["-c", '"$@"; code=$?; times >"$TIMES"; exit $code', "sh", ...command],
    env: { LC_ALL: "C", TIMES: options.timesFile },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const sampler = new Sampler(child.pid, options.threads ?? false);
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const limit = AbortSignal.any([options.signal, timeout]);
  const kill = () => processTree(child.pid).reverse().forEach(({ pid }) => send(pid, "SIGKILL"));
  limit.addEventListener("abort", kill);
  const output = await child.output();
  const wallSeconds = (now() - startedAt) / 1000;
  limit.removeEventListener("abort", kill);
  sampler.stop();
  options.signal.throwIfAborted();
  if (timeout.aborted) throw failure(command, `it was not done in ${options.timeoutMs / 1000} s`);
  const { peakMemoryBytes, threadSeconds } = sampler;
  return { output, startedAt, wallSeconds, peakMemoryBytes, threadSeconds };
}

function spent(before: CpuClock | undefined, after: CpuClock | undefined): CpuClock | undefined {
  if (before === undefined || after === undefined) return undefined;
  return { machine: after.machine - before.machine, broker: after.broker - before.broker };
}

/** Epoch milliseconds, with fractions. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function failure(command: readonly string[], what: string): Error {
  return new Error(`Cannot measure "${command.join(" ")}": ${what}`);
}

/** User and system seconds of the children: the second line of what `times` of a POSIX shell prints. */
export function parseTimes(text: string): number {
  const fields = [...(text.split("\n")[1] ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
  if (fields.length !== 2) throw new Error(`Cannot read the times of a shell: ${text}`);
  return fields.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
}

/** Looks at the processes below a shell, not at the shell. */
class Sampler {
  readonly #shell: number;
  readonly #threads: boolean;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #peaks = new Map<number, number>();
  readonly #cpu = new Map<string, { name: string; seconds: number }>();

  constructor(shell: number, threads: boolean) {
    this.#shell = shell;
    this.#threads = threads;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get peakMemoryBytes(): number | undefined {
    if (this.#peaks.size === 0) return undefined;
    return [...this.#peaks.values()].reduce((sum, peak) => sum + peak, 0);
  }

  get threadSeconds(): ReadonlyMap<string, number> {
    const total = new Map<string, number>();
    for (const { name, seconds } of this.#cpu.values()) {
      total.set(name, (total.get(name) ?? 0) + seconds);
    }
    return total;
  }

  #sample(): void {
    for (const { pid } of processTree(this.#shell)) {
      if (pid === this.#shell) continue;
      try {
        this.#look(pid);
      } catch {
        // It ended meanwhile.
      }
    }
  }

  #look(pid: number): void {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
    if (kib !== undefined) this.#peaks.set(pid, Number(kib) * 1024);
    if (!this.#threads) return;
    for (const { name: tid } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const stat = Deno.readTextFileSync(`/proc/${pid}/task/${tid}/stat`);
      const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
      this.#cpu.set(`${pid}/${tid}`, { name, seconds: ticksOf(stat) });
    }
  }
}
