import type { Override } from "../../src/config/overrides.ts";
import type { Config } from "../../src/config/config.ts";
import { storageLocation } from "../../src/config/storage.ts";
import { hasRelativePaths, shellWord } from "../../src/console/resume_command.ts";
import { redactEvent } from "../../src/console/redact_event.ts";
import type { TuiCall, TuiConfig } from "../../src/console/tui_call.ts";
import { AppError } from "../../src/errors.ts";
import type { Finding } from "../../src/engine/doctor/findings.ts";
import type { EventSink } from "../../src/engine/events.ts";
import type { Connection } from "../screens/connect/connection.ts";
import type { ConnectState } from "../screens/connect/state.ts";
import { NO_WISHES, type RestoreDraft } from "../screens/restore_plan/state.ts";
import type { Engine } from "./engine.ts";
import { type Failure, failureOf } from "./failure.ts";
import { LogBook } from "./log_book.ts";
import type { Navigator } from "./navigator.ts";
import { RecentConfigs } from "./recent.ts";
import { saveCommand } from "./saved_command.ts";

/** Commands that take no flags for a broker. */
const STORAGE_COMMANDS = ["list", "describe", "messages", "validate"];

/** What came of checking a backup. */
export interface BackupCheck {
  /** Down to every record. */
  readonly deep: boolean;
  readonly isWhole: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** One name for a backup in whatever storage. */
export function checkKey({ storage }: Config, backupId: string): string {
  return JSON.stringify([storage && storageLocation(storage), backupId]);
}

/** What all screens share. */
export class Session {
  readonly call: TuiCall;
  readonly engine: Engine;
  readonly navigator: Navigator;
  /** The configuration file in force. */
  configPath: string | undefined;
  /** What was told on the way; it wins over file, variables and flags. */
  connection: Connection | undefined;
  /** The form that it was told in, as it was left. */
  connectForm: ConnectState | undefined;
  readonly recent: RecentConfigs;
  readonly log: LogBook;
  /** What is known of backups since the program was opened, by {@linkcode checkKey}. */
  readonly checks = new Map<string, BackupCheck>();
  /** What stays in the scroll-back after the end, in the order in which it happened. */
  readonly kept: string[] = [];
  /** That of the last run. */
  exitCode = 0;

  constructor(options: { call: TuiCall; engine: Engine; navigator: Navigator }) {
    this.call = options.call;
    this.engine = options.engine;
    this.navigator = options.navigator;
    this.configPath = options.call.configPath;
    this.recent = new RecentConfigs(options.call.env);
    this.log = new LogBook(() => options.call.now());
  }

  /** Goes by another file; what was typed before was for another one. */
  useConfig(path: string): void {
    this.configPath = path;
    this.connection = undefined;
    this.connectForm = undefined;
  }

  #draft:
    | { draft: RestoreDraft; configPath: string | undefined; connection: Connection | undefined }
    | undefined;
  /** The last one that was loaded. */
  #config: Config | undefined;
  /** Brokers of the file that wait for their passwords. */
  locked: TuiConfig["locked"] = {};
  /** Warnings of the configuration that were shown. */
  readonly #told = new Set<string>();

  /** The configuration with what was chosen on top; each of its warnings is shown once. */
  async load(mode: "backup" | "restore", choices: readonly Override[] = []): Promise<Config> {
    const path = this.configPath;
    const { config, warnings, locked } = await this.call.load(mode, {
      path,
      password: this.connection?.password,
      choices: [
        ...this.connection?.overrides(mode === "backup" ? "source" : "target") ?? [],
        ...choices,
      ],
    });
    this.call.redactor.addConfig(config);
    this.#config = config;
    this.locked = locked;
    if (path !== undefined) await this.recent.add(path, this.call.now());
    const warning = warnings.find(({ message }) => !this.#told.has(message));
    if (warning !== undefined) {
      this.#told.add(warning.message);
      this.navigator.tell(`Warning: ${warning.message}`);
      this.log.addEvent({ type: "warning", ...warning });
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
    const { variables } = this.locked.target ??
      (target === undefined ? this.locked.source : undefined) ?? {};
    if (variables !== undefined) {
      throw new AppError("config", `Cannot use the target: ${variables.join(", ")} is not set`, {
        hint:
          "type the password of the file's broker with c at the start, set the variable before " +
          "the program starts, or name another target with t in the plan",
      });
    }
    if (target === undefined && source !== undefined) {
      return { config: { ...config, target: source }, flags: ["--into", "source"] };
    }
    return { config, flags: mode === "backup" ? ["--into", "target"] : [] };
  }

  /**
   * What was wished of the restore of this backup so far. Another backup, another configuration or
   * another connection begins anew.
   */
  restoreDraft(backupId: string): RestoreDraft {
    const { configPath, connection } = this;
    const before = this.#draft;
    if (
      before?.draft.backupId === backupId && before.configPath === configPath &&
      before.connection === connection
    ) return before.draft;
    const draft = { backupId, wishes: NO_WISHES };
    this.#draft = { draft, configPath, connection };
    return draft;
  }

  /** A sink that gives on events without secrets, and puts them into the log. */
  safely(emit: EventSink): EventSink {
    return (event) => {
      const safe = redactEvent(event, this.call.redactor);
      this.log.addEvent(safe);
      emit(safe);
    };
  }

  /** What others say may repeat what they were told. */
  safeFinding(finding: Finding): Finding {
    const { redactor } = this.call;
    const { message, hint } = finding;
    return {
      ...finding,
      message: redactor.redact(message),
      ...hint === undefined ? {} : { hint: redactor.redact(hint) },
    };
  }

  failure(error: unknown): Failure {
    const failure = failureOf(error, this.call.redactor);
    this.log.addFailure(failure.message, failure.hint);
    return failure;
  }

  /** A command line that does the same as a screen. */
  commandLine(command: string, flags: readonly string[] = []): string {
    return ["rabbitmq-backup", command, ...this.flagsOf(command), ...flags].join(" ");
  }

  /** The command that does so from any folder, as a shell starts this program. */
  wholeLine(command: string, flags: readonly string[]): string {
    const words = [this.call.invocation, command, ...this.flagsOf(command), ...flags];
    return this.#boundLine(words.join(" "));
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

  /** Flags of a command that goes by the same configuration. */
  flagsOf(command: string): string[] {
    const { configPath: path, call, connection } = this;
    const given = [call.flags, ...connection === undefined ? [] : [connection.flags]];
    const needsBroker = !STORAGE_COMMANDS.includes(command);
    return [
      ...path === undefined ? [] : ["--config", shellWord(path)],
      ...given.flatMap(({ broker, storage }) => [...needsBroker ? broker : [], ...storage]),
    ];
  }
}
