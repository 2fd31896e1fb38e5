import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatCount, plural } from "../../../src/console/text/format.ts";
import { widthOf } from "../../../src/console/text/width.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { Table } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import { HazardLines } from "../../components/hazard_lines.tsx";
import { verdictSpan } from "../../components/verdict.ts";
import { currentRow, type QueueRow, type QueuesState, type Sort } from "./state.ts";

/** Lines above the list and below it. */
const STATUS_ROWS = 1;
const DETAIL_ROWS = 3;

/** Lines of queues that there is room for, without the titles. */
export function queuesPage({ rows }: Area): number {
  return Math.max(1, rows - STATUS_ROWS - DETAIL_ROWS - 1);
}

export function QueuesView({ state, area }: { state: QueuesState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { failure } = state;
  const current = currentRow(state);
  return (
    <Box flexDirection="column">
      <Line {...line} spans={statusSpans(state, area)} />
      <Table
        rows={state.shown}
        columns={columnsOf(state, area)}
        cursor={state.cursor}
        area={{ ...area, rows: queuesPage(area) + 1 }}
      />
      {failure !== undefined
        ? <FailureLines failure={failure} area={{ ...area, rows: DETAIL_ROWS }} />
        : <HazardLines hazard={current?.hazard} area={{ ...area, rows: DETAIL_ROWS }} />}
    </Box>
  );
}

function statusSpans(state: QueuesState, { theme }: Area): Span[] {
  const { rows, shown, marked, filter, isFiltering, cluster, planning } = state;
  if (cluster === undefined) {
    return [span(state.failure === undefined ? ` Asking the broker${theme.glyphs.ellipsis}` : "")];
  }
  const counted = shown.length === rows.length
    ? plural(rows.length, "queue")
    : `${formatCount(shown.length)} of ${plural(rows.length, "queue")}`;
  const marks = marked.size === 0
    ? "none marked: all are meant"
    : `${formatCount(marked.size)} marked`;
  return [
    span(` ${counted}`),
    span(`, ${marks}`, marked.size === 0 ? "dim" : "accent"),
    ...isFiltering || filter !== ""
      ? [
        span(`   /${escapeText(filter)}`, "strong"),
        ...isFiltering ? [span(theme.style.unicode ? "▏" : "_", "accent")] : [],
      ]
      : [],
    ...planning ? [span(`   looking for hazards${theme.glyphs.ellipsis}`, "dim")] : [],
  ];
}

function columnsOf(state: QueuesState, { theme }: Area): TableColumn<QueueRow>[] {
  const { marked, unmarked } = theme.glyphs;
  const hasVhosts = state.rows.some(({ queue }) => queue.vhost !== state.rows[0]?.queue.vhost);
  const sorted = (sort: Sort) =>
    state.sort === sort
      ? { sorted: state.descending ? "descending" as const : "ascending" as const }
      : {};
  const figure = (value: number | undefined, text: (value: number) => string) =>
    value === undefined ? span("-", "dim") : span(text(value));
  return [
    {
      title: " ",
      width: 1,
      cell: ({ key }) => state.marked.has(key) ? span(marked, "accent") : span(unmarked, "dim"),
    },
    ...hasVhosts
      ? [{
        title: "VHOST",
        width: vhostWidth(state),
        rank: 2,
        cell: ({ queue }: QueueRow) => span(escapeText(queue.vhost), "dim"),
      }]
      : [],
    {
      title: "QUEUE",
      width: "fill",
      ...sorted("name"),
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
      ...sorted("messages"),
      cell: ({ queue }) => figure(queue.messagesReady, formatCount),
    },
    {
      title: "UNACKED",
      width: 9,
      align: "right",
      rank: 1,
      cell: ({ queue }) => figure(queue.messagesUnacknowledged, formatCount),
    },
    {
      title: "IN/S",
      width: 8,
      align: "right",
      rank: 4,
      ...sorted("rate"),
      cell: ({ queue }) => figure(queue.publishRate ?? 0, formatCount),
    },
    {
      title: "CONSUMERS",
      width: 10,
      align: "right",
      rank: 3,
      ...sorted("consumers"),
      cell: ({ queue }) => figure(queue.consumers, formatCount),
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

function vhostWidth({ rows }: QueuesState): number {
  return Math.min(16, Math.max(5, ...rows.map(({ queue }) => widthOf(escapeText(queue.vhost)))));
}
