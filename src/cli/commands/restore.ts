import type { Command } from "commander";
import type { Config } from "../../config/config.ts";
import type { RestorePlan } from "../../engine/plan_types.ts";
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
import { importDocument } from "../output/import_text.ts";
import { restorePlanLines } from "../output/plan_text.ts";
import {
  brokerSettings,
  definitionsSettings,
  IMPORT_SETTINGS,
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
  definitionsSettings("restore"),
  IMPORT_SETTINGS,
  PROGRESS_SETTINGS,
];

const HELP = {
  summary: "restore a backup into a broker",
  description:
    "Publishes the messages of a backup straight into the queues that they came from, in their " +
    "order, and waits for the broker's confirmation of each. Queues that the target lacks are created " +
    "as they were, with their bindings to exchanges that the target has.\n\n" +
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
  addSettings(addFormatOption(command), SETTINGS)
    .action(launch((context) => showPlan(context)));
}

async function restore(context: CommandContext): Promise<number> {
  // 1. With --dry-run: only the plan.
  if (context.flags.dryRun === true) return await showPlan(context);

  // 2. The configuration, and which backup. It may ask for the plan as well.
  const { config, backupId } = await prepare(context);
  if (config.restore.definitions_dry_run) return await showPlan(context, { config, backupId });

  // 3. The restore.
  const { runRestore } = await import("../../engine/restore/restore.ts");
  const summary = await runEngineWork(context, {
    stopping: "waiting for the confirmation of what was published",
    resume: resumeCommandOf(context, backupId),
    run: (tools) => runRestore({ config, backupId, ...tools }),
  });

  // 4. What came of it, as an exit code.
  const nothing = summary.queuesOk + summary.queuesSkipped + summary.queuesFailed === 0;
  return nothing && context.flags.errorOnEmpty === true ? EXIT.empty : exitCodeOfSummary(summary);
}

async function prepare(context: CommandContext): Promise<RestoreTarget> {
  const config = await loadCommandConfig(context, { settings: SETTINGS, mode: "restore" });
  return { config, backupId: await chooseBackup(context, { config, verb: "restore" }) };
}

interface RestoreTarget {
  readonly config: Config;
  readonly backupId: string;
}

async function showPlan(context: CommandContext, prepared?: RestoreTarget): Promise<number> {
  const target = prepared ?? await prepare(context);
  const { planRestore } = await import("../../engine/restore/dry_run.ts");
  const work: EngineWork<RestorePlan> = {
    stopping: "ending",
    run: (tools) => planRestore({ ...target, ...tools }),
  };
  const plan = await runEngineWork(context, work);
  const { output } = context;
  // Where only the file asks for the plan, a stream of lines has begun.
  if (output.options.jsonLines) output.message("plan", restorePlanDocument(plan));
  else {
    await showResult(context, {
      document: { v: 1, ...restorePlanDocument(plan) },
      text: () => restorePlanLines(plan, output.outStyle),
    });
  }
  const { definitions } = plan;
  if (plan.refused !== undefined || definitions?.blocked !== undefined) {
    return exitCodeOf("refused");
  }
  const partial = definitions?.complete === false ||
    plan.queues.some(({ action }) => action === "skip");
  return partial ? EXIT.partial : EXIT.ok;
}

function restorePlanDocument(
  { backupId, location, target, refused, warning, definitions, queues }: RestorePlan,
) {
  return {
    backup_id: backupId,
    location,
    target,
    refused,
    warning,
    definitions: definitions && importDocument(definitions),
    queues: queues.map(({ queueType, restoredBefore, ...queue }) => ({
      ...queue,
      queue_type: queueType,
      restored_before: restoredBefore,
    })),
  };
}
