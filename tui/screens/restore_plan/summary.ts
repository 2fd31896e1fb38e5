import { escapeText, queueLabel } from "../../../src/console/text/escape.ts";
import {
  formatBytes,
  formatCount,
  formatSeconds,
  formatTime,
  plural,
} from "../../../src/console/text/format.ts";
import type { PlannedRestoreQueue, RestorePlan } from "../../../src/engine/plan_types.ts";
import { type Span, span } from "../../components/line.tsx";
import type { Theme } from "../../theme/theme.ts";
import {
  canRestore,
  type OptionValues,
  type RestorePlanState,
  type RestoreWishes,
} from "./state.ts";

/** What is about to be done, for the last question. */
export function confirmLines(plan: RestorePlan, wishes: RestoreWishes): string[] {
  const { filled, created, added, skipped } = sumsOf(plan);
  const { definitions } = plan;
  const notEmpty = added === 0
    ? []
    : [`${plural(added, "queue")} hold${added === 1 ? "s" : ""} messages: these come behind them.`];
  const options = optionTexts(wishes.options);
  return [
    `Backup ${plan.backupId} will be written into ${plan.target.address}.`,
    `${capitalized(messagesText(plan))} into ${plural(filled.length, "queue")}, ` +
    `${formatCount(created)} created, ${formatCount(skipped)} skipped.`,
    ...plan.timeWindow === undefined ? [] : [`Only ${timeText(plan.timeWindow)}.`],
    ...whereLines(filled),
    ...options.length === 0 ? [] : [`Options: ${options.join(", ")}.`],
    ...notEmpty,
    ...definitions === undefined ? [] : [`Before that, definitions: ${changesText(definitions)}.`],
  ];
}

/** The window in absolute times. */
function timeText({ start, end, field }: NonNullable<RestorePlan["timeWindow"]>): string {
  const ends = [
    ...start === undefined ? [] : [`from ${formatTime(start)}`],
    ...end === undefined ? [] : [`to ${formatTime(end)}`],
  ];
  const by = field === "timestamp" ? "whose timestamp is" : "that were read";
  return `messages ${by} ${ends.join(" ")}`;
}

/** Queues that a line names before it only counts. */
const NAMED = 2;

/** Virtual hosts beside the default one, and queues that go elsewhere. */
function whereLines(filled: readonly PlannedRestoreQueue[]): string[] {
  const vhosts = [...new Set(filled.map((queue) => intoOf(queue).vhost))];
  const moved = filled.filter(({ destination }) => destination !== undefined);
  const pairs = moved.slice(0, NAMED).map((one) => {
    const { vhost, queue } = intoOf(one);
    return `${queueLabel(one.vhost, one.queue)} -> ${queueLabel(vhost, queue)}`;
  });
  const rest = moved.length - pairs.length;
  const more = rest === 0 ? "" : `, and ${formatCount(rest)} more`;
  const others = vhosts.length - NAMED;
  const named = vhosts.slice(0, NAMED).map(escapeText).join(", ");
  return [
    ...vhosts.every((vhost) => vhost === "/") ? [] : [
      `Virtual host${vhosts.length === 1 ? "" : "s"}: ${named}` +
      `${others > 0 ? `, and ${formatCount(others)} more` : ""}.`,
    ],
    ...moved.length === 0 ? [] : [`Elsewhere: ${pairs.join(", ")}${more}.`],
  ];
}

function intoOf({ vhost, queue, destination = { vhost, queue } }: PlannedRestoreQueue) {
  return destination;
}

