import { Box } from "ink";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import { escapeText, queueLabel } from "../../../src/console/text/escape.ts";
import { formatBytes, formatCount, formatTime, plural } from "../../../src/console/text/format.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { visible } from "../../components/list_cursor.ts";
import { pageOf } from "../../components/picker_keys.ts";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import { caretOf } from "../../components/text_field.ts";
import type { Theme } from "../../theme/theme.ts";
import { countOf, messageAt, type MessagesState, MOST_FOUND } from "./state.ts";

/** Lines above the list: the queue, the search. */
const HEAD_ROWS = 2;

/** Lines of messages that there is room for. */
export function messagesPage(area: Area): number {
  return pageOf(area, HEAD_ROWS + TABLE_HEAD);
}

/** A line of the list; what is not read yet has nothing but its number. */
type Row = { readonly number: number } | StoredMessage;

export function MessagesView(
  { state, queue, area }: {
    state: MessagesState;
    queue: { readonly vhost: string; readonly name: string };
    area: Area;
  },
) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { failure, cursor } = state;
  const size = { count: countOf(state), page: messagesPage(area) };
  const { from, to } = visible(cursor, size);
  const rows: Row[] = Array.from(
    { length: Math.max(0, to - from) },
    (_, offset) => messageAt(state, from + offset) ?? { number: from + offset + 1 },
  );
  return (
    <Box flexDirection="column">
      <Line
        {...line}
        spans={[
          span(` ${queueLabel(queue.vhost, queue.name)}`, "strong"),
          span(totalText(state, theme), "dim"),
        ]}
      />
      <Line {...line} spans={searchSpans(state, theme)} />
      {failure !== undefined
        ? <FailureLines failure={failure} area={{ ...area, rows: area.rows - HEAD_ROWS }} />
        : (
          <Table
            rows={rows}
            columns={columnsOf(rows, theme)}
            cursor={{ index: cursor.index - from, top: 0 }}
            area={{ ...area, rows: size.page + TABLE_HEAD }}
          />
        )}
    </Box>
  );
}

function totalText({ total, failure }: MessagesState, { glyphs }: Theme): string {
  if (total !== undefined) return `  ${plural(total, "message")}`;
  return failure === undefined ? `  Opening it${glyphs.ellipsis}` : "";
}

function searchSpans(state: MessagesState, theme: Theme): Span[] {
  const { typed, search, total = 0 } = state;
  if (typed !== undefined) {
    return [
      span(` Search: ${escapeText(typed)}`, "strong"),
      span(caretOf(theme), "accent"),
      span("  in bodies, headers, properties, routing keys", "dim"),
    ];
  }
  if (search === undefined) return [];
  const { text, found, looked, isDone } = search;
  const isFull = found.length === MOST_FOUND;
  const far = isDone && !isFull
    ? `in ${plural(total, "message")}`
    : `so far, in ${formatCount(looked)} of ${plural(total, "message")}`;
  return [
    span(` ${formatCount(found.length)} found`, "strong"),
    span(` ${far}`),
    ...isFull ? [span(", no more are shown", "attention")] : [],
    span(`  "${escapeText(text)}"`, "accent"),
  ];
}

/** Of AMQP 0-9-1 and of 1.0. */
const TIMESTAMPS = new Set(["timestamp", "creation-time"]);

/** When a program set it to have been made, as a property. */
function timestampOf(row: Row): string | undefined {
  if (!("body" in row)) return undefined;
  const { properties } = row.details();
  const value = properties.find(({ name }) => TIMESTAMPS.has(name))?.value;
  const epochMs = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(epochMs) ? undefined : formatTime(epochMs);
}

function columnsOf(rows: readonly Row[], { glyphs }: Theme): TableColumn<Row>[] {
  const isStream = rows.some((row) => "body" in row && row.offset !== undefined);
  const hasTimestamps = rows.some((row) => timestampOf(row) !== undefined);
  const known = (row: Row, text: (message: StoredMessage) => string, tone?: "dim") =>
    "body" in row ? span(text(row), tone) : span(glyphs.ellipsis, "dim");
  return [
    {
      title: "#",
      width: 11,
      align: "right",
      cell: ({ number }) => span(formatCount(number)),
    },
    {
      title: isStream ? "WRITTEN" : "READ",
      width: 23,
      rank: 2,
      cell: (row) => known(row, ({ time }) => formatTime(time), "dim"),
    },
    ...hasTimestamps
      ? [{
        title: "TIMESTAMP",
        width: 23,
        rank: 1,
        cell: (row: Row) => known(row, () => timestampOf(row) ?? "", "dim"),
      }]
      : [],
    {
      title: "ROUTING KEY",
      width: "fill",
      cell: (row) => known(row, ({ routingKey }) => escapeText(routingKey)),
    },
    {
      title: "SIZE",
      width: 8,
      align: "right",
      cell: (row) => known(row, ({ bodySize }) => formatBytes(bodySize)),
    },
  ];
}
