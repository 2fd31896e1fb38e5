import type { AppError } from "../../errors.ts";
import type { BackupPlan, PlannedFanout, RestorePlan } from "../../engine/plan_types.ts";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";
import { formatBytes, formatCount, formatSeconds, plural } from "./format.ts";
import { importLines } from "./import_text.ts";
import { paint, type Style, type Tone } from "./style.ts";
import { type Column, renderFields, renderTable } from "./table.ts";

type BackupQueue = BackupPlan["queues"][number];
type RestoreQueue = RestorePlan["queues"][number];

const VERDICTS: Readonly<Record<BackupQueue["verdict"], readonly [string, Tone]>> = {
  safe: ["read", "good"],
  cost: ["read, at a cost", "attention"],
  refused: ["REFUSED", "bad"],
  excluded: ["excluded", "dim"],
};

const ACTIONS: Readonly<Record<RestoreQueue["action"], readonly [string, Tone]>> = {
  create: ["create and fill", "good"],
  use: ["fill", "good"],
  skip: ["SKIP", "attention"],
};

/** Where one queue keeps all from being restored. */
const REFUSED_ACTIONS: typeof ACTIONS = {
  create: ["not begun", "dim"],
  use: ["not begun", "dim"],
  skip: ["IN THE WAY", "bad"],
};

/** What a backup would do, queue by queue. */
export function backupPlanLines(plan: BackupPlan, style: Style): string[] {
  const { queues, source, storage } = plan;
  const taken = queues.filter(({ verdict }) => verdict === "safe" || verdict === "cost");
  return [
    ...renderFields([
      ["Would back up", `${escapeText(source.cluster)} (RabbitMQ ${escapeText(source.version)})`],
      ["As", escapeText(plan.backupId)],
      ["To", escapeText(plan.location)],
      ["Storage", storageText(plan.storage)],
    ]),
    "",
    ...queueTable(queues, (queue) => painted(VERDICTS[queue.verdict], style)),
    ...reasonLines(queues),
    ...noteLines(queues),
    ...storage.state === "problem" ? ["", ...problemLines(storage.problem)] : [],
    "",
    `${countsOf(taken)} would be read, ${formatCount(queues.length - taken.length)} left out. ` +
    "Nothing was done.",
  ];
}

const STORAGES: Readonly<Record<BackupPlan["storage"]["state"], string>> = {
  free: "can be read, and has no backup of this id",
  absent: "a folder that is not there; the backup makes it",
  unfinished: "can be read; a backup of this id was begun there",
  problem: "A BACKUP WOULD FAIL, see below",
};

function storageText({ state }: BackupPlan["storage"]): string {
  const rest = state === "problem"
    ? ""
    : "; whether it can be written to was not tried (doctor does)";
  return STORAGES[state] + rest;
}

/** What a restore would do, queue by queue; `isQuestion`: before the person is asked. */
export function restorePlanLines(
  plan: RestorePlan,
  { style, isQuestion = false }: { style: Style; isQuestion?: boolean },
): string[] {
  const { queues, refused, createdVhosts } = plan;
  const vhosts = createdVhosts.map((vhost) => escapeText(vhost)).join(", ");
  return [
    ...renderFields([
      [isQuestion ? "Restore" : "Would restore", escapeText(plan.backupId)],
      ["From", escapeText(plan.location)],
      ["Into", escapeText(plan.target.address)],
      ["Messages", windowText(plan)],
      ["Created vhosts", vhosts === "" ? undefined : vhosts],
      ["To read", readText(plan)],
    ]),
    "",
    ...plan.definitions === undefined
      ? []
      : ["Definitions:", ...importLines(plan.definitions, { style, all: false }), ""],
    ...restoreTable(plan, style),
    ...reasonLines(queues),
    ...noteLines(queues),
    ...plan.fanout === undefined ? [] : fanoutLines(plan.fanout),
    "",
    ...refused === undefined || isInTheWay(plan) ? [] : [...problemLines(refused), ""],
    isQuestion ? restoreResult(plan, "will") : `${restoreResult(plan, "would")} Nothing was done.`,
  ];
}

