import type { QueueProgress, StatusEvent } from "../../engine/events.ts";
import { queueLabel } from "../../console/text/escape.ts";
import {
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatSeconds,
} from "../../console/text/format.ts";
import { paint, signsOf, type Style } from "../../console/text/style.ts";
import { pad, truncate, widthOf } from "../../console/text/width.ts";

/** The numbers of a run in one line: for logs, and the last line of the live display. */
export function totalLine(status: StatusEvent, separator: string): string {
  const { messagesDone, messagesTotal } = status;
  const parts = [
    formatPercent(status.percentDone),
    `${formatCount(status.queuesDone)} of ${formatCount(status.queuesTotal)} queues`,
    `${formatCount(messagesDone)} of ${formatCount(messagesTotal)} messages`,
    formatRate(status.rateMessages),
    `${formatBytes(status.rateBytes)}/s`,
    status.secondsRemaining === undefined
      ? `${formatSeconds(status.secondsElapsed)} so far`
      : `${formatSeconds(status.secondsRemaining)} left`,
    status.errorCount === 0 ? "" : `${formatCount(status.errorCount)} failed`,
  ];
  return parts.filter((part) => part !== "").join(` ${separator} `);
}

/** What a terminal shows of a status: a line for each queue in work, and the total. */
export interface StatusLayout {
  readonly style: Style;
  readonly columns: number;
  readonly rows: number;
}

/** The lines of the live display. */
export function statusLines(status: StatusEvent, layout: StatusLayout): string[] {
  const { style, columns } = layout;
  const signs = signsOf(style);
  const room = Math.max(1, layout.rows - 3);
  const shown = status.active.slice(0, status.active.length > room ? room - 1 : room);
  const names = shown.map((queue) => queueLabel(queue.vhost, queue.queue));
  const nameWidth = Math.min(
    Math.max(8, ...names.map(widthOf)),
    Math.max(8, Math.floor(columns * 0.4)),
  );
  const lines = shown.map((queue, index) => {
    const name = pad(truncate(names[index]!, nameWidth, signs.ellipsis), nameWidth);
    return `  ${name}  ${queueLine(queue, layout)}`;
  });
  const hidden = status.active.length - shown.length;
  if (hidden > 0) lines.push(paint(style, "dim", `  ${signs.ellipsis} and ${hidden} more`));
  return [...lines, paint(style, "strong", totalLine(status, signs.separator))];
}

const PHASE_WIDTH = "publishing".length;
const BAR_WIDTH = 16;

function queueLine(queue: QueueProgress, { style, columns }: StatusLayout): string {
  const { messagesDone, messagesTotal } = queue;
  const fraction = messagesTotal === 0 ? 1 : Math.min(1, messagesDone / messagesTotal);
  const signs = signsOf(style);
  const full = Math.floor(fraction * BAR_WIDTH);
  const bar = signs.barFull.repeat(full) + signs.barEmpty.repeat(BAR_WIDTH - full);
  const parts = [
    pad(queue.phase, PHASE_WIDTH),
    columns < 72 ? "" : paint(style, "good", bar),
    pad(formatPercent(fraction), 5, "right"),
    ` ${formatCount(messagesDone)} of ${formatCount(messagesTotal)}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}
