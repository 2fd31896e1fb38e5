import type { Command } from "commander";
import { chooseBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addSettings,
  addStreamFormatOption,
  BREAK_LOCK_HELP,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, loadCommandConfig } from "../context.ts";
import { exitCodeOfSummary } from "../../console/run_end.ts";
import { runEngineWork } from "../engine_run.ts";
import { FINISH_SETTINGS, PROGRESS_SETTINGS, STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS, FINISH_SETTINGS, PROGRESS_SETTINGS];

const HELP = {
  summary: "make a backup of what an interrupted one has read, when its source is gone",
  description:
    "An interrupted backup goes on when the same backup command is run again; that is the better way " +
    "as long as its source is there. Without the source this makes a partial backup of it: with the " +
    "queues that are stored, and those that are whole in the local spool. It can be restored like " +
    "any other, and names what it lacks. Run it where the backup ran, with the same file.\n\n" +
    "Where only the storage is left, --from-storage reads all that is stored and puts the queues " +
    "together from it; of none it is sure then that it is whole. No run may be at that backup any " +
    "more: what it does would be lost.",
  examples: [
    [
      "where the backup ran",
      "rabbitmq-backup finish -c backup.yaml --backup-id nightly-20250304-0300",
    ],
    [
      "the storage is all that is left",
      "rabbitmq-backup finish --path s3://backups/rabbitmq -b nightly-20250304-0300 --from-storage",
    ],
  ],
} as const;

export function addFinishCommand(program: Command, launch: Launch): void {
  const command = addStreamFormatOption(addConfigOption(newCommand(program, "finish", HELP)))
    .option("--from-storage", "go by what is stored alone, where the progress file is lost")
    .option("--break-lock", BREAK_LOCK_HELP);
  addSettings(command, SETTINGS).action(launch(finish));
}

async function finish(context: CommandContext): Promise<number> {
  // 1. Which backup.
  const config = await loadCommandConfig(context, {
    settings: SETTINGS,
    sections: ["storage", "backup_id", "backup", "offset_storage"],
  });
  const backupId = await chooseBackup(context, { config, verb: "finish" });

  // 2. Make a backup of what there is of it.
  const { finishInterrupted } = await import("../../engine/backup/finish.ts");
  const fromStorage = context.flags.fromStorage === true;
  const breakLock = context.flags.breakLock === true;
  const summary = await runEngineWork(context, {
    stopping: "ending; the same command goes on",
    run: (tools) => finishInterrupted({ config, backupId, fromStorage, breakLock, ...tools }),
  });

  // 3. It is partial, and says so.
  return exitCodeOfSummary(summary);
}
