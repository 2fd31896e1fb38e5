import type { BackupPlan, PlannedFanout, RestorePlan } from "../../engine/plan_types.ts";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";
import { formatCount, plural } from "./format.ts";
import { paint, type Style, type Tone } from "./style.ts";
import { renderFields, renderTable } from "./table.ts";

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
  const { queues, source } = plan;
  const taken = queues.filter(({ verdict }) => verdict === "safe" || verdict === "cost");
  return [
    ...renderFields([
      ["Would back up", `${escapeText(source.cluster)} (RabbitMQ ${escapeText(source.version)})`],
      ["As", escapeText(plan.backupId)],
      ["To", escapeText(plan.location)],
    ]),
    "",
    ...queueTable(queues, (queue) => painted(VERDICTS[queue.verdict], style)),
    ...reasonLines(queues),
    ...noteLines(queues),
    "",
    `${countsOf(taken)} would be read, ${formatCount(queues.length - taken.length)} left out. ` +
    "Nothing was done.",
  ];
}

/** What a restore would do, queue by queue. */
export function restorePlanLines(plan: RestorePlan, style: Style): string[] {
  const { queues } = plan;
  return [
    ...renderFields([
      ["Would restore", escapeText(plan.backupId)],
      ["From", escapeText(plan.location)],
      ["Into", escapeText(plan.target.address)],
    ]),
    "",
    ...queueTable(queues, (queue) => painted(actionOf(queue, plan), style)),
    ...reasonLines(queues),
    ...plan.fanout === undefined ? [] : fanoutLines(plan.fanout),
    "",
    `${restoreResult(plan)} Nothing was done.`,
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

function actionOf(queue: RestoreQueue, { refused }: RestorePlan): readonly [string, Tone] {
  if (refused !== undefined) return REFUSED_ACTIONS[queue.action];
  const { restoredBefore } = queue;
  if (queue.action !== "use" || restoredBefore === undefined) return ACTIONS[queue.action];
  return restoredBefore >= queue.messages
    ? ["done before", "good"]
    : [`go on behind ${formatCount(restoredBefore)}`, "good"];
}

function restoreResult({ queues, refused }: RestorePlan): string {
  const filled = queues.filter(({ action }) => action !== "skip");
  const skipped = queues.length - filled.length;
  if (refused !== undefined && skipped === 0) {
    return `Nothing would be restored: ${escapeText(refused.message)}.\n` +
      `Hint: ${escapeText(refused.hint ?? "")}\n`;
  }
  if (refused !== undefined) {
    return `Nothing would be restored: ${plural(skipped, "queue")} ${
      skipped === 1 ? "is" : "are"
    } in the way.`;
  }
  const left = filled.map((queue) => ({ messages: queue.messages - (queue.restoredBefore ?? 0) }));
  const before = filled.reduce((sum, { restoredBefore = 0 }) => sum + restoredBefore, 0);
  const goesOn = before === 0
    ? ""
    : ` An interrupted restore goes on behind ${plural(before, "message")}.`;
  return `${countsOf(left)} would be restored, ${formatCount(skipped)} skipped.${goesOn}`;
}

function queueTable<Q extends BackupQueue | RestoreQueue>(
  queues: readonly Q[],
  action: (queue: Q) => string,
): string[] {
  if (queues.length === 0) return ["No queue is chosen."];
  return renderTable(
    [
      { title: "VHOST" },
      { title: "QUEUE" },
      { title: "TYPE" },
      { title: "MESSAGES", align: "right" },
      { title: "WHAT" },
    ],
    queues.map((queue) => [
      escapeText(queue.vhost),
      escapeText(queue.queue),
      escapeText(queue.queueType),
      formatCount(queue.messages),
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
function noteLines(queues: readonly BackupQueue[]): string[] {
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

function countsOf(queues: readonly { messages: number }[]): string {
  const messages = queues.reduce((sum, queue) => sum + queue.messages, 0);
  return `${plural(queues.length, "queue")} with ${plural(messages, "message")}`;
}
