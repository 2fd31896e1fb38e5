import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatCount } from "../../../src/console/text/format.ts";
import { widthOf } from "../../../src/console/text/width.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { Table, TABLE_HEAD, tableRoom } from "../../components/table.tsx";
import { placeColumns, type TableColumn } from "../../components/table_layout.ts";
import { HazardLines } from "../../components/hazard_lines.tsx";
import { verdictSign, verdictSpan } from "../../components/verdict.ts";
import { currentRow } from "../../components/picker.ts";
import { markColumn, pickerStatus, sortedBy } from "../../components/picker_status.tsx";
import { ORDER, type QueueRow, type QueuesState } from "./state.ts";

/** Lines above the list and below it. */
const STATUS_ROWS = 1;
const DETAIL_ROWS = 3;

/** Lines of queues that there is room for, without the titles. */
export function queuesPage(area: Area): number {
  return pageOf(area, STATUS_ROWS + DETAIL_ROWS + TABLE_HEAD);
}

export function QueuesView({ state, area }: { state: QueuesState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { failure } = state;
  const current = currentRow(state.picker);
  return (
    <Box flexDirection="column">
      <Line {...line} spans={statusSpans(state, area)} />
      <Table
        rows={state.picker.shown}
        columns={columnsOf(state, area)}
        cursor={state.picker.cursor}
        area={{ ...area, rows: queuesPage(area) + 1 }}
      />
      {failure !== undefined
        ? <FailureLines failure={failure} area={{ ...area, rows: DETAIL_ROWS }} />
        : <HazardLines hazard={current?.hazard} area={{ ...area, rows: DETAIL_ROWS }} />}
    </Box>
  );
}

function statusSpans({ picker, cluster, planning, failure }: QueuesState, { theme }: Area): Span[] {
  const { ellipsis } = theme.glyphs;
  if (cluster === undefined) {
    return [span(failure === undefined ? ` Asking the broker${ellipsis}` : "")];
  }
  return [
    ...pickerStatus(picker, { noun: "queue", theme }),
    ...planning ? [span(`   looking for hazards${ellipsis}`, "dim")] : [],
  ];
}

/** Where there is no room for the word of a hazard, its sign stands in front. */
function columnsOf(state: QueuesState, area: Area): TableColumn<QueueRow>[] {
  const all = allColumns(state, area);
  const isWide = placeColumns(all, tableRoom(area)).some(({ title }) => title === "HAZARD");
  if (isWide) return all;
  const [marks, ...others] = all.filter(({ title }) => title !== "HAZARD");
  return [marks!, hazardSign(area), ...others];
}

function hazardSign({ theme }: Area): TableColumn<QueueRow> {
  return {
    title: theme.glyphs.attention,
    width: 1,
    cell: ({ hazard }) => hazard === undefined ? span("") : verdictSign(hazard.verdict, theme),
    spoken: ({ hazard }) => hazard === undefined ? "" : verdictSpan(hazard.verdict, theme).text,
  };
}

function allColumns({ picker }: QueuesState, { theme }: Area): TableColumn<QueueRow>[] {
  const { rows } = picker;
  const hasVhosts = rows.some(({ queue }) => queue.vhost !== rows[0]?.queue.vhost);
  const sorted = (order: keyof typeof ORDER) => sortedBy(picker, ORDER[order]);
  const figure = (value: number | undefined) =>
    value === undefined ? span("-", "dim") : span(formatCount(value));
  return [
    markColumn(picker, theme),
    ...hasVhosts
      ? [{
        title: "VHOST",
        width: vhostWidth(rows),
        ...sorted("vhost"),
        cell: ({ queue }: QueueRow) => span(escapeText(queue.vhost), "dim"),
      }]
      : [],
    {
      title: "QUEUE",
      width: "fill",
      ...hasVhosts ? sorted("name") : { ...sorted("vhost"), ...sorted("name") },
      cell: ({ queue }) => span(escapeText(queue.name)),
    },
    {
      title: "TYPE",
      width: 7,
      ...sorted("type"),
      cell: ({ queue }) => span(escapeText(queue.type), "dim"),
    },
    {
      title: "READY",
      width: 11,
      align: "right",
      ...sorted("ready"),
      cell: ({ queue }) => figure(queue.messagesReady),
    },
    {
      title: "UNACKED",
      width: 9,
      align: "right",
      rank: 1,
      ...sorted("unacked"),
      cell: ({ queue }) => figure(queue.messagesUnacknowledged),
    },
    {
      title: "IN/S",
      width: 8,
      align: "right",
      rank: 4,
      ...sorted("rate"),
      cell: ({ queue }) => figure(queue.publishRate ?? 0),
    },
    {
      title: "CONSUMERS",
      width: 10,
      align: "right",
      rank: 3,
      ...sorted("consumers"),
      cell: ({ queue }) => figure(queue.consumers),
    },
    {
      title: "HAZARD",
      width: 11,
      rank: 5,
      ...sorted("hazard"),
      cell: ({ hazard }) =>
        hazard === undefined ? span("", "dim") : verdictSpan(hazard.verdict, theme),
    },
  ];
}

function vhostWidth(rows: readonly QueueRow[]): number {
  return Math.min(16, Math.max(6, ...rows.map(({ queue }) => widthOf(escapeText(queue.vhost)))));
}
