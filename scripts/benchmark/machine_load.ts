import { sleep } from "../lib/process.ts";

/** CPU seconds since boot, as /proc tells them; undefined where there is no /proc. */
export interface CpuClock {
  /** All processes of the machine, and what a hypervisor took. */
  readonly machine: number;
  /** The broker's process; 0 when it is not known. */
  readonly broker: number;
}

const TICKS_PER_SECOND = 100; // USER_HZ is 100 on Linux

export function readCpuClock(brokerPid: number | undefined): CpuClock | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const [line = ""] = Deno.readTextFileSync("/proc/stat").split("\n");
  // user nice system idle iowait irq softirq steal
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.trim()
    .split(/\s+/).slice(1).map(Number);
  const machine = (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
  return { machine, broker: brokerPid === undefined ? 0 : processSeconds(brokerPid) };
}

/** User and system seconds of a process, from proc(5) stat or the same file of a thread. */
export function ticksOf(stat: string): number {
  // The second field, the name in parentheses, may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function processSeconds(pid: number): number {
  return ticksOf(Deno.readTextFileSync(`/proc/${pid}/stat`));
}

/** A broker that uses less than this share of a core for a second has come to rest. */
const REST_CORES = 0.15;
const REST_WITHIN_MS = 60_000;
/** How long one is given whose CPU cannot be seen. */
const BLIND_REST_MS = 5_000;

/** Waits until the broker has done what the run before left it to do, such as writing to disk. */
export async function waitForRest(brokerPid: number | undefined): Promise<void> {
  if (brokerPid === undefined) return await sleep(BLIND_REST_MS);
  const end = performance.now() + REST_WITHIN_MS;
  for (let before = processSeconds(brokerPid); performance.now() < end;) {
    await sleep(1000);
    const now = processSeconds(brokerPid);
    if (now - before < REST_CORES) return;
    before = now;
  }
}
