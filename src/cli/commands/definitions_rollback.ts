import type { Command } from "commander";
import { type Config, requireTarget } from "../../config/config.ts";
import type { RollbackPlace } from "../../engine/definitions/rollback.ts";
import { chooseFrom, openConfiguredStorage } from "../backup_choice.ts";
import { addConfigOption, addSettings, type Launch, newCommand } from "../command.ts";
import { type CommandContext, loadCommandConfig, usageError } from "../context.ts";
import { readDefinitionsFile } from "../definitions_input.ts";
import { askBeforeImport, showImport } from "../definitions_result.ts";
import { runEngineWork } from "../engine_run.ts";
import { escapeText } from "../output/escape.ts";
import { brokerSettings, ROLLBACK_SETTINGS, STORAGE_SETTINGS } from "../setting_groups.ts";

const FILE_SETTINGS = [brokerSettings("target"), ROLLBACK_SETTINGS];
const SETTINGS = [STORAGE_SETTINGS, ...FILE_SETTINGS];

/** Snapshots that are named beside the one that is taken. */
const SHOWN = 5;

const HELP = {
  summary: "bring back what a broker had before an import",
  description:
    "Every import of definitions keeps what the broker had before it: an import of a backup beside " +
    "the backup's definitions, one of a file in a local folder. This brings a snapshot back, the " +
    "newest unless told otherwise: what was changed or deleted since is as it was. What was created " +
    "since stays, and is named. What the broker has now is kept first. On a terminal all that is " +
    "shown, and a question asked.",
  examples: [
    ["the last import of a file", "rabbitmq-backup definitions-rollback -c restore.yaml --dry-run"],
    [
      "the last import of a backup",
      "rabbitmq-backup definitions-rollback -c restore.yaml --backup-id nightly-20250304",
    ],
  ],
} as const;

export function addDefinitionsRollbackCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "definitions-rollback", HELP))
    .option("-i, --input <file>", "the snapshot's file; - is stdin")
    .option("--snapshot <ms>", "the snapshot with this number in its name (default: the newest)")
    .option("--dry-run", "say what would be changed, and do nothing")
    .option("-y, --yes", "do not ask before the broker is changed");
  addSettings(command, SETTINGS).action(launch(rollback));
}

async function rollback(context: CommandContext): Promise<number> {
  // 1. Which broker.
  const { flags } = context;
  const fromBackup = flags.backupId !== undefined;
  if (flags.input !== undefined && (fromBackup || flags.path !== undefined)) {
    throw usageError(
      "Cannot roll back: both a file and a backup are named",
      "give either --input, or --backup-id and --path",
    );
  }
  const takenAt = timeOf(flags.snapshot);
  const config = await loadCommandConfig(context, {
    settings: fromBackup ? SETTINGS : FILE_SETTINGS,
    sections: fromBackup ? ["target", "restore", "storage", "backup_id"] : ["target", "restore"],
  });
  requireTarget(config);

  // 2. The snapshot.
  const place = fromBackup ? await placeOfBackup(context, config) : await localPlace(config);
  try {
    const text = flags.input === undefined
      ? await snapshotIn(place, { context, takenAt })
      : await readDefinitionsFile(String(flags.input));
    const { parseDefinitions } = await import("../../definitions/parse.ts");
    const definitions = parseDefinitions(text);

    // 3. On a terminal: what would be done, and a question.
    const { runRollback } = await import("../../engine/definitions/import.ts");
    const run = (dryRun: boolean) =>
      runEngineWork(context, {
        stopping: dryRun ? "ending" : "what the broker took stays",
        run: ({ signal }) => runRollback({ config, definitions, place, dryRun, signal }),
      });
    const dryRun = flags.dryRun === true;
    if (!dryRun) {
      await askBeforeImport(context, {
        planned: () => run(true),
        address: requireTarget(config).management_url,
        done: "rolled back",
      });
    }

    // 4. Import it, and what came of it.
    return await showImport(context, { ...await run(dryRun), place });
  } finally {
    await place.storage.close();
  }
}

function timeOf(flag: unknown): number | undefined {
  if (flag === undefined) return undefined;
  if (/^\d{1,16}$/.test(String(flag))) return Number(flag);
  throw usageError(
    "Cannot use --snapshot: expected the milliseconds in the snapshot's name",
    "of rollback-before-import-1741064761000.zst it is 1741064761000",
  );
}

async function snapshotIn(
  place: RollbackPlace,
  { context, takenAt }: { context: CommandContext; takenAt: number | undefined },
): Promise<string> {
  const { findSnapshot, listSnapshots, readSnapshot } = await import(
    "../../engine/definitions/rollback.ts"
  );
  const snapshot = await findSnapshot(place, takenAt);
  const where = `${place.storage.location}/${snapshot.key}`;
  const taken = new Date(snapshot.takenAt).toISOString();
  context.output.note(`The snapshot is ${escapeText(where)}, of ${taken}.`);
  const others = (await listSnapshots(place)).filter(({ key }) => key !== snapshot.key);
  if (others.length > 0) {
    const times = others.slice(-SHOWN).map((one) => String(one.takenAt)).join(", ");
    context.output.note(`Others are there; --snapshot takes one of them: ${times}.`);
  }
  return await readSnapshot(place, snapshot);
}

async function localPlace(config: Config): Promise<RollbackPlace> {
  const { placeInFolder } = await import("../../engine/definitions/rollback.ts");
  return placeInFolder(config.restore.definitions_rollback_dir);
}

async function placeOfBackup(context: CommandContext, config: Config): Promise<RollbackPlace> {
  const storage = await openConfiguredStorage(context, config);
  try {
    const { placeInBackup } = await import("../../engine/definitions/rollback.ts");
    const { loadManifest } = await import("../../engine/stored/list.ts");
    const backupId = await chooseFrom(storage, context, {
      named: config.backup_id,
      verb: "roll back an import of",
      prefix: true,
    });
    return placeInBackup(storage, await loadManifest(storage, backupId));
  } catch (error) {
    await storage.close();
    throw error;
  }
}
