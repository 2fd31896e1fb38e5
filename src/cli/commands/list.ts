import type { Command } from "commander";
import { openConfiguredStorage } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, loadCommandConfig } from "../context.ts";
import { EXIT } from "../exit_code.ts";
import { backupListLines, noBackupLines } from "../output/backup_list_text.ts";
import { isoTime, showResult } from "../output/document.ts";
import { STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS];

const HELP = {
  summary: "list the backups in a storage",
  description:
    "Lists all backups: finished ones, those that cover less than was asked for (partial), those that " +
    "were begun and not finished (unfinished), and those whose manifest cannot be read (damaged).",
  examples: [
    ["all backups in a folder", "rabbitmq-backup list --path /backups"],
    [
      "ids of complete ones, for a script",
      "rabbitmq-backup list -p /backups --json | jq -r '.backups[] | select(.state == \"complete\").backup_id'",
    ],
  ],
} as const;

export function addListCommand(program: Command, launch: Launch): void {
  const command = addFormatOption(addConfigOption(newCommand(program, "list", HELP)));
  addSettings(command, SETTINGS).action(launch(list));
}

async function list(context: CommandContext): Promise<number> {
  // 1. Where to look; the id of a configuration file is for new backups and no filter.
  const config = await loadCommandConfig(context, { settings: SETTINGS, sections: ["storage"] });
  const storage = await openConfiguredStorage(context, config);
  try {
    // 2. Read all manifests.
    const { listBackups } = await import("../../engine/stored/list.ts");
    const all = await listBackups(storage);
    const wanted = context.flags.backupId as string | undefined;
    const backups = wanted === undefined ? all : all.filter((one) => one.backupId === wanted);

    // 3. Show them.
    await showResult(context, {
      document: {
        v: 1,
        location: storage.location,
        backups: backups.map((backup) => ({
          backup_id: backup.backupId,
          state: backup.state,
          created_at: isoTime(backup.createdAt),
          completed_at: isoTime(backup.completedAt),
          queues: backup.queues,
          messages: backup.messages,
          size_bytes: backup.sizeBytes,
          format_version: backup.formatVersion,
          ...backup.bases.length === 0 ? {} : { bases: backup.bases },
          ...backup.notes.length === 0 ? {} : { note: backup.notes.join("; ") },
        })),
      },
      text: () =>
        backups.length === 0
          ? noBackupLines({ location: storage.location, wanted, others: all })
          : backupListLines(backups, {
            style: context.output.outStyle,
            now: context.host.terminal.now(),
          }),
    });
    return EXIT.ok;
  } finally {
    await storage.close();
  }
}
