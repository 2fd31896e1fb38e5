import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatBytes, formatCount, formatTime, plural } from "../../../src/console/text/format.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { HazardLines } from "../../components/hazard_lines.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { currentRow } from "../../components/picker.ts";
import { pageOf } from "../../components/picker_keys.ts";
import { markColumn, pickerStatus, sortedBy } from "../../components/picker_status.tsx";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import { type ContentsState, type EntryRow, ORDER } from "./state.ts";

/** Lines above the list: the backup, its source, the marks. */
const HEAD_ROWS = 3;
const DETAIL_ROWS = 3;

/** Lines of queues that there is room for. */
export function contentsPage(area: Area): number {
  return pageOf(area, HEAD_ROWS + DETAIL_ROWS + TABLE_HEAD);
}

export function ContentsView({ state, area }: { state: ContentsState; area: Area }) {
  const { theme, columns } = area;
  const { manifest, failure, picker } = state;
  const line = { theme, columns };
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (manifest === undefined) {
    return <Line {...line} spans={[span(` Reading the backup${theme.glyphs.ellipsis}`)]} />;
  }
  return (
    <Box flexDirection="column">
      <Line {...line} spans={takenSpans(manifest)} />
      <Line {...line} spans={sizeSpans(manifest)} />
      <Line {...line} spans={pickerStatus(picker, { noun: "queue", theme })} />
      <Table
        rows={picker.shown}
        columns={columnsOf(state, area)}
        cursor={picker.cursor}
        area={{ ...area, rows: contentsPage(area) + TABLE_HEAD }}
      />
      <HazardLines
        hazard={partOf(currentRow(picker))}
        area={{ ...area, rows: DETAIL_ROWS }}
      />
    </Box>
  );
}

function takenSpans({ created_at, source_cluster, rabbitmq_version }: Manifest): Span[] {
  const version = rabbitmq_version === null ? "" : `  RabbitMQ ${escapeText(rabbitmq_version)}`;
  return [
    span(` Taken ${formatTime(created_at)}`),
    span(` from ${escapeText(source_cluster ?? "an unknown cluster")}${version}`, "dim"),
  ];
}

function sizeSpans({ total_messages, total_bytes, state, skipped, definitions }: Manifest): Span[] {
  const parts = [
    plural(total_messages, "message"),
    `${formatBytes(total_bytes)} stored`,
    definitions === null ? "without definitions" : "with definitions",
  ];
  const missing = skipped.length === 0 ? "" : `: ${plural(skipped.length, "queue")} not in it`;
  return [
    span(` ${parts.join(", ")}`, "dim"),
    ...state === "complete" ? [] : [span(`   PARTIAL${missing}`, "attention")],
  ];
}

function partOf(row: EntryRow | undefined): { reason: string } | undefined {
  const reason = row?.entry.partial;
  return reason === undefined ? undefined : { reason: `Only in part: ${reason}` };
}

function columnsOf({ picker }: ContentsState, { theme }: Area): TableColumn<EntryRow>[] {
  const { rows } = picker;
  const hasVhosts = rows.some(({ entry }) => entry.vhost !== "/");
  const sorted = (order: keyof typeof ORDER) => sortedBy(picker, ORDER[order]);
  return [
    markColumn(picker, theme),
    ...hasVhosts
      ? [{
        title: "VHOST",
        width: 12,
        rank: 5,
        cell: ({ entry }: EntryRow) => span(escapeText(entry.vhost), "dim"),
      }]
      : [],
    {
      title: "QUEUE",
      width: "fill",
      ...sorted("name"),
      cell: ({ entry }) => span(escapeText(entry.name)),
    },
    {
      title: "TYPE",
      width: 7,
      rank: 1,
      ...sorted("type"),
      cell: ({ entry }) => span(escapeText(entry.queue_type), "dim"),
    },
    {
      title: "MESSAGES",
      width: 11,
      align: "right",
      ...sorted("messages"),
      cell: ({ entry }) => span(formatCount(entry.message_count)),
    },
    {
      title: "SIZE",
      width: 9,
      align: "right",
      rank: 3,
      ...sorted("size"),
      cell: ({ entry }) => span(formatBytes(entry.body_bytes), "dim"),
    },
    {
      title: "WHOLE",
      width: 7,
      rank: 4,
      cell: ({ entry }) =>
        entry.partial === undefined
          ? span(theme.glyphs.ok, "good")
          : span(`${theme.glyphs.attention} part`, "attention"),
    },
  ];
}
