import type { Command } from "commander";
import type { Manifest, QueueEntry } from "../../archive/manifest.ts";
import type { Chain } from "../../engine/stored/chain.ts";
import { openBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit_code.ts";
import { isoTime, showResult } from "../output/document.ts";
import { manifestLines } from "../output/manifest_text.ts";
import { STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS];

const HELP = {
  summary: "show what is in a backup",
  description:
    "Shows a backup's manifest: its queues with their numbers, how they were read, and what was left " +
    "out, and for streams of which it has only what was new, the backups that it stands on. With -f " +
    "json or yaml the whole manifest, segments included.",
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

  // 3. And those of the backups that its streams stand on.
  const { chainsOf } = await import("../../engine/stored/chain.ts");
  const chains = await chainsOf(storage, manifest.queues);

  // 4. Show it.
  const { outStyle } = context.output;
  const { location } = storage;
  await showResult(context, {
    document: withReadableTimes(manifest, chains),
    text: () => manifestLines(manifest, { location, chains, style: outStyle }),
  });
  return EXIT.ok;
}

/** The manifest with its times, which it keeps in milliseconds, as all JSON of this program has them. */
function withReadableTimes(manifest: Manifest, chains: ReadonlyMap<QueueEntry, Chain>) {
  return {
    ...manifest,
    created_at: isoTime(manifest.created_at),
    completed_at: isoTime(manifest.completed_at),
    queues: manifest.queues.map((queue) => ({
      ...queue,
      ...chainOf(chains.get(queue)),
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

/** What a stream stands on, the newest first. */
function chainOf(chain: Chain | undefined) {
  if (chain === undefined) return {};
  return {
    chain: chain.links.map(({ backupId, entry: { stream, message_count } }) => ({
      backup_id: backupId,
      first_offset: stream!.first_offset,
      last_offset: stream!.last_offset,
      message_count,
    })),
    ...(chain.problem === undefined ? {} : { chain_problem: chain.problem }),
  };
}
