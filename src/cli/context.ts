import { type Config, requireSource } from "../config/config.ts";
import type { Section } from "../config/schema.ts";
import { AppError } from "../errors.ts";
import type { Output } from "./output/output.ts";
import type { OpenTui } from "../console/tui_call.ts";
import { hasRelativePaths, resumeCommand } from "../console/resume_command.ts";
import type { SettingGroup } from "../console/setting.ts";
import { collectOverrides, variableOf } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** The process around the program; tests put their own in place. */
export interface Host {
  readonly terminal: Terminal;
  /** How a shell starts this program, from any folder. */
  readonly invocation: string;
  /** Ends the process at once. */
  exit(code: number): void;
  /** Hands over errors that nobody waited for, in place of a bare stack trace. */
  onUncaught?(handler: (error: unknown) => void): void;
  /** Opens the full-screen user interface; it is loaded only then. */
  readonly openTui?: OpenTui;
}

/** What a command gets to work with. */
export interface CommandContext {
  readonly host: Host;
  readonly output: Output;
  /** The arguments as they were given. */
  readonly argv: readonly string[];
  /** Values of flags that were given, by commander's keys. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Arguments that are not flags. */
  readonly positionals: readonly string[];
  /** What {@linkcode loadCommandConfig} gave. */
  config?: Config;
}

/** What {@linkcode loadCommandConfig} has to know of a command. */
export interface ConfigNeeds {
  readonly settings: readonly SettingGroup[];
  readonly mode?: "backup" | "restore";
  /** The section of the file that is restored into; then the file may be one for backups. */
  readonly into?: "source" | "target" | undefined;
  readonly sections?: readonly Section[];
}

/** Loads the configuration of a command, tells its warnings, and keeps its secrets from output. */
export async function loadCommandConfig(
  context: CommandContext,
  needs: ConfigNeeds,
): Promise<Config> {
  const { output, flags, host: { terminal } } = context;
  const { loadConfig } = await import("../config/load.ts");
  const path = configPath(context);
  const { config: loaded, warnings } = await loadConfig({
    ...(path === undefined ? {} : { path }),
    overrides: collectOverrides(needs.settings, { env: terminal.env, flags }),
    env: terminal.env,
    ...(needs.mode === undefined || needs.into !== undefined ? {} : { mode: needs.mode }),
    ...(needs.sections === undefined ? {} : { sections: needs.sections }),
  });
  const config = needs.into === "source" ? { ...loaded, target: requireSource(loaded) } : loaded;
  context.config = config;
  output.redactor.addConfig(config);
  for (const warning of warnings) output.warning(warning);
  if (/:[^/@]*@/.test(String(flags.amqpUrl ?? "").replace(/^[a-z]+:\/\//i, ""))) {
    output.warning({
      message: "the password in --amqp-url can be seen in the list of processes",
      hint: "set RABBITMQ_BACKUP_AMQP_URL or use --amqp-url-file instead",
    });
  }
  return config;
}

/** The configuration file that was named by flag or variable. */
export function configPath(
  { flags, host }: Pick<CommandContext, "flags" | "host">,
): string | undefined {
  const given = flags.config ?? host.terminal.env(variableOf("config"));
  return given === undefined || given === "" ? undefined : String(given);
}

/** The command line that goes on with a run under this id. */
export function resumeCommandOf(context: CommandContext, backupId: string): string {
  return resumeCommand(context.argv, {
    invocation: context.host.invocation,
    backupId,
    folder: Deno.cwd(),
    needsFolder: context.config !== undefined && hasRelativePaths(context.config, {
      others: [configPath(context)],
      given: Object.values(context.flags),
    }),
  });
}

/** A usage error in the words of all others. */
export function usageError(message: string, hint: string): AppError {
  return new AppError("usage", message, { hint });
}
