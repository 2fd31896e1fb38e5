import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatCount, plural } from "../../../src/console/text/format.ts";
import type { PlannedBackupQueue } from "../../../src/engine/plan_types.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { HazardLines } from "../../components/hazard_lines.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { queueColumns } from "../../components/plan_list.ts";
import { Table } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import { verdictSpan } from "../../components/verdict.ts";
import type { PlanState } from "./state.ts";

/** Lines above the list (three fields, a blank, the sum) and below it. */
const HEAD_ROWS = 5;
const DETAIL_ROWS = 4;

/** Lines of queues that there is room for. */
export function planPage({ rows }: Area): number {
  return Math.max(1, rows - HEAD_ROWS - DETAIL_ROWS - 1);
}

export function PlanView({ state, area }: { state: PlanState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { plan, failure, cursor, warnings } = state;
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (plan === undefined) {
    return <Line {...line} spans={[span(` Looking at the queues${theme.glyphs.ellipsis}`)]} />;
  }
  const current = plan.queues[cursor.index];
  return (
    <Box flexDirection="column">
      <Line
        {...line}
        spans={[span("  Backup  ", "dim"), span(escapeText(plan.backupId), "strong")]}
      />
      <Line
        {...line}
        spans={[
          span("  From    ", "dim"),
          span(escapeText(plan.source.cluster)),
          span(`  RabbitMQ ${escapeText(plan.source.version)}`, "dim"),
        ]}
      />
      <Line {...line} spans={[span("  To      ", "dim"), span(escapeText(plan.location))]} />
      <Line {...line} spans={[]} />
      <Line {...line} spans={sumSpans(state, area)} />
      <Table
        rows={plan.queues}
        columns={columnsOf(area)}
        cursor={cursor}
        area={{ ...area, rows: planPage(area) + 1 }}
      />
      <HazardLines
        hazard={current?.reason === undefined && warnings.length > 0
          ? { notes: warnings.map(({ message }) => message) }
          : current}
        area={{ ...area, rows: DETAIL_ROWS }}
      />
    </Box>
  );
}

/** Whether something would be read. */
export function readQueues({ plan }: PlanState): readonly PlannedBackupQueue[] {
  return plan?.queues.filter(({ verdict }) => verdict === "safe" || verdict === "cost") ?? [];
}

function sumSpans(state: PlanState, { theme }: Area): Span[] {
  const read = readQueues(state);
  const messages = read.reduce(
    (sum, queue) => sum + Math.min(queue.messages, queue.atMost ?? Infinity),
    0,
  );
  const left = state.plan!.queues.length - read.length;
  const cost = read.filter(({ verdict }) => verdict === "cost").length;
  return [
    span(
      `  Reads ${plural(read.length, "queue")}, ${plural(messages, "message")}`,
      "strong",
    ),
    ...cost === 0 ? [] : [span(`, ${formatCount(cost)} at a cost`, "attention")],
    ...left === 0 ? [] : [span(`, ${formatCount(left)} left out`, "bad")],
    ...state.warnings.length === 0 ? [] : [
      span(
        `   ${theme.glyphs.attention} ${plural(state.warnings.length, "warning")}`,
        "attention",
      ),
    ],
  ];
}

function columnsOf({ theme }: Area): TableColumn<PlannedBackupQueue>[] {
  return [
    ...queueColumns<PlannedBackupQueue>(),
    {
      title: "MESSAGES",
      width: 11,
      align: "right",
      cell: ({ messages }) => span(formatCount(messages)),
    },
    { title: "WHAT", width: 11, cell: ({ verdict }) => verdictSpan(verdict, theme) },
  ];
}
