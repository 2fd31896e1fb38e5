import type { Override } from "../../src/config/overrides.ts";
import type { Config } from "../../src/config/config.ts";
import { shellWord } from "../../src/console/resume_command.ts";
import { redactEvent } from "../../src/console/redact_event.ts";
import type { TuiCall } from "../../src/console/tui_call.ts";
import type { Finding } from "../../src/engine/doctor/findings.ts";
import type { EventSink } from "../../src/engine/events.ts";
import type { Connection } from "../screens/connect/connection.ts";
import type { ConnectState } from "../screens/connect/state.ts";
import type { Engine } from "./engine.ts";
import { type Failure, failureOf } from "./failure.ts";
import { LogBook } from "./log_book.ts";
import type { Navigator } from "./navigator.ts";
import { RecentConfigs } from "./recent.ts";

/** Commands that take no flags for a broker. */
const STORAGE_COMMANDS = ["list", "describe", "validate"];

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

  /** Warnings of the configuration that were shown. */
  readonly #told = new Set<string>();

  /** The configuration with what was chosen on top; each of its warnings is shown once. */
  async load(mode: "backup" | "restore", choices: readonly Override[] = []): Promise<Config> {
    const path = this.configPath;
    const { config, warnings } = await this.call.load(mode, {
      path,
      choices: [
        ...this.connection?.overrides(mode === "backup" ? "source" : "target") ?? [],
        ...choices,
      ],
    });
    this.call.redactor.addConfig(config);
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
   * The same for a restore. Where no target is configured it goes back to where the backup came from,
   * which the flags then say.
   */
  async loadRestore(
    choices: readonly Override[],
  ): Promise<{ config: Config; flags: readonly string[] }> {
    const config = await this.load("restore", choices);
    const { source, target } = config;
    if (target !== undefined || source === undefined) return { config, flags: [] };
    const flags = [
      "--amqp-url",
      '"$RABBITMQ_BACKUP_AMQP_URL"',
      "--management-url",
      shellWord(source.management_url),
    ];
    return { config: { ...config, target: source }, flags };
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
