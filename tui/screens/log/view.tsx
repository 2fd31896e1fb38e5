import { Box } from "ink";
import { escapeLines, escapeText } from "../../../src/console/text/escape.ts";
import { formatCount, plural } from "../../../src/console/text/format.ts";
import type { LogEntry, LogKind } from "../../app/log_book.ts";
import type { Area } from "../../app/screen.ts";
import { Line, type Span, span } from "../../components/line.tsx";
import { currentRow } from "../../components/picker.ts";
import { Paragraphs } from "../../components/paragraphs.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import { caretOf } from "../../components/text_field.ts";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme, Tone } from "../../theme/theme.ts";
import type { LogRow, LogState } from "./state.ts";

const STATUS_ROWS = 1;
const DETAIL_ROWS = 4;

/** Lines of the log that there is room for. */
export function logPage(area: Area): number {
  return pageOf(area, STATUS_ROWS + DETAIL_ROWS + TABLE_HEAD);
}

export function LogView({ state, area }: { state: LogState; area: Area }) {
  const { theme, columns } = area;
  const current = currentRow(state)?.entry;
  return (
    <Box flexDirection="column">
      <Line theme={theme} columns={columns} spans={statusSpans(state, theme)} />
      <Table
        rows={state.shown}
        columns={columnsOf(theme)}
        cursor={state.cursor}
        area={{ ...area, rows: logPage(area) + TABLE_HEAD }}
      />
      <Paragraphs parts={toldOf(current)} area={{ ...area, rows: DETAIL_ROWS }} indent={2} />
    </Box>
  );
}

/** All of an entry, and what can be done. */
function toldOf(entry: LogEntry | undefined): Span[] {
  if (entry === undefined) return [];
  const { text, hint } = entry;
  return [text, ...hint === undefined ? [] : [`Hint: ${hint}`]]
    .map((part) => span(escapeLines(part)));
}

function statusSpans({ rows, shown, filter, isFiltering }: LogState, theme: Theme): Span[] {
  if (rows.length === 0) return [span(" Nothing has happened yet.", "dim")];
  const counted = shown.length === rows.length ? "" : `${formatCount(shown.length)} of `;
  return [
    span(` ${counted}${plural(rows.length, "line")}`),
    ...shown.length === 0 ? [span(": nothing matches", "attention")] : [],
    ...filter === "" && !isFiltering ? [] : [span(`   /${escapeText(filter)}`, "strong")],
    ...isFiltering ? [span(caretOf(theme), "accent")] : [],
  ];
}

const TONES: Readonly<Record<LogKind, Tone>> = {
  step: "dim",
  queue: "good",
  warning: "attention",
  failed: "bad",
  result: "strong",
};

function columnsOf({ glyphs }: Theme): TableColumn<LogRow>[] {
  const signs = { warning: glyphs.attention, failed: glyphs.failed, result: glyphs.cursor };
  return [
    {
      title: "TIME (UTC)",
      width: 10,
      cell: ({ entry: { at } }) => span(new Date(at).toISOString().slice(11, 19), "dim"),
    },
    {
      title: "KIND",
      width: 9,
      cell: ({ entry: { kind } }) => {
        const sign = kind === "step" || kind === "queue" ? "" : `${signs[kind]} `;
        return span(`${sign}${kind}`, TONES[kind]);
      },
    },
    { title: "WHAT", width: "fill", cell: ({ entry: { text } }) => span(escapeText(text)) },
  ];
}
