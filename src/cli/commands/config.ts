import type { Command } from "commander";
import { addConfigOption, addFormatOption, type Launch, newCommand } from "../command.ts";
import { type CommandContext, configPath, loadCommandConfig, usageError } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";
import { configCheckLines } from "../output/config_text.ts";
import { showResult } from "../output/document.ts";

const HELP = {
  summary: "check or show a configuration file, or print its schema",
  description: "Looks at a configuration file without connecting to anything.",
  examples: [
    ["is it right?", "rabbitmq-backup config check --config backup.yaml"],
    ["what is in force, defaults included", "rabbitmq-backup config show --config backup.yaml"],
    ["completion in an editor", "rabbitmq-backup config schema > config.schema.json"],
  ],
} as const;

export function addConfigCommand(program: Command, launch: Launch): void {
  const command = newCommand(program, "config", HELP).helpCommand(false);
  addFormatOption(addConfigOption(
    command.command("check").summary("say whether a file is right")
      .description("Checks a file as every command does before it begins, variables included."),
  )).action(launch(check));
  addFormatOption(addConfigOption(
    command.command("show").summary("show what is in force, secrets masked")
      .description("Shows a file's values with all defaults. Secrets are shown as ***."),
  )).action(launch(show));
  command.command("schema").summary("print the JSON Schema of the file")
    .description(
      "Prints the JSON Schema of the configuration file, as in docs/config.schema.json.",
    )
    .action(launch(schema));
}

async function check(context: CommandContext): Promise<number> {
  const path = requirePath(context);
  const config = await loadCommandConfig(context, { settings: [] });
  await showResult(context, {
    document: { v: 1, file: path, valid: true },
    text: () => configCheckLines(config, path),
  });
  return EXIT.ok;
}

async function show(context: CommandContext): Promise<number> {
  requirePath(context);
  const config = await loadCommandConfig(context, { settings: [] });
  const document: unknown = JSON.parse(JSON.stringify(config));
  const { stringify } = await import("yaml");
  await showResult(context, { document, text: () => [stringify(document).trimEnd()] });
  return EXIT.ok;
}

async function schema({ output }: CommandContext): Promise<number> {
  const { configJsonSchema } = await import("../../config/schema.ts");
  output.document(configJsonSchema());
  return EXIT.ok;
}

function requirePath(context: CommandContext): string {
  const path = configPath(context);
  if (path !== undefined) return path;
  throw usageError("Cannot look at a configuration: no file is named", "use --config FILE");
}
