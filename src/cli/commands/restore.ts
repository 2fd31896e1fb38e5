import type { Command } from "commander";
import type { Config } from "../../config/config.ts";
import type { RestorePlan } from "../../engine/plan_types.ts";
import { AppError } from "../../errors.ts";
import type { Rates } from "../../engine/restore/rate_limit.ts";
import { chooseBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addFormatOption,
  addIntoOption,
  addSettings,
  BREAK_LOCK_HELP,
  type Launch,
  newCommand,
} from "../command.ts";
import { confirm, isAsked } from "../confirm.ts";
import {
  type CommandContext,
  type ConfigNeeds,
  loadCommandConfig,
  resumeCommandOf,
} from "../context.ts";
import { exitCodeOfSummary } from "../../console/run_end.ts";
import { runEngineWork } from "../engine_run.ts";
import { EXIT, exitCodeOf } from "../../console/exit_code.ts";
import { showResult } from "../output/document.ts";
import { importDocument } from "../../console/text/import_text.ts";
import { formatBytes, formatCount } from "../../console/text/format.ts";
import type { SettingGroup } from "../../console/setting.ts";
import { restorePlanLines } from "../../console/text/plan_text.ts";
import {
  definitionsSettings,
  IMPORT_SETTINGS,
  PROGRESS_SETTINGS,
  RESTORE_SETTINGS,
  restoreChoiceSettings,
} from "../setting_groups.ts";

/** The settings of a restore into the broker of a section. */
function settingsOf(side: "source" | "target"): SettingGroup[] {
  return [
    ...restoreChoiceSettings(side),
    RESTORE_SETTINGS,
    definitionsSettings("restore"),
    IMPORT_SETTINGS,
    PROGRESS_SETTINGS,
  ];
}

function needsOf({ flags }: Pick<CommandContext, "flags">): ConfigNeeds {
  const into = flags.into as ConfigNeeds["into"];
  return { settings: settingsOf(into ?? "target"), mode: "restore", into };
}

const HELP = {
  summary: "restore a backup into a broker",
  description:
    "Publishes the messages of a backup straight into the queues that they came from, in their " +
    "order, and waits for the broker's confirmation of each. Queues that the target lacks are created " +
    "as they were, with their bindings to exchanges that the target has. Messages that the target " +
    "does not take are kept apart, as a backup that can be restored later.\n\n" +
    "On a terminal the plan is shown and a question asked before anything is written. The backup may " +
    "be named by latest or by the beginning of its id. SIGUSR2 makes a run read the rate limits in " +
    "its configuration file again.\n\n" +
    "The same command goes on where it stopped; the result says how many messages may be there twice.",
  examples: [
    ["everything that a file says", "rabbitmq-backup restore --config restore.yaml"],
    [
      "the newest backup, some queues only",
      "rabbitmq-backup restore -c restore.yaml -b latest --include 'orders.*'",
    ],
    ["what would be done", "rabbitmq-backup restore -c restore.yaml --dry-run"],
    [
      "what was read in an hour of yesterday, beside the queues of today",
      "rabbitmq-backup restore -c restore.yaml --time-window-start 'yesterday 14:00' \\\n" +
      "    --time-window-end 'yesterday 15:00' --queue-mapping '*=restored.$1'",
    ],
    [
      "back to where it came from, by the file that it was taken with",
      "rabbitmq-backup restore -c backup.yaml --into source -b latest",
    ],
    [
      "without a file",
      "export RABBITMQ_BACKUP_AMQP_URL=amqp://restore:secret@mq.example\n" +
      "  rabbitmq-backup restore --path /backups --backup-id nightly-20250304",
    ],
  ],
} as const;

export function addRestoreCommand(program: Command, launch: Launch): void {
  const command = addIntoOption(addConfigOption(newCommand(program, "restore", HELP)))
    .option("--dry-run", "say what would be done, and do nothing")
    .option("-y, --yes", "do not ask before the target is written to")
    .option("--break-lock", BREAK_LOCK_HELP)
    .option("--error-on-empty", "exit with 9 when there was no queue, or no message chosen");
  addSettings(command, settingsOf("target")).action(launch(restore));
}

/** `validate-restore`: the earlier tool's name for `restore --dry-run`. */
export function addValidateRestoreCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "validate-restore", {
    summary: "the same as restore --dry-run",
    description: "Says what a restore would do to each queue, and does nothing.",
    examples: [["what would be done", "rabbitmq-backup validate-restore -c restore.yaml"]],
  }));
  addSettings(addFormatOption(addIntoOption(command)), settingsOf("target")).action(
    launch((context) => showPlan(context)),
  );
}

