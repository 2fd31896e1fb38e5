import type { BackupPlan, RestorePlan } from "../../engine/plan_types.ts";
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
  const filled = queues.filter(({ action }) => action !== "skip");
  return [
    ...renderFields([
      ["Would restore", escapeText(plan.backupId)],
      ["From", escapeText(plan.location)],
      ["Into", escapeText(plan.target.address)],
    ]),
    "",
    ...queueTable(queues, (queue) => painted(ACTIONS[queue.action], style)),
    ...reasonLines(queues),
    "",
    `${countsOf(filled)} would be restored, ${
      formatCount(queues.length - filled.length)
    } skipped. ` +
    "Nothing was done.",
  ];
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
