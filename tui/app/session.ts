import type { Override } from "../../src/config/overrides.ts";
import type { Config } from "../../src/config/config.ts";
import { hasRelativePaths, shellWord } from "../../src/console/resume_command.ts";
import { redactEvent } from "../../src/console/redact_event.ts";
import type { TuiCall } from "../../src/console/tui_call.ts";
import type { EventSink } from "../../src/engine/events.ts";
import type { Connection } from "../screens/connect/connection.ts";
import type { Engine } from "./engine.ts";
import { type Failure, failureOf } from "./failure.ts";
import type { Navigator } from "./navigator.ts";
import { saveCommand } from "./saved_command.ts";

/** What all screens share. */
export class Session {
  readonly call: TuiCall;
  readonly engine: Engine;
  readonly navigator: Navigator;
  /** What was told on the way; it wins over file, variables and flags. */
  connection: Connection | undefined;
  /** What stays in the scroll-back after the end, in the order in which it happened. */
  readonly kept: string[] = [];
  /** That of the last run. */
  exitCode = 0;

  constructor(options: { call: TuiCall; engine: Engine; navigator: Navigator }) {
    this.call = options.call;
    this.engine = options.engine;
    this.navigator = options.navigator;
  }

  /** The last one that was loaded. */
  #config: Config | undefined;
  /** Warnings of the configuration that were shown. */
  readonly #told = new Set<string>();

  /** The configuration with what was chosen on top; each of its warnings is shown once. */
  async load(mode: "backup" | "restore", choices: readonly Override[] = []): Promise<Config> {
    const { config, warnings } = await this.call.load(mode, [
      ...this.connection?.overrides(mode === "backup" ? "source" : "target") ?? [],
      ...choices,
    ]);
    this.call.redactor.addConfig(config);
    this.#config = config;
    const warning = warnings.find(({ message }) => !this.#told.has(message));
    if (warning !== undefined) {
      this.#told.add(warning.message);
      this.navigator.tell(`Warning: ${warning.message}`);
    }
    return config;
  }

  /**
   * The same for a restore, with the flag that makes a command go by the same section of the file.
   * Where no target is configured a backup goes back to where it came from.
   */
  async loadRestore(
    choices: readonly Override[],
  ): Promise<{ config: Config; flags: readonly string[] }> {
    const config = await this.load("restore", choices);
    const { source, target, mode } = config;
    if (target === undefined && source !== undefined) {
      return { config: { ...config, target: source }, flags: ["--into", "source"] };
    }
    return { config, flags: mode === "backup" ? ["--into", "target"] : [] };
  }

  /** A sink that gives on events without secrets. */
  safely(emit: EventSink): EventSink {
    return (event) => emit(redactEvent(event, this.call.redactor));
  }

  failure(error: unknown): Failure {
    return failureOf(error, this.call.redactor);
  }

  /** A command line that does the same as a screen. */
  commandLine(command: string, flags: readonly string[] = []): string {
    return ["rabbitmq-backup", command, ...this.flags, ...flags].join(" ");
  }

  /** The command that does so from any folder, as a shell starts this program. */
  wholeLine(command: string, flags: readonly string[]): string {
    return this.#boundLine([this.call.invocation, command, ...this.flags, ...flags].join(" "));
  }

  /** Relative paths of the configuration mean the same only in this folder. */
  #boundLine(line: string): string {
    const isBound = this.#config !== undefined && hasRelativePaths(this.#config);
    return isBound ? `cd ${shellWord(Deno.cwd())} && ${line}` : line;
  }

  /** Saves a command line, as screens show it, in the folder of the program; says what came of it. */
  async saveCommand(line: string): Promise<string> {
    const [, command = "command", rest = ""] = /^rabbitmq-backup (\S+)(.*)$/s.exec(line) ?? [];
    const whole = this.#boundLine(`${this.call.invocation} ${command}${rest}`);
    try {
      const name = await saveCommand(Deno.cwd(), { line: whole, command });
      return `Saved as ${name} in ${Deno.cwd()}`;
    } catch (error) {
      return this.failure(error).message;
    }
  }

  /** Flags of commands that go by the same configuration. */
  get flags(): string[] {
    return [...this.call.flags, ...this.connection?.flags ?? []];
  }
}
