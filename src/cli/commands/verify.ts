import type { Command } from "commander";
import type { VerifyReport } from "../../engine/verify/verify.ts";
import { chooseBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addIntoOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, type ConfigNeeds, loadCommandConfig } from "../context.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT } from "../../console/exit_code.ts";
import { showResult } from "../output/document.ts";
import type { SettingGroup } from "../../console/setting.ts";
import { verifyLines } from "../../console/text/verify_text.ts";
import { PROGRESS_SETTINGS, restoreChoiceSettings } from "../setting_groups.ts";

/** The settings of a comparison with the broker of a section. */
function settingsOf(side: "source" | "target"): SettingGroup[] {
  return [
    ...restoreChoiceSettings(side),
    PROGRESS_SETTINGS,
  ];
}

const HELP = {
  summary: "compare queues with a backup, after a restore",
  description:
    "Reads the queues that a restore fills, as a backup would: under the same guards, and all messages " +
    "go back (see docs/safety.md for what that costs). Compares number, order and content with what " +
    "the restore has to put there, by the same time window, filters and mappings. Exit code 14 means " +
    "that something differs, 3 that some queues could not be compared.",
  examples: [
    ["after a restore", "rabbitmq-backup verify -c restore.yaml -b nightly-20250304"],
  ],
} as const;

export function addVerifyCommand(program: Command, launch: Launch): void {
  const command = addFormatOption(
    addIntoOption(addConfigOption(newCommand(program, "verify", HELP))),
  );
  addSettings(command, settingsOf("target")).action(launch(verify));
}

async function verify(context: CommandContext): Promise<number> {
  // 1. The configuration, and which backup.
  const into = context.flags.into as ConfigNeeds["into"];
  const settings = settingsOf(into ?? "target");
  const config = await loadCommandConfig(context, { settings, mode: "restore", into });
  const backupId = await chooseBackup(context, { config, verb: "verify", prefix: true });

  // 2. Read and compare.
  const { verifyRestored } = await import("../../engine/verify/verify.ts");
  const now = context.host.terminal.now();
  const report = await runEngineWork(context, {
    stopping: "giving the messages back",
    run: (tools) => verifyRestored({ config, backupId, now, ...tools }),
  });

  // 3. Show what was found.
  const { outStyle, options } = context.output;
  await showResult(context, {
    document: { v: 1, ...documentOf(report) },
    text: () => verifyLines(report, { style: outStyle, all: options.verbosity > 0 }),
  });
  const results = new Set(report.queues.map(({ result }) => result));
  const isUnread = results.delete("unread");
  results.delete("same");
  return results.size > 0 ? EXIT.different : isUnread ? EXIT.partial : EXIT.ok;
}

function documentOf({ backupId, location, target, queues }: VerifyReport) {
  return {
    backup_id: backupId,
    location,
    target,
    queues: queues.map(({ firstDifference, sources, ...queue }) => ({
      ...queue,
      first_difference: firstDifference,
      sources: sources.map(({ vhost, name }) => ({ vhost, queue: name })),
    })),
  };
}