/** What exchanges make of the messages. */
function fanoutLines(fanout: PlannedFanout): string[] {
  const { messages, copies, undelivered, unknown } = fanout;
  const what = ({ undelivered, unknown }: { undelivered: number; unknown: number }) =>
    [
      ...undelivered > 0 ? [`${formatCount(undelivered)} to no queue`] : [],
      ...unknown > 0 ? [`${formatCount(unknown)} not known`] : [],
    ].join(", ");
  const rest = what({ undelivered, unknown });
  return [
    "",
    ...renderTable(
      [
        { title: "VHOST" },
        { title: "EXCHANGE" },
        { title: "TYPE" },
        { title: "MESSAGES", align: "right" },
        { title: "BECOME", align: "right" },
        { title: "OF THEM" },
      ],
      fanout.exchanges.map((row) => [
        escapeText(row.vhost),
        row.exchange === "" ? "(default)" : escapeText(row.exchange),
        escapeText(row.exchange === "" ? "" : row.type ?? "unknown"),
        formatCount(row.messages),
        formatCount(row.copies),
        what(row),
      ]),
    ),
    "",
    `Through exchanges ${plural(messages, "message")} would become ${formatCount(copies)}` +
    `${rest === "" ? "" : ` (${rest})`}.`,
    ...fanout.notes.map((note) => `Note: ${escapeText(note)}`),
  ];
}

/** The time window, in words. */
function windowText({ timeWindow }: RestorePlan): string | undefined {
  if (timeWindow === undefined) return undefined;
  const { start, end, field } = timeWindow;
  const what = field === "timestamp" ? "with a timestamp" : "read by the backup";
  const from = start === undefined ? "" : ` from ${new Date(start).toISOString()}`;
  return `${what}${from}${end === undefined ? "" : ` up to ${new Date(end).toISOString()}`}`;
}

/** How much is read and how long it takes, where something is. */
function readText({ queues, estimate, refused }: RestorePlan): string | undefined {
  const filled = queues.filter(({ action }) => action !== "skip");
  const bytes = filled.reduce((sum, queue) => sum + queue.bytesStored, 0);
  if (refused !== undefined || bytes === 0) return undefined;
  const rates = `${formatCount(estimate.assumedMessages)} messages or ` +
    `${formatBytes(estimate.assumedBytes)} a second`;
  return `${formatBytes(bytes)}; ${formatSeconds(estimate.seconds)}, if the target takes ${rates}`;
}

/** Whether it is queues that keep all from being restored; they are named with their reasons. */
function isInTheWay({ queues, refused }: RestorePlan): boolean {
  return refused?.code === "refused" && queues.some(({ action }) => action === "skip");
}

function problemLines({ message, hint }: AppError): string[] {
  return [escapeLines(message), ...hint === undefined ? [] : [`Hint: ${escapeLines(hint)}`]];
}

function actionOf(queue: RestoreQueue, { refused }: RestorePlan): readonly [string, Tone] {
  if (refused !== undefined) return REFUSED_ACTIONS[queue.action];
  const { restoredBefore, held } = queue;
  if (held !== undefined) return [`add to ${formatCount(held)} there`, "attention"];
  if (queue.action !== "use" || restoredBefore === undefined) return ACTIONS[queue.action];
  return restoredBefore >= queue.atMost
    ? ["done before", "good"]
    : [`go on behind ${formatCount(restoredBefore)}`, "good"];
}

