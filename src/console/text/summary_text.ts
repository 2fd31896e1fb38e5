import type { QueueDoneEvent, SummaryEvent } from "../../engine/events.ts";
import { lossTexts } from "../../message/conversion_losses.ts";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";
import { formatBytes, formatCount, formatRate, formatSeconds, plural } from "./format.ts";
import { paint, signsOf, type Style } from "./style.ts";
import { renderFields } from "./table.ts";
import type { Tally } from "./tally.ts";

const DONE_WORDS = { backup: "backed up", restore: "restored", validate: "checked" } as const;
const VERBS = { backup: "back up", restore: "restore", validate: "check" } as const;
const TITLES = { backup: "Backup", restore: "Restore of", validate: "Validation of" } as const;

/** The end of a run for a person: details, what was left out, and the result in the last line. */
export function summaryLines(summary: SummaryEvent, tally: Tally, style: Style): string[] {
  return [
    ...renderFields(fieldsOf(summary, tally)),
    ...leftOutLines(summary, tally, style),
    ...summary.resumeCommand === undefined ? [] : ["", "Go on with:", `  ${summary.resumeCommand}`],
    "",
    resultLine(summary, style),
  ];
}

/** What came of it, in one line. */
export function resultLine(summary: SummaryEvent, style: Style): string {
  const signs = signsOf(style);
  const title = `${TITLES[summary.operation]} ${escapeText(summary.backupId)}`;
  const done = [
    plural(summary.queuesOk, "queue"),
    plural(summary.messages, "message"),
    formatBytes(summary.bytes),
  ].join(", ");
  const empty = emptyText(summary);
  if (empty !== undefined) {
    const state = summary.outcome === "partial" ? " is PARTIAL" : "";
    return paint(style, "attention", signs.attention) + ` ${title}${state}: ${empty}`;
  }
  const result = `${done} ${DONE_WORDS[summary.operation]} in ${formatSeconds(summary.seconds)}`;
  switch (summary.outcome) {
    case "ok":
      return paint(style, "good", signs.ok) + ` ${title} is complete: ${result}`;
    case "partial":
      return paint(style, "attention", signs.attention) + ` ${title} is PARTIAL: ${result}`;
    case "interrupted":
      return paint(style, "attention", signs.attention) + ` ${title} was interrupted: ${result}`;
  }
}

/** Success without a single queue is seldom what was meant. */
function emptyText(summary: SummaryEvent): string | undefined {
  const { operation, outcome, queuesOk, queuesSkipped, queuesFailed } = summary;
  if (queuesOk > 0 || queuesFailed > 0 || outcome === "interrupted") return undefined;
  if (queuesSkipped === 0) return `nothing was selected; no queue was ${DONE_WORDS[operation]}`;
  if (outcome === "partial") return undefined;
  return `nothing to ${VERBS[operation]}; ${plural(queuesSkipped, "queue")} left out`;
}

function fieldsOf(summary: SummaryEvent, tally: Tally): [string, string | undefined][] {
  const { messages, bytes, bytesStored, seconds, operation } = summary;
  const rate = seconds > 0 && messages > 0 ? `, ${formatRate(messages / seconds)}` : "";
  return [
    [operation === "restore" ? "From" : "Where", escapeText(summary.location)],
    ["Into", summary.target],
    ["Queues", queueCounts(summary, tally)],
    ["Messages", `${formatCount(messages)} (${formatBytes(bytes)})${rate}${inAllText(summary)}`],
    ["Stored", bytesStored === undefined ? undefined : storedText(bytesStored, bytes)],
    ["Held", holdText(tally)],
    ["Returned", returnText(tally)],
    ["Copies", copiesText(summary)],
    ["Not taken", undeliveredText(summary)],
    ["Waited", waitedText(summary)],
    ["Left out", leftOutText(summary, tally)],
    ["Lost", lossText(tally)],
    ["Twice", duplicatesText(summary)],
  ];
}

function queueCounts(summary: SummaryEvent, tally: Tally): string {
  const parts = [`${formatCount(summary.queuesOk)} ${DONE_WORDS[summary.operation]}`];
  if (tally.resumed > 0) parts.push(`of which ${formatCount(tally.resumed)} by an earlier run`);
  if (summary.queuesSkipped > 0) parts.push(`${formatCount(summary.queuesSkipped)} left out`);
  if (summary.queuesFailed > 0) parts.push(`${formatCount(summary.queuesFailed)} failed`);
  return parts.join(", ");
}

function storedText(stored: number, bytes: number): string {
  if (bytes === 0) return formatBytes(stored);
  const percent = (stored / bytes) * 100;
  const share = percent > 0 && percent < 1 ? "under 1" : Math.round(percent);
  return `${formatBytes(stored)} (${share} % of the messages' size)`;
}

