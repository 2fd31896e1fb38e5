/** Test files side by side, each lane with servers of its own, so that none sees another's queues. */
import { basename } from "node:path";
import { print } from "./output.ts";
import { signal } from "./process.ts";
import type { BrokerVersion } from "./roots.ts";
import { add, type Counts, countSummary, NONE } from "./test_result.ts";

/** A file that takes longer hangs. */
const FILE_WITHIN_MS = 8 * 60_000;
/** Where more parts than these fail, it is not for the machine being busy. */
const AGAIN_AT_MOST = 6;

/** A row of test files, one after the other. */
export interface Lane {
  /** The variables by which its tests find their servers, all or those of one version. */
  env(version?: BrokerVersion): Record<string, string>;
}

/** What one process runs. */
export interface TestPart {
  readonly file: string;
  /** On this broker alone. */
  readonly version?: BrokerVersion;
}

export interface LaneOptions {
  readonly lanes: readonly Lane[];
  /** Arguments of `deno test` before the file. */
  readonly flags: readonly string[];
  readonly signal: AbortSignal;
}

interface Done {
  readonly part: TestPart;
  readonly name: string;
  readonly seconds: number;
  readonly counts: Counts;
  readonly output: string;
}

/**
 * Runs each part in a process of its own, begun in their order; shows what it printed at its end. What
 * fails beside others is tried once more when nothing else runs, and then it is told as unsteady.
 */
export async function runInLanes(
  parts: readonly TestPart[],
  options: LaneOptions,
): Promise<Counts> {
  const waiting = [...parts];
  const done: Done[] = [];
  const work = async (lane: Lane) => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      if (options.signal.aborted) return;
      const ended = await runPart(part, { lane, ...options });
      done.push(ended);
      print(ended.output.trimEnd());
      print(`==> ${done.length} of ${parts.length}: ${ended.name}, ${ended.seconds} s`);
    }
  };
  await Promise.all(options.lanes.map(work));
  const slowest = done.toSorted((one, other) => other.seconds - one.seconds).slice(0, 10);
  print(`==> slowest: ${slowest.map(({ name, seconds }) => `${name} ${seconds} s`).join(", ")}`);
  const failed = done.filter(({ counts }) => counts.failed > 0);
  // Once more, where it is found.
  for (const { name, output } of failed) print(`==> FAILED: ${name}\n${errorsOf(output)}`);
  const again = failed.length > AGAIN_AT_MOST ? failed : await runAgain(failed, options);
  const counted = [...done.filter((one) => !failed.includes(one)), ...again];
  return counted.map(({ counts }) => counts).reduce(add, NONE);
}

/** Gives what came of them alone; all of the first time stays in what was printed. */
async function runAgain(failed: readonly Done[], options: LaneOptions): Promise<Done[]> {
  const done: Done[] = [];
  for (const one of failed) {
    if (options.signal.aborted || options.lanes.length === 1) {
      done.push(one);
      continue;
    }
    print(`==> again, alone: ${one.name}`);
    const ended = await runPart(one.part, { ...options, lane: options.lanes[0]! });
    done.push(ended);
    print(ended.output.trimEnd());
    if (ended.counts.failed === 0) print(`==> UNSTEADY: ${one.name} failed beside others`);
  }
  return done;
}

async function runPart(part: TestPart, options: LaneOptions & { lane: Lane }): Promise<Done> {
  const start = Date.now();
  const { code, output } = await runFile(part, options);
  return {
    part,
    name: basename(part.file) + (part.version === undefined ? "" : ` on ${part.version}`),
    seconds: Math.round((Date.now() - start) / 1000),
    counts: countSummary(output, code),
    output,
  };
}

async function runFile(
  { file, version }: TestPart,
  { lane, flags, signal: interrupt }: LaneOptions & { lane: Lane },
): Promise<{ code: number; output: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...flags, file],
    env: lane.env(version),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ending = AbortSignal.any([interrupt, AbortSignal.timeout(FILE_WITHIN_MS)]);
  const end = () => signal(child.pid, "SIGTERM");
  ending.addEventListener("abort", end);
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) output += text;
  };
  await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const { code } = await child.status;
  ending.removeEventListener("abort", end);
  if (ending.aborted && !interrupt.aborted) {
    output += `\n${basename(file)} was ended: it took over ${FILE_WITHIN_MS / 60_000} minutes`;
  }
  return { code, output };
}

/** What `deno test` says of the tests that failed, or the end of what it said. */
function errorsOf(output: string): string {
  const errors = output.lastIndexOf(" ERRORS ");
  return output.slice(errors === -1 ? -4000 : errors).trimEnd();
}
