import type { Command } from "commander";
import type { Config } from "../../config/config.ts";
import type { Pace } from "../../engine/pace.ts";
import type { BackupPlan } from "../../engine/plan_types.ts";
import {
  addConfigOption,
  addSettings,
  BREAK_LOCK_HELP,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, loadCommandConfig, resumeCommandOf } from "../context.ts";
import { exitCodeOfSummary } from "../../console/run_end.ts";
import { type EngineWork, runEngineWork } from "../engine_run.ts";
import { EXIT, exitCodeOf } from "../../console/exit_code.ts";
import { showResult } from "../output/document.ts";
import { backupPlanLines } from "../../console/text/plan_text.ts";
import {
  BACKUP_SETTINGS,
  brokerSettings,
  PROGRESS_SETTINGS,
  queueSettings,
  STORAGE_SETTINGS,
} from "../setting_groups.ts";

const SETTINGS = [
  STORAGE_SETTINGS,
  brokerSettings("source"),
  queueSettings("source.queues"),
  BACKUP_SETTINGS,
  PROGRESS_SETTINGS,
];

const HELP = {
  summary: "back up the messages and definitions of a running broker",
  description:
    "Reads all messages of the chosen queues, gives them back, and stores them with the broker's " +
    "definitions. While a queue is read its messages are away from its consumers, as short as the " +
    "broker allows. A queue whose messages reading could harm is left out, and the exit code says so.\n\n" +
    "The same command goes on where it stopped; where the time makes another id of it, the command that " +
    "was printed does. A finished backup is never overwritten. SIGUSR2 makes a run pause between " +
    "queues, and go on the next time.",
  examples: [
    ["everything that a file says", "rabbitmq-backup backup --config backup.yaml"],
    [
      "what would be done, and what it would cost",
      "rabbitmq-backup backup -c backup.yaml --dry-run",
    ],
    [
      "without a file; the URL with its password comes from a variable",
      "export RABBITMQ_BACKUP_AMQP_URL=amqp://backup:secret@mq.example\n" +
      "  rabbitmq-backup backup --path /backups --include 'orders.*'",
    ],
    [
      "a new backup each night",
      "rabbitmq-backup backup -c backup.yaml -b 'nightly-%Y%m%d' --quiet",
    ],
  ],
} as const;

export function addBackupCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "backup", HELP))
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--break-lock", BREAK_LOCK_HELP)
    .option("--error-on-empty", "exit with 9 when there was no queue");
  addSettings(command, SETTINGS).action(launch(backup));
}

async function backup(context: CommandContext): Promise<number> {
  // 1. The configuration, and a name for this backup.
  const config = await loadCommandConfig(context, { settings: SETTINGS, mode: "backup" });
  const { DEFAULT_BACKUP_ID, expandBackupId } = await import("../../config/backup_id.ts");
  const pattern = config.backup_id ?? DEFAULT_BACKUP_ID;
  const backupId = expandBackupId(pattern, context.host.terminal.now());

  // 2. With --dry-run: only the plan.
  if (context.flags.dryRun === true) return await showPlan(context, { config, backupId });

  // 3. The backup.
  const { runBackup } = await import("../../engine/backup/run.ts");
  const { Pace } = await import("../../engine/pace.ts");
  const pace = new Pace();
  const summary = await runEngineWork(context, {
    stopping: "giving the messages back and keeping what was read",
    resume: resumeCommandOf(context, backupId),
    change: () => Promise.resolve(pauseOrGoOn(pace)),
    run: (tools) =>
      runBackup({ config, backupId, breakLock: context.flags.breakLock === true, pace, ...tools }),
  });

  // 4. What came of it, as an exit code.
  const nothing = summary.queuesOk + summary.queuesSkipped + summary.queuesFailed === 0;
  return nothing && context.flags.errorOnEmpty === true ? EXIT.empty : exitCodeOfSummary(summary);
}

function pauseOrGoOn(pace: Pace): string {
  if (pace.isPaused) {
    pace.goOn();
    return "Going on";
  }
  pace.pause();
  return "Pausing: no other queue is begun until SIGUSR2 comes again; what is being read goes back first";
}
/** Of the storage, by a plan, as it would have to write. */
const NOT_CHECKED = ["write", "delete"];

async function showPlan(
  context: CommandContext,
  target: { config: Config; backupId: string },
): Promise<number> {
  const { planBackup } = await import("../../engine/backup/backup.ts");
  const work: EngineWork<BackupPlan> = {
    stopping: "ending",
    run: (tools) => planBackup({ ...target, ...tools }),
  };
  const plan = await runEngineWork(context, work);
  await showResult(context, {
    document: { v: 1, ...backupPlanDocument(plan) },
    text: () => backupPlanLines(plan, context.output.outStyle),
  });
  if (plan.storage.state === "problem") return exitCodeOf(plan.storage.problem.code);
  return plan.queues.some(({ verdict }) => verdict === "refused") ? EXIT.partial : EXIT.ok;
}

function backupPlanDocument({ backupId, location, source, storage, queues }: BackupPlan) {
  return {
    backup_id: backupId,
    location,
    source,
    storage: {
      state: storage.state,
      not_checked: NOT_CHECKED,
      ...storage.state === "problem" && {
        problem: {
          code: storage.problem.code,
          message: storage.problem.message,
          hint: storage.problem.hint,
        },
      },
    },
    queues: queues.map(({ queueType, returnMethod, deliveryAttempts, atMost, ...queue }) => ({
      ...queue,
      queue_type: queueType,
      return_method: returnMethod,
      delivery_attempts: deliveryAttempts,
      at_most: atMost,
    })),
  };
}