function restoreResult(plan: RestorePlan, verb: "will" | "would"): string {
  const { queues } = plan;
  const filled = queues.filter(({ action }) => action !== "skip");
  const skipped = queues.length - filled.length;
  if (plan.refused !== undefined) {
    if (!isInTheWay(plan)) return "Nothing would be restored.";
    return `Nothing would be restored: ${plural(skipped, "queue")} ${
      skipped === 1 ? "is" : "are"
    } in the way.`;
  }
  const left = filled.map((queue) => ({ messages: queue.atMost - (queue.restoredBefore ?? 0) }));
  const most = filled.some(({ atLeast, atMost }) => atLeast < atMost) ? "at most " : "";
  const before = filled.reduce((sum, { restoredBefore = 0 }) => sum + restoredBefore, 0);
  const goesOn = before === 0
    ? ""
    : ` An interrupted restore goes on behind ${plural(before, "message")}.`;
  return `${countsOf(left, most)} ${verb} be restored, ${formatCount(skipped)} skipped.${goesOn}`;
}

/** Columns that would say nothing are left out. */
function restoreTable(plan: RestorePlan, style: Style): string[] {
  const { queues } = plan;
  const isPart = queues.some(({ atLeast, messages }) => atLeast < messages);
  const isMoved = queues.some(({ destination }) => destination !== undefined);
  const extra: Extra<RestoreQueue>[] = [];
  if (isPart) extra.push({ title: "OF THESE", align: "right", cell: shareText });
  if (isMoved) extra.push({ title: "INTO", cell: destinationText });
  return queueTable(queues, (queue) => painted(actionOf(queue, plan), style), extra);
}

function shareText({ atLeast, atMost }: RestoreQueue): string {
  return atLeast === atMost
    ? formatCount(atMost)
    : `${formatCount(atLeast)} to ${formatCount(atMost)}`;
}

function destinationText({ vhost, queue, destination = { vhost, queue } }: RestoreQueue): string {
  return queueLabel(destination.vhost, destination.queue);
}

/** A further column. */
interface Extra<Q> extends Column {
  cell(queue: Q): string;
}

function queueTable<Q extends BackupQueue | RestoreQueue>(
  queues: readonly Q[],
  action: (queue: Q) => string,
  extra: readonly Extra<Q>[] = [],
): string[] {
  if (queues.length === 0) return ["No queue is chosen."];
  return renderTable(
    [
      { title: "VHOST" },
      { title: "QUEUE" },
      { title: "TYPE" },
      { title: "MESSAGES", align: "right" },
      ...extra,
      { title: "WHAT" },
    ],
    queues.map((queue) => [
      escapeText(queue.vhost),
      escapeText(queue.queue),
      escapeText(queue.queueType),
      formatCount(queue.messages),
      ...extra.map(({ cell }) => cell(queue)),
      action(queue),
    ]),
  );
}

/** Queues that have the same reason stand together under it. */
function reasonLines(queues: readonly (BackupQueue | RestoreQueue)[]): string[] {
  const byReason = Map.groupBy(
    queues.filter(({ reason }) => reason !== undefined),
    ({ reason, hint }) => hint === undefined ? reason! : `${reason}\nHint: ${hint}`,
  );
  return [...byReason].flatMap(([reason, having]) => [
    "",
    `${having.map((queue) => queueLabel(queue.vhost, queue.queue)).join(", ")}:`,
    ...escapeLines(reason).split("\n").map((line) => `  ${line}`),
  ]);
}

/** Queues that share a note stand together under it. */
function noteLines(queues: readonly (BackupQueue | RestoreQueue)[]): string[] {
  const noted = queues.flatMap((queue) => (queue.notes ?? []).map((note) => ({ queue, note })));
  return [...Map.groupBy(noted, ({ note }) => note)].flatMap(([note, having]) => [
    "",
    `Note for ${having.map(({ queue }) => queueLabel(queue.vhost, queue.queue)).join(", ")}:`,
    `  ${escapeText(note)}`,
  ]);
}

function painted([word, tone]: readonly [string, Tone], style: Style): string {
  return paint(style, tone, word);
}

function countsOf(queues: readonly { messages: number }[], most = ""): string {
  const messages = queues.reduce((sum, queue) => sum + queue.messages, 0);
  return `${plural(queues.length, "queue")} with ${most}${plural(messages, "message")}`;
}
