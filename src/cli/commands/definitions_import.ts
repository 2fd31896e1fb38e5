import type { Command } from "commander";
import { requireTarget } from "../../config/config.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { AppError, messageOf } from "../../errors.ts";
import { addConfigOption, addSettings, type Launch, newCommand } from "../command.ts";
import { type CommandContext, loadCommandConfig } from "../context.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT } from "../exit_code.ts";
import { showResult } from "../output/document.ts";
import { importLines } from "../output/import_text.ts";
import { brokerSettings } from "../setting_groups.ts";

const SETTINGS = [brokerSettings("target")];

const HELP = {
  summary: "load definitions from a file into a broker",
  description:
    "Creates what the file holds and the broker lacks, and updates users, permissions, policies and " +
    "parameters. Deletes nothing, and changes no queue or exchange that exists. Waits until the broker " +
    "shows all of it. Users and shovels in a file get power over the broker: look at it first, or use " +
    "--dry-run. Needs a user with the tag administrator.",
  examples: [
    [
      "what would be created",
      "rabbitmq-backup definitions-import -c restore.yaml -i definitions.json --dry-run",
    ],
    [
      "a file of one vhost, into another",
      "rabbitmq-backup definitions-import -c restore.yaml -i shop.json --vhost shop2",
    ],
  ],
} as const;

export function addDefinitionsImportCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "definitions-import", HELP))
    .requiredOption("-i, --input <file>", "file to read; - is stdin")
    .option("--vhost <name>", "load a file of one vhost into this vhost, which must exist")
    .option("--dry-run", "say what would be created, and do nothing");
  addSettings(command, SETTINGS).action(launch(importInto));
}

async function importInto(context: CommandContext): Promise<number> {
  // 1. Which broker, and what.
  const config = await loadCommandConfig(context, { settings: SETTINGS, sections: ["target"] });
  const text = await readInput(String(context.flags.input));

  // 2. Import.
  const { ManagementClient } = await import("../../broker/management/client.ts");
  const { importDefinitions } = await import("../../definitions/import.ts");
  const client = new ManagementClient(requireTarget(config));
  const dryRun = context.flags.dryRun === true;
  const vhost = context.flags.vhost as string | undefined;
  const report = await runEngineWork(context, {
    stopping: "what the broker took stays",
    run: ({ signal }) => importDefinitions(client, text, { vhost, dryRun, signal }),
  });

  // 3. What came of it.
  await showResult(context, {
    document: { v: 1, ...importDocument(report) },
    text: () => importLines(report, context.output.outStyle),
  });
  return report.complete ? EXIT.ok : EXIT.partial;
}

async function readInput(path: string): Promise<string> {
  try {
    if (path === "-") return await new Response(Deno.stdin.readable).text();
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new AppError("usage", `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function importDocument({ dryRun, ...report }: ImportReport) {
  return { dry_run: dryRun, ...report };
}