function holdText({ longestHold }: Tally): string | undefined {
  if (longestHold?.holdSeconds === undefined) return undefined;
  const queue = queueLabel(longestHold.vhost, longestHold.queue);
  return `at most ${formatSeconds(longestHold.holdSeconds)} away from consumers (${queue})`;
}

/** What giving the messages back cost them, in words. */
function returnText({ queuesByAttempts }: Tally): string | undefined {
  const parts = [...queuesByAttempts].toSorted(([a], [b]) => a - b).map(([attempts, queues]) => {
    const cost = attempts === 0
      ? "without cost"
      : attempts === 1
      ? "at one delivery attempt a message"
      : `at ${attempts} delivery attempts a message`;
    return `${plural(queues, "queue")} ${cost}`;
  });
  return parts.length === 0 ? undefined : `${parts.join(", ")}; messages are marked redelivered`;
}

/** A run that went on says what is its own, and what all of them did. */
function inAllText({ inAll }: SummaryEvent): string {
  return inAll === undefined
    ? ""
    : ` by this run, ${formatCount(inAll.messages)} in all with those before`;
}

function copiesText({ copies, unsureCopies = 0 }: SummaryEvent): string | undefined {
  if (copies === undefined) return undefined;
  const known = `${plural(copies, "message")} in queues, by the bindings`;
  if (unsureCopies === 0) return known;
  return `${known}; of ${plural(unsureCopies, "rejected message")} perhaps some more`;
}

function undeliveredText(summary: SummaryEvent): string | undefined {
  const { undelivered = 0, undeliveredBackups = [], undeliveredLocation = "", inAll } = summary;
  const all = Math.max(inAll?.undelivered ?? 0, undelivered);
  if (all === 0) return undefined;
  if (undelivered === 0) return `none by this run, ${formatCount(all)} in all with those before`;
  const ids = undeliveredBackups.map(escapeText).join(", ");
  const kept = `${plural(undelivered, "message")}, kept in ${escapeText(undeliveredLocation)} ` +
    `as ${ids}`;
  return inAll === undefined ? kept : `${kept}; ${formatCount(all)} in all with the runs before`;
}

/** What held the run back. */
function waitedText({ reconnects = 0, pausedSeconds = 0 }: SummaryEvent): string | undefined {
  const parts = [
    ...pausedSeconds > 0 ? [`${formatSeconds(pausedSeconds)} for alarms of the target`] : [],
    ...reconnects > 0 ? [`${plural(reconnects, "lost connection")} made again`] : [],
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

function leftOutText(
  { messagesLeftOut = 0 }: SummaryEvent,
  { untimed }: Tally,
): string | undefined {
  if (messagesLeftOut === 0) return undefined;
  const without = untimed === 0 ? "" : `, of which ${formatCount(untimed)} have no timestamp`;
  return `${plural(messagesLeftOut, "message")} that were not chosen${without}`;
}

/** What streams that became queues could not keep. */
function lossText({ losses }: Tally): string | undefined {
  const texts = lossTexts(losses);
  return texts.length === 0 ? undefined : `of streams in queues: ${texts.join("; ")}`;
}

function duplicatesText({ possibleDuplicates }: SummaryEvent): string | undefined {
  if (possibleDuplicates === undefined || possibleDuplicates === 0) return undefined;
  return `up to ${
    plural(possibleDuplicates, "message")
  } may be there twice, because of interruptions`;
}

/** What is not in the result, or not whole, with reasons. */
export function leftOutLines(summary: SummaryEvent, tally: Tally, style: Style): string[] {
  const done = DONE_WORDS[summary.operation];
  const section = (title: string, queues: readonly QueueDoneEvent[]) =>
    queues.length === 0 ? [] : ["", `${title}:`, ...queues.flatMap((q) => leftOut(q, style))];
  return [
    ...section(`Not ${done}`, tally.left),
    ...section(`Only in part ${done}`, tally.inPart),
  ];
}

/** A queue that was left out or failed, why, and what can be done. */
export function leftOut(event: QueueDoneEvent, style: Style): string[] {
  const signs = signsOf(style);
  const failed = event.outcome === "failed";
  const sign = failed ? paint(style, "bad", signs.failed) : paint(style, "attention", "-");
  const reason = escapeLines(event.reason ?? "no reason given");
  const line = `  ${sign} ${queueLabel(event.vhost, event.queue)}: ${reason}`;
  return event.hint === undefined ? [line] : [line, `    Hint: ${escapeLines(event.hint)}`];
}
