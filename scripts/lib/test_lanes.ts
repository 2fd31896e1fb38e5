/** Test files side by side, each lane with servers of its own, so that none sees another's queues. */
import { basename } from "node:path";
import { print } from "./output.ts";
import { signal } from "./process.ts";
import { add, type Counts, countSummary, NONE } from "./test_result.ts";

/** A file that takes longer hangs. */
const FILE_WITHIN_MS = 12 * 60_000;

/** A row of test files, one after the other. */
export interface Lane {
  /** Where its tests find their servers. */
  readonly env: Record<string, string>;
}

export interface LaneOptions {
  readonly lanes: readonly Lane[];
  /** Arguments of `deno test` before the file. */
  readonly flags: readonly string[];
  /** What runs longest, by name, so that it is not begun last. */
  readonly longest: readonly string[];
  readonly signal: AbortSignal;
}

/** Runs each file in a process of its own; what it printed is shown when it has ended. */
export async function runInLanes(
  files: readonly string[],
  options: LaneOptions,
): Promise<Counts> {
  const waiting = inOrder(files, options.longest);
  const done: { file: string; seconds: number; counts: Counts; output: string }[] = [];
  const work = async (lane: Lane) => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      if (options.signal.aborted) return;
      const start = Date.now();
      const { code, output } = await runFile(file, { lane, ...options });
      const counts = countSummary(output, code);
      const seconds = Math.round((Date.now() - start) / 1000);
      done.push({ file, seconds, counts, output });
      print(output.trimEnd());
      print(`==> ${done.length} of ${files.length}: ${basename(file)}, ${seconds} s`);
    }
  };
  await Promise.all(options.lanes.map(work));
  const slowest = done.toSorted((one, other) => other.seconds - one.seconds).slice(0, 10);
  print(
    `==> slowest: ${
      slowest.map(({ file, seconds }) => `${basename(file)} ${seconds} s`).join(", ")
    }`,
  );
  // Once more, where it is found.
  for (const { file, counts, output } of done) {
    if (counts.failed > 0) print(`==> FAILED: ${basename(file)}\n${errorsOf(output)}`);
  }
  return done.map(({ counts }) => counts).reduce(add, NONE);
}

function inOrder(files: readonly string[], longest: readonly string[]): string[] {
  const rank = (file: string) => {
    const index = longest.indexOf(basename(file));
    return index === -1 ? longest.length : index;
  };
  return files.toSorted((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
}

async function runFile(
  file: string,
  { lane, flags, signal: interrupt }: LaneOptions & { lane: Lane },
): Promise<{ code: number; output: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...flags, file],
    env: lane.env,
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
