import { Box } from "ink";
import { queueLabel } from "../../../src/console/text/escape.ts";
import { formatCount } from "../../../src/console/text/format.ts";
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
import type { RestorePlanState } from "./state.ts";
import { intoSpans, optionSpans, placeSpans, sumSpans, wishSpans } from "./summary.ts";

/** Lines above the list: two places, the time, options, the sum. */
const HEAD_ROWS = 5;
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
      <Line {...line} spans={optionSpans(state)} />
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
