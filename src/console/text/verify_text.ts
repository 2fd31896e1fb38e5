import type { VerifiedQueue } from "../../engine/verify/queue.ts";
import type { VerifyReport } from "../../engine/verify/verify.ts";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";
import { formatCount, plural } from "./format.ts";
import { paint, signsOf, type Style } from "./style.ts";

/** What a comparison found, the verdict in the last line. */
export function verifyLines(
  report: VerifyReport,
  { style, all }: { style: Style; all: boolean },
): string[] {
  const shown = report.queues.filter(({ result }) => all || result !== "same");
  return [...shown.flatMap((queue) => queueLines(queue, style)), verdictLine(report, style)];
}

function queueLines(queue: VerifiedQueue, style: Style): string[] {
  const signs = signsOf(style);
  const sign = queue.result === "same"
    ? paint(style, "good", signs.ok)
    : queue.result === "unread"
    ? paint(style, "attention", "-")
    : paint(style, "bad", signs.failed);
  const line = `  ${sign} ${queueLabel(queue.vhost, queue.queue)}: ${escapeLines(textOf(queue))}`;
  return queue.hint === undefined ? [line] : [line, `    Hint: ${escapeLines(queue.hint)}`];
}

function textOf(queue: VerifiedQueue): string {
  const { expected, actual, result, reason, firstDifference } = queue;
  const there = `${formatCount(actual)} of ${plural(expected, "message")}`;
  const place = firstDifference === undefined
    ? ""
    : `; the first difference is at message ${formatCount(firstDifference + 1)}`;
  switch (result) {
    case "same":
      return `the same ${plural(expected, "message")}`;
    case "missing":
      return reason ?? `${formatCount(expected - actual)} missing (${there})${place}`;
    case "extra":
      return `${formatCount(actual - expected)} too many (${there})${place}`;
    case "other":
      return `${plural(expected, "message")}, but not the same ones${place}`;
    case "order":
      return `the same ${plural(expected, "message")} in another order${place}`;
    case "unread":
      return `not compared: ${reason}`;
  }
}

function verdictLine({ queues, backupId, target }: VerifyReport, style: Style): string {
  const signs = signsOf(style);
  const count = (wanted: (queue: VerifiedQueue) => boolean) => queues.filter(wanted).length;
  const unread = count(({ result }) => result === "unread");
  const same = count(({ result }) => result === "same");
  const differing = queues.length - same - unread;
  const rest = unread === 0 ? "" : `, ${formatCount(unread)} not compared`;
  const what = `${escapeText(target.address)} and backup ${escapeText(backupId)}`;
  if (differing > 0) {
    return `${paint(style, "bad", signs.failed)} ${what} DIFFER: ${plural(differing, "queue")} of ${
      formatCount(queues.length)
    }${rest}.`;
  }
  const sign = unread > 0
    ? paint(style, "attention", signs.attention)
    : paint(style, "good", signs.ok);
  return `${sign} ${what} hold the same: ${plural(same, "queue")} compared${rest}.`;
}
