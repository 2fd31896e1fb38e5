import { join, resolve } from "node:path";

const MAIN = join(import.meta.dirname ?? ".", "..", "..", "main.ts");

export interface CliOptions {
  cwd?: string;
  /** Added to the environment of the tests. */
  env?: Record<string, string>;
  /** Its standard input; none unless given. */
  stdin?: string;
}

export interface CliResult {
  /** Exit code; 128 + number when a signal ended it. */
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The tool as a process that is running. */
export interface CliRun {
  readonly pid: number;
  /** What it has printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly done: Promise<CliResult>;
  /** Sends a signal; nothing happens when the process has ended. */
  kill(signal: Deno.Signal): void;
  /** Waits until what it prints, stdout and stderr, matches; throws when it ends or time is up before. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<void>;
}

/** Runs the tool to its end. */
export function runCli(args: string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).done;
}

/** The command that runs the tool: the build that `RABBITMQ_BACKUP_BIN` names, or `main.ts`. */
export function cliCommand(): [program: string, ...front: string[]] {
  const build = Deno.env.get("RABBITMQ_BACKUP_BIN");
  return build ? [resolve(build)] : [Deno.execPath(), "run", "-A", MAIN];
}

/** Starts the tool, see {@linkcode cliCommand}. */
export function startCli(args: string[], { stdin, ...options }: CliOptions = {}): CliRun {
  const [program, ...front] = cliCommand();
  const child = new Deno.Command(program, {
    args: [...front, ...args],
    ...options,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    void ReadableStream.from([new TextEncoder().encode(stdin)]).pipeTo(child.stdin);
  }
  return new RunningCli(child, args);
}

class RunningCli implements CliRun {
  readonly pid: number;
  readonly done: Promise<CliResult>;
  stdout = "";
  stderr = "";
  #child: Deno.ChildProcess;
  #command: string;
  #ended = false;

  constructor(child: Deno.ChildProcess, args: string[]) {
    this.#child = child;
    this.#command = args.join(" ");
    this.pid = child.pid;
    this.done = this.#finish();
  }

  async #finish(): Promise<CliResult> {
    const [status] = await Promise.all([
      this.#child.status,
      gather(this.#child.stdout, (text) => this.stdout += text),
      gather(this.#child.stderr, (text) => this.stderr += text),
    ]);
    this.#ended = true;
    const { code, signal } = status;
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }

  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended: as a TypeError once its status is known.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async waitFor(pattern: RegExp, timeoutMs = 90_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!pattern.test(this.stdout) && !pattern.test(this.stderr)) {
      if (this.#ended || Date.now() > end) {
        const what = this.#ended ? "it ended" : `${timeoutMs} ms have passed`;
        throw new Error(
          `Cannot find ${pattern} in what '${this.#command}' prints: ${what}.\n` +
            `stdout: ${this.stdout}\nstderr: ${this.stderr}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function gather(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
  take(decoder.decode());
}
