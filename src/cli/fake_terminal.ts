import { Output, type OutputOptions } from "./output/output.ts";
import type { OutputStream, Terminal } from "./terminal.ts";

/** A stream that keeps what is written to it. For tests. */
export class FakeStream implements OutputStream {
  text = "";
  congested = false;
  failure: Error | undefined;
  columns = 80;
  rows = 24;

  constructor(readonly isTerminal: boolean) {}

  size() {
    return { columns: this.columns, rows: this.rows };
  }

  write(text: string): void {
    this.text += text;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** What stands on the screen after all cursor movements that the live display uses. */
  screen(): string[] {
    let lines = [""];
    // deno-lint-ignore no-control-regex
    for (const [token] of this.text.matchAll(/\u001b\[(\d*)[A-Za-z]|\n|\r|[^\u001b\n\r]+/g)) {
      // deno-lint-ignore no-control-regex
      const up = /^\u001b\[(\d+)A$/.exec(token);
      if (up !== null) lines = lines.slice(0, lines.length - 1 - Number(up[1])).concat("");
      else if (token === "\n") lines.push("");
      else if (!token.startsWith("\u001b") && token !== "\r") lines[lines.length - 1] += token;
    }
    return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  }
}

/** Surroundings without a process. For tests. */
export class FakeTerminal implements Terminal {
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
  /** Lines that are typed; none means that nobody is there. */
  readonly typed: string[] = [];
  readonly env = (name: string) => this.variables[name];
  time = new Date("2025-03-04T05:06:07.000Z");

  constructor(
    readonly variables: Readonly<Record<string, string>> = {},
    { isTerminal = false } = {},
  ) {
    this.stdout = new FakeStream(isTerminal);
    this.stderr = new FakeStream(isTerminal);
  }

  get canAsk(): boolean {
    return this.stderr.isTerminal;
  }

  readLine(): Promise<string | undefined> {
    return Promise.resolve(this.typed.shift());
  }

  now(): Date {
    return this.time;
  }

  /** Lets time pass. */
  advance(seconds: number): void {
    this.time = new Date(this.time.getTime() + seconds * 1000);
  }
}

/** An output as without flags, but for these options; JSON in lines. For tests. */
export function fakeOutput(terminal: FakeTerminal, options: Partial<OutputOptions> = {}): Output {
  return new Output(terminal, {
    json: false,
    jsonLines: options.json ?? false,
    quiet: false,
    verbosity: 0,
    color: true,
    ...options,
  });
}
