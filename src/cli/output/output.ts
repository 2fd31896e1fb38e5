import type { ConfigWarning } from "../../config/problem.ts";
import { AppError, isOutOfReach, messageOf, OUT_OF_REACH_HINT } from "../../errors.ts";
import { EXIT, exitCodeOf } from "../../console/exit_code.ts";
import { Redactor } from "../../console/redact.ts";
import type { Terminal } from "../terminal.ts";
import { escapeJson, escapeLines } from "../../console/text/escape.ts";
import { LiveBlock } from "./live_block.ts";
import { paint, type Signs, signsOf, type Style, styleOf } from "../../console/text/style.ts";

/** How the person or script wants to be told. */
export interface OutputOptions {
  /** The result is JSON. */
  readonly json: boolean;
  /** It is a stream of lines, which tells progress and warnings as well, and no single document. */
  readonly jsonLines: boolean;
  readonly quiet: boolean;
  /** Number of `-v`: 1 shows causes and finished queues, 2 stack traces as well. */
  readonly verbosity: number;
  readonly color: boolean;
  /** Seconds between status messages that are no live display; 0 is none. */
  readonly progressInterval?: number;
}

/** Version of the JSON messages; fields may be added without a new one. */
const JSON_VERSION = 1;

/** The way out for everything that is said: results on stdout, all else on stderr. */
export class Output {
  readonly terminal: Terminal;
  readonly options: OutputOptions;
  readonly redactor = new Redactor();
  /** How stdout and stderr look. */
  readonly outStyle: Style;
  readonly errStyle: Style;
  readonly errSigns: Signs;
  /** Gives the terminal back where something else draws on it. */
  beforeError: () => void = () => {};
  /** What is drawn in place on stderr. */
  readonly block: LiveBlock;

  constructor(terminal: Terminal, options: OutputOptions) {
    this.terminal = terminal;
    this.options = options;
    const styled = (isTerminal: boolean) =>
      styleOf({ isTerminal, env: terminal.env, colorWanted: options.color });
    this.outStyle = styled(terminal.stdout.isTerminal);
    this.errStyle = styled(terminal.stderr.isTerminal);
    this.errSigns = signsOf(this.errStyle);
    this.block = new LiveBlock(terminal.stderr);
  }

  /** Whether lines may be drawn in place. */
  get isLive(): boolean {
    const { env, stderr } = this.terminal;
    const dumb = env("TERM") === "dumb" || (env("CI") ?? "") !== "";
    return stderr.isTerminal && !dumb && !this.options.jsonLines && !this.options.quiet;
  }

  /** Result text, one or more lines; names in it must have been escaped. */
  result(lines: string | readonly string[]): void {
    this.block.clear();
    this.terminal.stdout.write(typeof lines === "string" ? `${lines}\n` : joined(lines));
  }

  /** A result as one JSON document. */
  document(value: unknown): void {
    this.result(escapeJson(JSON.stringify(value, null, 2)));
  }

  /** One line of the JSON stream. */
  message(type: string, fields: Readonly<Record<string, unknown>>): void {
    const head = { message_type: type, v: JSON_VERSION, time: this.terminal.now().toISOString() };
    this.terminal.stdout.write(`${escapeJson(JSON.stringify({ ...head, ...fields }))}\n`);
  }

  /** Text beside the result, on stderr. */
  note(line: string): void {
    if (!this.options.quiet && !this.options.jsonLines) this.block.print(`${line}\n`);
  }

  warning(warning: ConfigWarning & { vhost?: string; queue?: string }) {
    const { message, hint, vhost, queue } = warning;
    if (!this.options.jsonLines) return this.note(this.warningText(warning));
    this.message("warning", { ...this.safe({ message, hint }), vhost, queue });
  }

  /** A warning as text for stderr. */
  warningText({ message, hint }: ConfigWarning): string {
    const safe = this.safe({ message, hint });
    const sign = paint(this.errStyle, "attention", "Warning:");
    return withHint(`${sign} ${escapeLines(safe.message)}`, safe.hint);
  }

  /** Reports an error and returns the exit code that goes with it. */
  error(error: unknown): number {
    this.beforeError();
    const code = error instanceof AppError ? error.code : "failed";
    const exitCode = error instanceof AppError ? exitCodeOf(code) : EXIT.failed;
    const { message, hint } = this.safe({ message: messageOf(error), hint: hintOf(error) });
    if (this.options.json) {
      const causes = causesOf(error).map((cause) => this.redactor.redact(cause));
      this.message("error", { code, exit_code: exitCode, message, hint, causes });
    }
    // To be stopped was asked for, and is no error to whoever asked.
    const isStop = code === "interrupted" || code === "terminated";
    const sign = isStop ? "" : `${paint(this.errStyle, "bad", "Error:")} `;
    const lines = [withHint(sign + escapeLines(message), hint), ...this.#details(error)];
    this.block.print(joined(lines));
    return exitCode;
  }

  /** The texts without secrets, `undefined` ones left out. */
  safe<T extends { message: string; hint: string | undefined }>({ message, hint }: T) {
    const redacted = { message: this.redactor.redact(message) };
    return hint === undefined ? redacted as { message: string; hint?: string } : {
      ...redacted,
      hint: this.redactor.redact(hint),
    };
  }

  async flush(): Promise<void> {
    await Promise.all([this.terminal.stdout.flush(), this.terminal.stderr.flush()]);
  }

  #details(error: unknown): string[] {
    const { verbosity } = this.options;
    const lines = verbosity === 0 ? [] : causesOf(error).map((cause) => `Caused by: ${cause}`);
    if (verbosity > 1 && error instanceof Error) lines.push(error.stack ?? "");
    return lines.map((line) => escapeLines(this.redactor.redact(line)));
  }
}

/** Two lines where there is a hint, else one. */
export function withHint(line: string, hint: string | undefined): string {
  return hint === undefined ? line : `${line}\nHint: ${escapeLines(hint)}`;
}

function hintOf(error: unknown): string | undefined {
  if (error instanceof AppError) return error.hint;
  if (isOutOfReach(error)) return OUT_OF_REACH_HINT;
  return "this was not foreseen; run it again with -vv and report what it prints";
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    causes.push(messageOf(cause));
    if (causes.length === 10) break;
  }
  return causes;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
