import type { Command } from "commander";
import type { Manifest } from "../../archive/manifest.ts";
import { type Config, requireTarget } from "../../config/config.ts";
import type { RollbackPlace } from "../../engine/definitions/rollback.ts";
import type { Storage } from "../../storage/storage.ts";
import { chooseFrom, openConfiguredStorage } from "../backup_choice.ts";
import {
  addConfigOption,
  addIntoOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import type { SettingGroup } from "../../console/setting.ts";
import {
  type CommandContext,
  type ConfigNeeds,
  loadCommandConfig,
  usageError,
} from "../context.ts";
import { choiceOf, readDefinitionsFile } from "../definitions_input.ts";
import { askBeforeImport, showImport } from "../definitions_result.ts";
import { runEngineWork } from "../engine_run.ts";
import { escapeText } from "../../console/text/escape.ts";
import {
  brokerSettings,
  definitionsSettings,
  IMPORT_SETTINGS,
  ROLLBACK_SETTINGS,
  STORAGE_SETTINGS,
} from "../setting_groups.ts";

/** The settings of an import into the broker of a section: of a file, or of a backup. */
function settingsOf(side: "source" | "target", { fromFile = false } = {}): SettingGroup[] {
  return [
    ...fromFile ? [] : [STORAGE_SETTINGS],
    brokerSettings(side),
    definitionsSettings("restore"),
    IMPORT_SETTINGS,
    ROLLBACK_SETTINGS,
  ];
}

const HELP = {
  summary: "load the definitions of a backup, or of a file, into a broker",
  description:
    "Creates what the definitions hold and the broker lacks, and updates users, vhosts, " +
    "permissions, policies and parameters. Deletes nothing, and changes no queue or exchange that " +
    "exists. What the broker would refuse is found before anything is changed. What the broker has " +
    "is kept first, for definitions-rollback. On a terminal all that is shown, and a question asked. " +
    "Waits until the broker shows all of it. Users and " +
    "shovels in definitions get power over the broker: look at them first with --dry-run. Needs a " +
    "user with the tag administrator.\n\n" +
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
      "a file of RabbitMQ 3.13 with mirrored queues, into 4.x",
      "rabbitmq-backup definitions-import -c restore.yaml -i old.json --allow-version-mismatch \\\n" +
      "    --transformations prepare_for_quorum_queue_migration,drop_empty_policies",
    ],
    [
      "a file of one vhost, into another",
      "rabbitmq-backup definitions-import -c restore.yaml -i shop.json --vhost shop2",
    ],
  ],
} as const;

export function addDefinitionsImportCommand(program: Command, launch: Launch): void {
  const command = addIntoOption(
    addConfigOption(newCommand(program, "definitions-import", HELP)),
  )
    .option("-i, --input <file>", "file to read in place of a backup; - is stdin")
    .option("--vhost <name>", "load definitions of one vhost into this one, which must exist")
    .option("--without-users", "no users and permissions")
    .option("--dry-run", "say what would be created and changed, and do nothing")
    .option("-y, --yes", "do not ask before the broker is changed");
  addSettings(command, settingsOf("target")).action(launch(importInto));
}

async function importInto(context: CommandContext): Promise<number> {
  // 1. Which broker.
  const { flags } = context;
  const fromFile = flags.input !== undefined;
  if (fromFile && (flags.backupId !== undefined || flags.path !== undefined)) {
    throw usageError(
      "Cannot import definitions: both a file and a backup are named",
      "give either --input, or --backup-id and --path",
    );
  }
  const into = flags.into as ConfigNeeds["into"];
  const side = into ?? "target";
  const config = await loadCommandConfig(context, {
    settings: settingsOf(side, { fromFile }),
    sections: [side, "restore", ...fromFile ? [] : ["storage", "backup_id"] as const],
    into,
  });
  if (!fromFile && config.backup_id === undefined) {
    throw usageError(
      "Cannot import definitions: neither a backup nor a file is named",
      "use --backup-id ID (or latest) with --path STORAGE, or --input FILE (- is stdin)",
    );
  }
  // Before anything is read: without a broker there is no use in it.
  requireTarget(config);

  // 2. What, and where to keep what the broker has.
  await using source = fromFile
    ? await openFile(context, config)
    : await openBackup(context, config);
  const { definitionsToImport } = await import("../../engine/definitions/of_backup.ts");
  const definitions = definitionsToImport(source.text, choiceOf(config.restore, flags));

  // 3. On a terminal: what would be done, and a question.
  const { place, backupId } = source;
  const { runImport } = await import("../../engine/definitions/import.ts");
  const vhost = flags.vhost as string | undefined;
  const run = (dryRun: boolean) =>
    runEngineWork(context, {
      stopping: dryRun ? "ending" : "what the broker took stays",
      run: ({ signal }) => runImport({ config, definitions, place, vhost, dryRun, signal }),
    });
  const dryRun = flags.dryRun === true || config.restore.definitions_dry_run;
  if (!dryRun) {
    await askBeforeImport(context, {
      planned: async () => ({ result: await run(true) }),
      address: requireTarget(config).management_url,
      done: "imported",
    });
  }

  // 4. Import, and what came of it.
  return await showImport(context, { result: await run(dryRun), place, backupId });
}

interface OpenDefinitions extends AsyncDisposable {
  readonly text: string;
  readonly place: RollbackPlace;
  /** The backup that they are of. */
  readonly backupId?: string;
}

async function openFile({ flags }: CommandContext, config: Config): Promise<OpenDefinitions> {
  const { placeInFolder } = await import("../../engine/definitions/rollback.ts");
  const place = placeInFolder(config.restore.definitions_rollback_dir);
  const text = await readDefinitionsFile(String(flags.input));
  return { text, place, [Symbol.asyncDispose]: () => place.storage.close() };
}

async function openBackup(context: CommandContext, config: Config): Promise<OpenDefinitions> {
  const storage = await openConfiguredStorage(context, config);
  try {
    const { backupId, manifest } = await chosenManifest(storage, context, config);
    const { readBackupDefinitions } = await import("../../engine/stored/definitions.ts");
    const { placeInBackup } = await import("../../engine/definitions/rollback.ts");
    const text = await readBackupDefinitions(storage, backupId);
    const where = `backup ${escapeText(backupId)} in ${escapeText(storage.location)}`;
    context.output.note(`The definitions are those of ${where}.`);
    const place = placeInBackup(storage, manifest);
    return { text, place, backupId, [Symbol.asyncDispose]: () => storage.close() };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function chosenManifest(
  storage: Storage,
  context: CommandContext,
  config: Config,
): Promise<{ backupId: string; manifest: Manifest }> {
  const backupId = await chooseFrom(storage, context, {
    named: config.backup_id,
    verb: "import the definitions of",
    prefix: true,
  });
  const { loadManifest } = await import("../../engine/stored/list.ts");
  return { backupId, manifest: await loadManifest(storage, backupId) };
}
