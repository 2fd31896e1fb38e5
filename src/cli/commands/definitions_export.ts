import type { Command } from "commander";
import { requireSource } from "../../config/config.ts";
import { addConfigOption, addSettings, type Launch, newCommand } from "../command.ts";
import { type CommandContext, loadCommandConfig } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";
import { choiceOf } from "../definitions_input.ts";
import { plural } from "../../console/text/format.ts";
import { writeFileAtomically } from "../private_file.ts";
import { brokerSettings, definitionsSettings } from "../setting_groups.ts";

const SETTINGS = [brokerSettings("source"), definitionsSettings("backup")];

const HELP = {
  summary: "write a broker's definitions to a file or stdout",
  description:
    "Writes vhosts, queues, exchanges, bindings, users, policies and parameters as the broker's own " +
    "JSON. It holds password hashes, and passwords inside shovel and federation URIs: the file is " +
    "readable by you alone. Needs a user with the tag administrator.",
  examples: [
    ["to a file", "rabbitmq-backup definitions-export -c backup.yaml --output definitions.json"],
    ["one vhost, to stdout", "rabbitmq-backup definitions-export -c backup.yaml --vhost shop"],
    [
      "the queues of orders and what leads to them, to be shown to others",
      "rabbitmq-backup definitions-export -c backup.yaml --select-queue 'orders.*' --without-users",
    ],
  ],
} as const;

export function addDefinitionsExportCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "definitions-export", HELP))
    .option("-o, --output <file>", "file to write, replaced if it exists (default: stdout)")
    .option("--vhost <name>", "only this vhost, without users, to be imported into any vhost")
    .option("--without-users", "no users, hashes and permissions");
  addSettings(command, SETTINGS).action(launch(exportFrom));
}

async function exportFrom(context: CommandContext): Promise<number> {
  // 1. Which broker.
  const config = await loadCommandConfig(context, {
    settings: SETTINGS,
    sections: ["source", "backup"],
  });

  // 2. Read its definitions.
  const { ManagementClient } = await import("../../broker/management/client.ts");
  const { exportDefinitions } = await import("../../definitions/export.ts");
  const client = new ManagementClient(requireSource(config));
  const vhost = context.flags.vhost as string | undefined;
  const choice = choiceOf(config.backup, context.flags);
  const { text, counts } = await exportDefinitions(client, { vhost, choice });

  // 3. Write them.
  const { output, host: { terminal }, flags } = context;
  if (flags.output === undefined || flags.output === "-") {
    terminal.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
    return EXIT.ok;
  }
  const path = String(flags.output);
  await writeFileAtomically(path, text);
  const what = [
    plural(counts.vhosts, "vhost"),
    plural(counts.queues, "queue"),
    plural(counts.exchanges, "exchange"),
    plural(counts.users, "user"),
  ];
  if (output.options.json) output.document({ v: 1, output: path, ...counts });
  else output.result(`Wrote ${what.join(", ")} to ${path}.`);
  return EXIT.ok;
}
