/** How long the program takes to start, beside Deno's own start. */
import os from "node:os";
import { join } from "node:path";
import { renderTable } from "../../src/console/text/table.ts";
import { buildPortable } from "../build/build.ts";
import { checkoutDir } from "../lib/instances.ts";
import { print, say } from "../lib/output.ts";
import { sleep } from "../lib/process.ts";
import { readCpuClock } from "./machine_load.ts";
import { type Spread, spread } from "./results.ts";

const ROUNDS = 12;
/** Other processes that keep more cores busy than this would be measured as well. */
const QUIET_CORES = 0.3;
const QUIET_WITHIN_MS = 5_000;

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** The most that the median may be, beside Deno's own start or in all; milliseconds. */
  readonly limit?: { readonly over?: number; readonly total?: number };
}

export interface StartupOptions {
  readonly json: boolean;
  /** A folder for what is unpacked. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Starts each contender in turn, some rounds; prints medians as text or JSON. */
export async function benchStartup({ json, folder, signal }: StartupOptions): Promise<void> {
  say("building the executable");
  const [portable] = await buildPortable();
  const env = { RABBITMQ_BACKUP_CACHE: join(folder, "cache") };
  const contenders = await contendersIn(folder, portable!);
  for (const { command } of contenders) await start(command, env); // unpacked, caches filled
  const times = contenders.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { command }] of contenders.entries()) {
      signal.throwIfAborted();
      await waitForQuiet();
      times[index]!.push(await start(command, env));
    }
  }
  const spreads = times.map((each) => spread(each)!);
  const rows = contenders.map((contender, index) => judge(contender, spreads[index]!, spreads[0]!));
  const machine = {
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.cpus().length,
    load: os.loadavg()[0],
  };
  if (json) {
    return print(
      JSON.stringify({ deno: Deno.version.deno, machine, rounds: ROUNDS, rows }, null, 2),
    );
  }
  print(
    `${ROUNDS} starts of each in turn, medians (fewest to most), ms; Deno ${Deno.version.deno}, ` +
      `${machine.cores} cores (${machine.cpu}), load ${machine.load?.toFixed(2)}`,
  );
  renderRows(rows).forEach(print);
}

async function contendersIn(folder: string, portable: string): Promise<Contender[]> {
  const empty = join(folder, "empty.js");
  await Deno.writeTextFile(empty, "");
  const deno = [Deno.execPath(), "run", "--no-config", "-A"];
  const bundle = join(checkoutDir(), "dist", "bundle", "main.js");
  const limit = { over: 100 };
  return [
    { name: "deno, an empty file", command: [...deno, empty] },
    { name: "bundle --version", command: [...deno, bundle, "--version"], limit },
    { name: "bundle --help", command: [...deno, bundle, "--help"], limit },
    {
      name: "self-extracting --version",
      command: [portable, "--version"],
      limit: { ...limit, total: 150 },
    },
    {
      name: "self-extracting --help",
      command: [portable, "--help"],
      limit: { ...limit, total: 150 },
    },
    {
      name: "sources --version",
      command: [Deno.execPath(), "run", "-A", join(checkoutDir(), "main.ts"), "--version"],
    },
  ];
}

/** Milliseconds from the start of a command to its end. */
async function start(
  [program, ...args]: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const before = performance.now();
  const { code, stderr } = await new Deno.Command(program!, { args, env, stdin: "null" }).output();
  const passed = performance.now() - before;
  if (code === 0) return passed;
  throw new Error(`Cannot measure ${program}: ${new TextDecoder().decode(stderr)}`);
}

/** Waits for a moment in which nothing else works, as long as a measurement may take in all. */
async function waitForQuiet(): Promise<void> {
  const end = performance.now() + QUIET_WITHIN_MS;
  while (performance.now() < end) {
    const before = readCpuClock(undefined)?.machine;
    await sleep(200);
    const after = readCpuClock(undefined)?.machine;
    if (before === undefined || after === undefined) return; // it cannot be seen here
    if ((after - before) / 0.2 < QUIET_CORES) return;
  }
}

interface Row {
  readonly name: string;
  readonly ms: Spread;
  readonly over: number;
  readonly met: boolean | undefined;
}

function judge({ name, limit }: Contender, ms: Spread, floor: Spread): Row {
  const over = ms.median - floor.median;
  const met = limit && over < (limit.over ?? Infinity) && ms.median < (limit.total ?? Infinity);
  return { name, ms, over, met };
}

function renderRows(rows: readonly Row[]): string[] {
  return renderTable(
    [{ title: "what" }, { title: "ms", align: "right" }, { title: "over Deno", align: "right" }, {
      title: "goal",
    }],
    rows.map(({ name, ms, over, met }) => [
      name,
      `${ms.median.toFixed(0)} (${ms.min.toFixed(0)}-${ms.max.toFixed(0)})`,
      over === 0 ? "" : over.toFixed(0),
      met === undefined ? "" : met ? "met" : "NOT MET",
    ]),
  );
}