async function restore(context: CommandContext): Promise<number> {
  // 1. With --dry-run: only the plan.
  if (context.flags.dryRun === true) return await showPlan(context);

  // 2. The configuration, and which backup. It may ask for the plan as well.
  const call = await prepare(context);
  if (call.config.restore.definitions_dry_run) return await showPlan(context, call);

  // 3. On a terminal: the same plan, and a question.
  const isPlanSeen = isAsked(context);
  if (isPlanSeen) await askFirst(context, call);

  // 4. The restore.
  const { ratesOf, runRestore } = await import("../../engine/restore/restore.ts");
  const { RateLimit } = await import("../../engine/restore/rate_limit.ts");
  const limit = new RateLimit(ratesOf(call.config));
  const summary = await runEngineWork(context, {
    stopping: "waiting for the confirmation of what was published",
    resume: resumeCommandOf(context, call.backupId),
    change: async () => {
      limit.set(ratesOf(await loadCommandConfig(context, needsOf(context))));
      return rateText(limit.rates);
    },
    run: (tools) =>
      runRestore({
        ...call,
        ...tools,
        breakLock: context.flags.breakLock === true,
        isPlanSeen,
        limit,
      }),
  });

  // 5. What came of it, as an exit code.
  const isNoneChosen = summary.messages === 0 && (summary.messagesLeftOut ?? 0) > 0;
  const nothing = isNoneChosen ||
    summary.queuesOk + summary.queuesSkipped + summary.queuesFailed === 0;
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

/** What is restored; `now` is one time for the plan and for the run. */
interface Call {
  readonly config: Config;
  readonly backupId: string;
  readonly now: Date;
}

async function prepare(context: CommandContext): Promise<Call> {
  const config = await loadCommandConfig(context, needsOf(context));
  const backupId = await chooseBackup(context, { config, verb: "restore", prefix: true });
  return { config, backupId, now: context.host.terminal.now() };
}

async function plan(context: CommandContext, call: Call): Promise<RestorePlan> {
  const { planRestore } = await import("../../engine/restore/dry_run.ts");
  return await runEngineWork(context, {
    stopping: "ending",
    run: (tools) => planRestore({ ...call, ...tools }),
  });
}

/** Shows what is about to be done, and returns when the answer is yes, or there is nothing to ask. */
async function askFirst(context: CommandContext, call: Call): Promise<void> {
  const planned = await plan(context, call);
  const refused = planned.refused ?? definitionsRefusal(planned);
  if (refused !== undefined) throw refused;
  if (planned.queues.every(({ action }) => action === "skip")) return;
  const { block, errStyle } = context.output;
  const lines = restorePlanLines(planned, { style: errStyle, isQuestion: true });
  block.print(lines.map((line) => `${line}\n`).join(""));
  await confirm(context, `Restore into ${planned.target.address}?`);
}

async function showPlan(context: CommandContext, call?: Call): Promise<number> {
  const planned = await plan(context, call ?? await prepare(context));
  const { output } = context;
  // Where only the file asks for the plan, a stream of lines has begun.
  if (output.options.jsonLines) output.message("plan", restorePlanDocument(planned));
  else {
    await showResult(context, {
      document: { v: 1, ...restorePlanDocument(planned) },
      text: () => restorePlanLines(planned, { style: output.outStyle }),
    });
  }
  const refused = planned.refused ?? definitionsRefusal(planned);
  if (refused !== undefined) return exitCodeOf(refused.code);
  const partial = planned.definitions?.complete === false ||
    planned.queues.some(({ action }) => action === "skip");
  return partial ? EXIT.partial : EXIT.ok;
}

function definitionsRefusal({ definitions }: RestorePlan): AppError | undefined {
  if (definitions?.blocked === undefined) return undefined;
  const { problem, wayOut } = definitions.blocked;
  return new AppError("refused", `Cannot restore the definitions: ${problem}`, { hint: wayOut });
}

function restorePlanDocument(plan: RestorePlan) {
  const { backupId, location, target, refused, warning, timeWindow, fanout, queues, estimate } =
    plan;
  const { accordingTo, ...figures } = fanout ?? {};
  return {
    backup_id: backupId,
    location,
    target,
    refused: refused && { code: refused.code, message: refused.message, hint: refused.hint },
    warning,
    definitions: plan.definitions && importDocument(plan.definitions),
    fanout: fanout && { according_to: accordingTo, ...figures },
    time_window: timeWindow && {
      start: timeOf(timeWindow.start),
      end: timeOf(timeWindow.end),
      field: timeWindow.field,
    },
    created_vhosts: plan.createdVhosts,
    estimate: {
      seconds: estimate.seconds,
      assumed_messages_per_second: estimate.assumedMessages,
      assumed_bytes_per_second: estimate.assumedBytes,
    },
    queues: queues.map((
      { queueType, restoredBefore, destination, atLeast, atMost, bytesStored, ...queue },
    ) => ({
      ...queue,
      queue_type: queueType,
      target_vhost: destination?.vhost,
      target_queue: destination?.queue,
      at_least: atLeast,
      at_most: atMost,
      bytes_stored: bytesStored,
      restored_before: restoredBefore,
    })),
  };
}

function timeOf(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString();
}
