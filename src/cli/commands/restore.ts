import type { Command } from "commander";
import type { Config } from "../../config/config.ts";
import type { RestorePlan } from "../../engine/plan_types.ts";
import type { Rates } from "../../engine/restore/rate_limit.ts";
import { chooseBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addSettings,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, loadCommandConfig, resumeCommandOf } from "../context.ts";
import { type EngineWork, exitCodeOfSummary, runEngineWork } from "../engine_run.ts";
import { EXIT, exitCodeOf } from "../exit_code.ts";
import { showResult } from "../output/document.ts";
import { formatBytes, formatCount } from "../output/format.ts";
import { restorePlanLines } from "../output/plan_text.ts";
import {
  brokerSettings,
  PROGRESS_SETTINGS,
  queueSettings,
  RESTORE_SETTINGS,
  STORAGE_SETTINGS,
} from "../setting_groups.ts";

const SETTINGS = [
  STORAGE_SETTINGS,
  brokerSettings("target"),
  queueSettings("restore.queues"),
  RESTORE_SETTINGS,
  PROGRESS_SETTINGS,
];

const NEEDS = { settings: SETTINGS, mode: "restore" } as const;

const HELP = {
  summary: "restore a backup into a broker",
  description:
    "Publishes the messages of a backup straight into the queues that they came from, in their " +
    "order, and waits for the broker's confirmation of each. Queues that the target lacks are created " +
    "as they were, with their bindings to exchanges that the target has. Messages that the target " +
    "does not take are kept apart, as a backup that can be restored later.\n\n" +
    "SIGUSR2 makes a run read the rate limits in its configuration file again. " +
    "The same command goes on where it stopped; the result says how many messages may be there twice.",
  examples: [
    ["everything that a file says", "rabbitmq-backup restore --config restore.yaml"],
    [
      "the newest backup, some queues only",
      "rabbitmq-backup restore -c restore.yaml -b latest --include 'orders.*'",
    ],
    ["what would be done", "rabbitmq-backup restore -c restore.yaml --dry-run"],
    [
      "without a file",
      "export RABBITMQ_BACKUP_AMQP_URL=amqp://restore:secret@mq.example\n" +
      "  rabbitmq-backup restore --path /backups --backup-id nightly-20250304",
    ],
  ],
} as const;

export function addRestoreCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "restore", HELP))
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--error-on-empty", "exit with 9 when there was no queue");
  addSettings(command, SETTINGS).action(launch(restore));
}

/** `validate-restore`: the earlier tool's name for `restore --dry-run`. */
export function addValidateRestoreCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "validate-restore", {
    summary: "the same as restore --dry-run",
    description: "Says what a restore would do to each queue, and does nothing.",
    examples: [["what would be done", "rabbitmq-backup validate-restore -c restore.yaml"]],
  }));
  addSettings(addFormatOption(command), SETTINGS).action(launch(showPlan));
}

async function restore(context: CommandContext): Promise<number> {
  // 1. With --dry-run: only the plan.
  if (context.flags.dryRun === true) return await showPlan(context);

  // 2. The configuration, and which backup.
  const { config, backupId } = await prepare(context);

  // 3. The restore.
  const { ratesOf, runRestore } = await import("../../engine/restore/restore.ts");
  const { RateLimit } = await import("../../engine/restore/rate_limit.ts");
  const limit = new RateLimit(ratesOf(config));
  const summary = await runEngineWork(context, {
    stopping: "waiting for the confirmation of what was published",
    resume: resumeCommandOf(context, backupId),
    reload: async () => {
      limit.set(ratesOf(await loadCommandConfig(context, NEEDS)));
      return rateText(limit.rates);
    },
    run: (tools) => runRestore({ config, backupId, limit, ...tools }),
  });

  // 4. What came of it, as an exit code.
  const nothing = summary.queuesOk + summary.queuesSkipped + summary.queuesFailed === 0;
  return nothing && context.flags.errorOnEmpty === true ? EXIT.empty : exitCodeOfSummary(summary);
}

function rateText({ messages, bytes }: Rates): string {
  const parts = [
    ...messages === undefined ? [] : [`${formatCount(messages)} messages/s`],
    ...bytes === undefined ? [] : [`${formatBytes(bytes)}/s`],
  ];
  return parts.length === 0
    ? "There is no rate limit from now on"
    : `The rate limit is ${parts.join(" and ")} from now on`;
}

async function prepare(context: CommandContext): Promise<{ config: Config; backupId: string }> {
  const config = await loadCommandConfig(context, NEEDS);
  return { config, backupId: await chooseBackup(context, { config, verb: "restore" }) };
}

async function showPlan(context: CommandContext): Promise<number> {
  const target = await prepare(context);
  const { planRestore } = await import("../../engine/restore/dry_run.ts");
  const work: EngineWork<RestorePlan> = {
    stopping: "ending",
    run: (tools) => planRestore({ ...target, ...tools }),
  };
  const plan = await runEngineWork(context, work);
  await showResult(context, {
    document: { v: 1, ...restorePlanDocument(plan) },
    text: () => restorePlanLines(plan, context.output.outStyle),
  });
  if (plan.refused !== undefined) return exitCodeOf("refused");
  return plan.queues.some(({ action }) => action === "skip") ? EXIT.partial : EXIT.ok;
}

function restorePlanDocument(
  { backupId, location, target, refused, warning, fanout, queues }: RestorePlan,
) {
  const { accordingTo, ...figures } = fanout ?? {};
  return {
    backup_id: backupId,
    location,
    target,
    refused,
    warning,
    fanout: fanout && { according_to: accordingTo, ...figures },
    queues: queues.map(({ queueType, restoredBefore, ...queue }) => ({
      ...queue,
      queue_type: queueType,
      restored_before: restoredBefore,
    })),
  };
}
