import { type Command, Option } from "commander";
import { compileName, isPlainName } from "../../config/name_pattern.ts";
import { parseTimePoint, resolveTimePoint } from "../../config/time_point.ts";
import type { BackupState, ListFilter } from "../../engine/stored/list.ts";
import { messageOf } from "../../errors.ts";
import { openConfiguredStorage } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, loadCommandConfig, usageError } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";
import {
  BACKUP_STATES,
  backupListLines,
  noBackupLines,
} from "../../console/text/backup_list_text.ts";
import { isoTime, showResult } from "../output/document.ts";
import { STORAGE_SETTINGS } from "../setting_groups.ts";

/** The id has a flag of its own here, which takes patterns. */
const SETTINGS = [{
  ...STORAGE_SETTINGS,
  settings: STORAGE_SETTINGS.settings.filter(({ path }) => path !== "backup_id"),
}];

const HELP = {
  summary: "list the backups in a storage",
  description:
    "Lists all backups: finished ones, those that cover less than was asked for (partial), those that " +
    "were begun and not finished (unfinished), and those whose manifest cannot be read (damaged).",
  examples: [
    ["all backups in a folder", "rabbitmq-backup list --path /backups"],
    [
      "those of the last week that are not complete",
      "rabbitmq-backup list -p /backups --since -7d --state partial --state unfinished",
    ],
    [
      "ids of complete ones, for a script",
      "rabbitmq-backup list -p /backups --state complete --json | jq -r '.backups[].backup_id'",
    ],
  ],
} as const;

export function addListCommand(program: Command, launch: Launch): void {
  const command = addFormatOption(addConfigOption(newCommand(program, "list", HELP)))
    .option("-b, --backup-id <pattern>", "whose ids begin so, or match: '*-eu' or '~regex'")
    .option("--since <time>", "begun from then on: 2025-03-04T05:06:07Z, -7d, 'yesterday 14:00'")
    .option("--until <time>", "begun up to then")
    .addOption(stateOption());
  addSettings(command, SETTINGS).action(launch(list));
}

function stateOption(): Option {
  const option = new Option("--state <state>", `${BACKUP_STATES.join(", ")}; may be repeated`)
    .argParser((value, values?: string[]) => [...values ?? [], stateOf(value)]);
  // For completion; commander's own check would refuse in other words.
  option.argChoices = [...BACKUP_STATES];
  return option;
}

async function list(context: CommandContext): Promise<number> {
  // 1. Where to look; the id of a configuration file is for new backups and no filter.
  const config = await loadCommandConfig(context, { settings: SETTINGS, sections: ["storage"] });
  const storage = await openConfiguredStorage(context, config);
  try {
    // 2. Read what is wanted.
    const { listBackups } = await import("../../engine/stored/list.ts");
    const backups = await listBackups(storage, filterOf(context));
    const isFiltered = FILTER_FLAGS.some((flag) => context.flags[flag] !== undefined);
    const all = backups.length === 0 && isFiltered ? await listBackups(storage) : backups;

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
          ? noBackupLines({
            location: storage.location,
            wanted: context.flags.backupId as string | undefined,
            others: all,
          })
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

const FILTER_FLAGS = ["backupId", "since", "until", "state"];

/** What the flags ask for. */
function filterOf({ flags, host }: CommandContext): ListFilter {
  const now = host.terminal.now().getTime();
  const pattern = flags.backupId as string | undefined;
  return {
    ...(pattern === undefined ? {} : { isWanted: compileId(pattern) }),
    states: (flags.state ?? []) as BackupState[],
    since: timeOf("--since", flags.since, now),
    until: timeOf("--until", flags.until, now),
  };
}

/** A pattern matches whole ids; a plain text is the beginning of one. */
function compileId(pattern: string): (id: string) => boolean {
  return isPlainName(pattern) ? (id) => id.startsWith(pattern) : compileName(pattern);
}

function timeOf(flag: string, written: unknown, now: number): number | undefined {
  if (written === undefined) return undefined;
  try {
    return resolveTimePoint(parseTimePoint(String(written)), now);
  } catch (error) {
    throw usageError(
      `Cannot read the time of ${flag}: ${messageOf(error)}`,
      `write it like ${flag} -7d`,
    );
  }
}

function stateOf(written: string): BackupState {
  const state = BACKUP_STATES.find((one) => one === written);
  if (state !== undefined) return state;
  throw usageError(
    `Cannot list backups of the state "${written}": there is none such`,
    `the states are ${BACKUP_STATES.join(", ")}`,
  );
}
