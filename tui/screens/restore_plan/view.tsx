import { Box } from "ink";
import { escapeText, queueLabel } from "../../../src/console/text/escape.ts";
import {
  formatBytes,
  formatCount,
  formatSeconds,
  plural,
} from "../../../src/console/text/format.ts";
import type { PlannedRestoreQueue, RestorePlan } from "../../../src/engine/plan_types.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { HazardLines } from "../../components/hazard_lines.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { queueColumns } from "../../components/plan_list.ts";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme } from "../../theme/theme.ts";
import { canRestore, type RestorePlanState } from "./state.ts";

/** Lines above the list: two places, wishes, the sum. */
const HEAD_ROWS = 4;
const DETAIL_ROWS = 4;

/** Lines of queues that there is room for. */
export function restorePlanPage(area: Area): number {
  return pageOf(area, HEAD_ROWS + DETAIL_ROWS + TABLE_HEAD);
}

export function RestorePlanView({ state, area }: { state: RestorePlanState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { plan } = state;
  return (
    <Box flexDirection="column">
      <Line {...line} spans={placeSpans(plan)} />
      <Line
        {...line}
        spans={plan === undefined ? [] : intoSpans(plan)}
      />
      <Line {...line} spans={wishSpans(state)} />
      <Line {...line} spans={sumSpans(state, theme)} />
      {state.failure !== undefined
        ? <FailureLines failure={state.failure} area={{ ...area, rows: area.rows - HEAD_ROWS }} />
        : plan !== undefined && <Queues plan={plan} state={state} area={area} />}
    </Box>
  );
}

function Queues({ plan, state, area }: { plan: RestorePlan; state: RestorePlanState; area: Area }) {
  const { cursor, warnings } = state;
  const current = plan.queues[cursor.index];
  const isTold = current?.reason !== undefined || (current?.notes ?? []).length > 0;
  const told = plan.refused ?? plan.definitions?.blocked;
  const blocked = told === undefined
    ? undefined
    : "problem" in told
    ? { reason: told.problem, ...told.wayOut === undefined ? {} : { hint: told.wayOut } }
    : { reason: told.message, ...told.hint === undefined ? {} : { hint: told.hint } };
  // What a partial backup lacks is told as both.
  const general = new Set([
    ...plan.warning === undefined ? [] : [plan.warning],
    ...warnings.map(({ message }) => message),
  ]);
  return (
    <>
      <Table
        rows={plan.queues}
        columns={columnsOf(plan, area.theme)}
        cursor={cursor}
        area={{ ...area, rows: restorePlanPage(area) + TABLE_HEAD }}
      />
      <HazardLines
        hazard={isTold ? current : blocked ?? { notes: [...general] }}
        area={{ ...area, rows: DETAIL_ROWS }}
      />
    </>
  );
}

/** What is about to be done, for the last question. */
export function confirmLines(plan: RestorePlan): string[] {
  const { filled, created, added, skipped, messages } = sumsOf(plan);
  const { definitions } = plan;
  const notEmpty = added === 0
    ? []
    : [`${plural(added, "queue")} hold${added === 1 ? "s" : ""} messages: these come behind them.`];
  return [
    `Backup ${plan.backupId} will be written into ${plan.target.address}.`,
    `${plural(messages, "message")} into ${plural(filled.length, "queue")}, ` +
    `${formatCount(created)} created, ${formatCount(skipped)} skipped.`,
    ...notEmpty,
    ...definitions === undefined ? [] : [`Before that, definitions: ${changesText(definitions)}.`],
  ];
}

function intoSpans({ target, createdVhosts, definitions }: RestorePlan): Span[] {
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

function placeSpans(plan: RestorePlan | undefined): Span[] {
  return [
    span("  Backup  ", "dim"),
    span(escapeText(plan?.backupId ?? ""), "strong"),
    span(plan === undefined ? "" : `  in ${escapeText(plan.location)}`, "dim"),
  ];
}

function wishSpans({ wishes }: RestorePlanState): Span[] {
  const { window, options } = wishes;
  const chosen = Object.entries(options).map(([name, value]) =>
    value === true ? name : `${name} ${escapeText(value)}`
  );
  return [
    span("  Wanted  ", "dim"),
    window === "" ? span("messages of any time", "dim") : span(
      `messages of the time ${escapeText(window)}`,
      "accent",
    ),
    ...chosen.length === 0 ? [] : [span(`, ${chosen.join(", ")}`, "accent")],
  ];
}

function sumSpans(state: RestorePlanState, { glyphs }: Theme): Span[] {
  const { plan, failure } = state;
  if (failure !== undefined) return [];
  if (plan === undefined) return [span(`  Looking at the target${glyphs.ellipsis}`)];
  if (!canRestore(state)) {
    return [span(`  ${glyphs.failed} Nothing can be restored like this`, "bad")];
  }
  const { filled, created, added, skipped, messages, bytes } = sumsOf(plan);
  return [
    span(
      `  ${plural(filled.length, "queue")}, ${plural(messages, "message")} to restore`,
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

function columnsOf(plan: RestorePlan, { glyphs }: Theme): TableColumn<PlannedRestoreQueue>[] {
  const isMoved = plan.queues.some(({ destination }) => destination !== undefined);
  const into = ({ vhost, queue, destination = { vhost, queue } }: PlannedRestoreQueue) =>
    span(queueLabel(destination.vhost, destination.queue));
  return [
    ...queueColumns<PlannedRestoreQueue>(),
    {
      title: "IN BACKUP",
      width: 11,
      align: "right",
      rank: 2,
      cell: ({ messages }) => span(formatCount(messages)),
    },
    { title: "RESTORED", width: 11, align: "right", cell: restoredSpan },
    ...isMoved ? [{ title: "INTO", width: 20, cell: into }] : [],
    { title: "WHAT", width: 16, cell: (queue) => actionSpan(queue, glyphs) },
  ];
}

function restoredSpan({ action, atLeast, atMost, restoredBefore = 0 }: PlannedRestoreQueue): Span {
  if (action === "skip") return span("0", "dim");
  const sign = atLeast < atMost ? "<=" : "";
  return span(`${sign}${formatCount(atMost - restoredBefore)}`);
}

function actionSpan(
  { action, restoredBefore, held }: PlannedRestoreQueue,
  glyphs: Theme["glyphs"],
): Span {
  if (action === "skip") return span(`${glyphs.attention} SKIP`, "attention");
  if (restoredBefore !== undefined) return span("go on", "good");
  if (held !== undefined) {
    return span(`${glyphs.attention} add to ${formatCount(held)}`, "attention");
  }
  return span(action === "create" ? "create and fill" : "fill", "good");
}