/** How many are restored; the manifest may tell only a bound. */
function messagesText(plan: RestorePlan): string {
  const { filled, messages } = sumsOf(plan);
  const isBound = filled.some(({ atLeast, atMost }) => atLeast < atMost);
  return `${isBound ? "at most " : ""}${plural(messages, "message")}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function intoSpans({ target, createdVhosts, definitions }: RestorePlan): Span[] {
  const vhosts = createdVhosts.map(escapeText).join(", ");
  return [
    span("  Into    ", "dim"),
    span(escapeText(target.address), "accent"),
    ...vhosts === "" ? [] : [span(`  creating vhost ${vhosts}`, "attention")],
    ...definitions === undefined
      ? []
      : [span(`  definitions first: ${changesText(definitions)}`, "attention")],
  ];
}

/** What an import of definitions changes. */
function changesText({ created, updated }: NonNullable<RestorePlan["definitions"]>): string {
  return `${formatCount(created.length)} created, ${formatCount(updated.length)} overwritten`;
}

/** What would be done to how many queues. */
function sumsOf({ queues }: RestorePlan) {
  const filled = queues.filter(({ action }) => action !== "skip");
  const created = filled.filter(({ action }) => action === "create").length;
  return {
    filled,
    created,
    added: filled.filter(({ held }) => held !== undefined).length,
    skipped: queues.length - filled.length,
    messages: filled.reduce(
      (sum, { atMost, restoredBefore = 0 }) => sum + atMost - restoredBefore,
      0,
    ),
    bytes: filled.reduce((sum, { bytesStored }) => sum + bytesStored, 0),
  };
}

export function placeSpans(plan: RestorePlan | undefined): Span[] {
  return [
    span("  Backup  ", "dim"),
    span(escapeText(plan?.backupId ?? ""), "strong"),
    span(plan === undefined ? "" : `  in ${escapeText(plan.location)}`, "dim"),
  ];
}

/** The time as it was chosen here, or else as it is configured, and which time counts. */
export function wishSpans({ wishes: { window }, plan }: RestorePlanState): Span[] {
  const { timeWindow } = plan ?? {};
  const label = span("  Wanted  ", "dim");
  if (window === "") {
    if (timeWindow !== undefined) return [label, span(timeText(timeWindow), "accent")];
    return [label, span("messages of any time", "dim")];
  }
  const by = timeWindow?.field === "timestamp" ? ", by their timestamp" : "";
  return [label, span(`messages of the time ${escapeText(window)}${by}`, "accent")];
}

export function optionSpans({ wishes }: RestorePlanState): Span[] {
  const chosen = optionTexts(wishes.options);
  return [
    span("  Options ", "dim"),
    chosen.length === 0 ? span("as configured", "dim") : span(chosen.join(", "), "accent"),
  ];
}

function optionTexts(options: OptionValues): string[] {
  return Object.entries(options).map(([name, value]) =>
    value === true ? name : `${name} ${escapeText(value)}`
  );
}

export function sumSpans(state: RestorePlanState, { glyphs }: Theme): Span[] {
  const { plan, failure } = state;
  if (failure !== undefined) return [];
  if (plan === undefined) return [span(`  Looking at the target${glyphs.ellipsis}`)];
  if (!canRestore(state)) {
    return [span(`  ${glyphs.failed} Nothing can be restored like this`, "bad")];
  }
  const { filled, created, added, skipped, bytes } = sumsOf(plan);
  return [
    span(
      `  ${plural(filled.length, "queue")}, ${messagesText(plan)} to restore`,
      "strong",
    ),
    ...created === 0 ? [] : [span(`, ${formatCount(created)} created`, "good")],
    ...added === 0 ? [] : [span(`, ${formatCount(added)} added to`, "attention")],
    ...fanoutSpans(plan),
    ...skipped === 0 ? [] : [span(`, ${formatCount(skipped)} skipped`, "attention")],
    span(`   ${formatBytes(bytes)}, about ${formatSeconds(plan.estimate.seconds)}`, "dim"),
  ];
}

/** What exchanges make of the messages, where that is another number. */
function fanoutSpans({ fanout }: RestorePlan): Span[] {
  if (fanout === undefined) return [];
  const { messages, copies, undelivered, unknown } = fanout;
  return [
    ...copies === messages
      ? []
      : [span(`, ${plural(copies, "copy").replace(/ys$/, "ies")} by bindings`, "attention")],
    ...undelivered === 0 ? [] : [span(`, ${formatCount(undelivered)} to no queue`, "bad")],
    ...unknown === 0 ? [] : [span(`, ${formatCount(unknown)} unknown`, "attention")],
  ];
}
