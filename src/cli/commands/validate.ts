import type { Command } from "commander";
import { openBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import type { CommandContext } from "../context.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT } from "../../console/exit_code.ts";
import { showResult } from "../output/document.ts";
import { validationLines } from "../../console/text/validation_text.ts";
import { STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS];

const HELP = {
  summary: "check that a backup is whole",
  description:
    "Checks that a backup's objects are there and in the size that the manifest says. With --deep " +
    "every segment is read, and its checksums and every record in it are checked. Exit code 4 means " +
    "that something is damaged.",
  examples: [
    ["a quick look", "rabbitmq-backup validate --path /backups --backup-id latest"],
    ["every byte", "rabbitmq-backup validate -p /backups -b nightly-20250304 --deep"],
  ],
} as const;

export function addValidateCommand(program: Command, launch: Launch): void {
  const command = addFormatOption(addConfigOption(newCommand(program, "validate", HELP)))
    .option("--deep", "read and check every record");
  addSettings(command, SETTINGS).action(launch(validate));
}

async function validate(context: CommandContext): Promise<number> {
  // 1. Where to look, and for which backup.
  await using backup = await openBackup(context, { settings: SETTINGS, verb: "validate" });
  const { storage, backupId } = backup;

  // 2. Check it.
  const { validateBackup } = await import("../../engine/stored/validate.ts");
  const deep = context.flags.deep === true;
  const report = await runEngineWork(context, {
    stopping: "ending the check",
    run: ({ emit, signal }) =>
      validateBackup({
        storage,
        backupId,
        deep,
        signal,
        // The report says it all; until then a person sees how far it is.
        emit: (event) => event.type === "status" ? emit(event) : undefined,
      }),
  });

  // 3. Show what was found.
  const { outStyle } = context.output;
  await showResult(context, {
    document: {
      v: 1,
      backup_id: report.backupId,
      deep: report.deep,
      valid: report.valid,
      warning: report.warning,
      segments_checked: report.segmentsChecked,
      records_checked: report.recordsChecked,
      problems: report.problems,
      notes: report.notes,
    },
    text: () => validationLines(report, outStyle),
  });
  return report.valid ? EXIT.ok : EXIT.damaged;
}
