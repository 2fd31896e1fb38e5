import type { Command } from "commander";
import type { Manifest } from "../../archive/manifest.ts";
import { openBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../../console/exit_code.ts";
import { isoTime, showResult } from "../output/document.ts";
import { manifestLines } from "../../console/text/manifest_text.ts";
import { STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS];

const HELP = {
  summary: "show what is in a backup",
  description:
    "Shows a backup's manifest: its queues with their numbers, how they were read, and what was left " +
    "out. With -f json or yaml the whole manifest, segments included.",
  examples: [
    ["the newest backup", "rabbitmq-backup describe --path /backups --backup-id latest"],
    ["its whole manifest", "rabbitmq-backup describe -p /backups -b nightly-20250304 -f json"],
  ],
} as const;

export function addDescribeCommand(program: Command, launch: Launch): void {
  const command = addFormatOption(addConfigOption(newCommand(program, "describe", HELP)));
  addSettings(command, SETTINGS).action(launch(describe));
}

async function describe(context: CommandContext): Promise<number> {
  // 1. Where to look, and for which backup.
  await using backup = await openBackup(context, { settings: SETTINGS, verb: "describe" });
  const { storage, backupId } = backup;

  // 2. Read its manifest.
  const { loadManifest } = await import("../../engine/stored/list.ts");
  const manifest = await loadManifest(storage, backupId);

  // 3. Show it.
  const { outStyle } = context.output;
  await showResult(context, {
    document: withReadableTimes(manifest),
    text: () => manifestLines(manifest, { location: storage.location, style: outStyle }),
  });
  return EXIT.ok;
}

/** The manifest with its times, which it keeps in milliseconds, as all JSON of this program has them. */
function withReadableTimes(manifest: Manifest) {
  return {
    ...manifest,
    created_at: isoTime(manifest.created_at),
    completed_at: isoTime(manifest.completed_at),
    queues: manifest.queues.map((queue) => ({
      ...queue,
      first_message_timestamp: isoTime(queue.first_message_timestamp),
      last_message_timestamp: isoTime(queue.last_message_timestamp),
      segments: queue.segments.map((segment) => ({
        ...segment,
        first_timestamp: isoTime(segment.first_timestamp),
        last_timestamp: isoTime(segment.last_timestamp),
      })),
    })),
  };
}
