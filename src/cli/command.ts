import { type Command, Option } from "commander";
import type { CommandContext } from "./context.ts";
import type { SettingGroup } from "../console/setting.ts";

/** Runs a command and returns the exit code. */
export type CommandRun = (context: CommandContext) => Promise<number>;

/** Gives a command line's command its action. */
export type Launch = (run: CommandRun) => (...args: unknown[]) => Promise<void>;

/** A command line and what it is good for. */
export type Example = readonly [purpose: string, line: string];

/** What stands at the head of a command's help. */
export interface CommandHelp {
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly Example[];
}

const EXAMPLES = new WeakMap<Command, readonly Example[]>();

/** The examples of a command, which commander knows only as text. */
export function examplesOf(command: Command): readonly Example[] {
  return EXAMPLES.get(command) ?? [];
}

/** Starts a command: name (with arguments as commander writes them), help, examples. */
export function newCommand(program: Command, usage: string, help: CommandHelp): Command {
  const examples = help.examples.map(([purpose, line]) => `  # ${purpose}\n  ${line}\n`).join("\n");
  const command = program.command(usage).summary(help.summary).description(help.description)
    .addHelpText("after", `\nExamples:\n${examples.trimEnd()}`);
  EXAMPLES.set(command, help.examples);
  return command;
}

/** Help of `--break-lock`. */
export const BREAK_LOCK_HELP = "take over from a run on another machine that is gone for good";

/** Adds `--config`. */
export function addConfigOption(command: Command): Command {
  return command.option("-c, --config <file>", "configuration file (docs/configuration.md)");
}

/** Adds `--into`, for commands that write to a broker, or read what was written there. */
export function addIntoOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--into <section>",
      "the broker of this section of the file, also of one for backups",
    )
      .choices(["target", "source"]),
  );
}

/** Adds the flags of settings, under their headings. */
export function addSettings(command: Command, groups: readonly SettingGroup[]): Command {
  for (const { heading, settings } of groups) {
    for (const { flags, help, list, hidden } of settings) {
      if (hidden) continue;
      const option = new Option(flags, help).helpGroup(heading);
      if (list) option.argParser((value, values?: string[]) => [...values ?? [], value]);
      command.addOption(option);
    }
  }
  return command;
}

/**
 * Values of flags that stand on the command line. Commander's own defaults (true for a switch that
 * only a `--no-` flag turns off) are left out: they would win over what the file says.
 */
export function givenFlags(command: Command): Record<string, unknown> {
  const isGiven = (key: string) => command.getOptionValueSourceWithGlobals(key) === "cli";
  return Object.fromEntries(
    Object.entries(command.optsWithGlobals()).filter(([key]) => isGiven(key)),
  );
}

/** Adds `-f, --format` for commands whose result is a document. */
export function addFormatOption(command: Command): Command {
  return command.addOption(
    new Option("-f, --format <format>", "text, json or yaml").choices(["text", "json", "yaml"]),
  );
}

/**
 * The same for commands that tell their progress as well, as a stream of JSON lines; a plan, where
 * they have `--dry-run`, is a document.
 */
export function addStreamFormatOption(command: Command): Command {
  const canPlan = command.options.some(({ long }) => long === "--dry-run");
  return command.addOption(
    canPlan
      ? new Option("-f, --format <format>", "text or json; yaml with --dry-run only")
        .choices(["text", "json", "yaml"])
      : new Option("-f, --format <format>", "text or json").choices(["text", "json"]),
  );
}
