import type { Command } from "commander";
import { type Config, requireTarget } from "../../config/config.ts";
import type { ImportReport } from "../../definitions/import.ts";
import { AppError, messageOf } from "../../errors.ts";
import { chooseFrom, openConfiguredStorage } from "../backup_choice.ts";
import { addConfigOption, addSettings, type Launch, newCommand } from "../command.ts";
import { type CommandContext, loadCommandConfig, usageError } from "../context.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT } from "../exit_code.ts";
import { showResult } from "../output/document.ts";
import { escapeText } from "../output/escape.ts";
import { importLines } from "../output/import_text.ts";
import { brokerSettings, STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS, brokerSettings("target")];

const HELP = {
  summary: "load the definitions of a backup, or of a file, into a broker",
  description:
    "Creates what the definitions hold and the broker lacks, and updates users, permissions, " +
    "policies and parameters. Deletes nothing, and changes no queue or exchange that exists. Waits " +
    "until the broker shows all of it. Users and shovels in definitions get power over the broker: " +
    "look at them first with --dry-run. Needs a user with the tag administrator.\n\n" +
    "The backup may be named by latest or by the beginning of its id. A file may be packed with zstd.",
  examples: [
    [
      "what the newest backup would bring back",
      "rabbitmq-backup definitions-import --path /backups --backup-id latest --dry-run",
    ],
    [
      "the definitions of the backup that a file names",
      "rabbitmq-backup definitions-import -c restore.yaml",
    ],
    [
      "a file of one vhost, into another",
      "rabbitmq-backup definitions-import -c restore.yaml -i shop.json --vhost shop2",
    ],
  ],
} as const;

export function addDefinitionsImportCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "definitions-import", HELP))
    .option("-i, --input <file>", "file to read in place of a backup; - is stdin")
    .option("--vhost <name>", "load definitions of one vhost into this one, which must exist")
    .option("--dry-run", "say what would be created and changed, and do nothing");
  addSettings(command, SETTINGS).action(launch(importInto));
}

async function importInto(context: CommandContext): Promise<number> {
  // 1. Which broker, and what.
  const { flags } = context;
  if (flags.input !== undefined && (flags.backupId !== undefined || flags.path !== undefined)) {
    throw usageError(
      "Cannot import definitions: both a file and a backup are named",
      "give either --input, or --backup-id and --path",
    );
  }
  const config = await loadCommandConfig(context, {
    settings: flags.input === undefined ? SETTINGS : [brokerSettings("target")],
    sections: flags.input === undefined ? ["target", "storage", "backup_id"] : ["target"],
  });
  const found = flags.input === undefined
    ? await readBackup(context, config)
    : { text: await readInput(String(flags.input)) };

  // 2. Import.
  const { ManagementClient } = await import("../../broker/management/client.ts");
  const { importDefinitions } = await import("../../definitions/import.ts");
  const client = new ManagementClient(requireTarget(config));
  const dryRun = flags.dryRun === true;
  const vhost = flags.vhost as string | undefined;
  const report = await runEngineWork(context, {
    stopping: "what the broker took stays",
    run: ({ signal }) => importDefinitions(client, found.text, { vhost, dryRun, signal }),
  });

  // 3. What came of it.
  const { options: { verbosity }, outStyle } = context.output;
  await showResult(context, {
    document: { v: 1, backup_id: found.backupId, ...importDocument(report) },
    text: () => importLines(report, { style: outStyle, all: verbosity > 0 }),
  });
  return report.complete ? EXIT.ok : EXIT.partial;
}

interface FoundDefinitions {
  readonly text: string;
  /** The backup that they are of. */
  readonly backupId?: string;
}

async function readBackup(context: CommandContext, config: Config): Promise<FoundDefinitions> {
  if (config.backup_id === undefined) {
    throw usageError(
      "Cannot import definitions: neither a backup nor a file is named",
      "use --backup-id ID (or latest) with --path STORAGE, or --input FILE",
    );
  }
  // Before the storage is read: without a broker there is no use in it.
  requireTarget(config);
  const storage = await openConfiguredStorage(context, config);
  try {
    const backupId = await chooseFrom(storage, context, {
      named: config.backup_id,
      verb: "import the definitions of",
      prefix: true,
    });
    const { readBackupDefinitions } = await import("../../engine/stored/definitions.ts");
    const text = await readBackupDefinitions(storage, backupId);
    const where = `backup ${escapeText(backupId)} in ${escapeText(storage.location)}`;
    context.output.note(`The definitions are those of ${where}.`);
    return { text, backupId };
  } finally {
    await storage.close();
  }
}

async function readInput(path: string): Promise<string> {
  const { definitionsTextOf } = await import("../../engine/stored/definitions.ts");
  return await definitionsTextOf(await readBytes(path), path === "-" ? "standard input" : path);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    if (path === "-") return await new Response(Deno.stdin.readable).bytes();
    return await Deno.readFile(path);
  } catch (error) {
    throw new AppError("usage", `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function importDocument({ dryRun, ...report }: ImportReport) {
  return { dry_run: dryRun, ...report };
}
