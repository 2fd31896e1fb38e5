import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatAge, formatTime } from "../../../src/console/text/format.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, span } from "../../components/line.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme } from "../../theme/theme.ts";
import { comparedWords, type DefinitionsSide, type DefinitionsState } from "./state.ts";

const DETAIL_ROWS = 3;

/** Lines of the list that there is room for. */
export function definitionsPage(area: Area): number {
  return pageOf(area, DETAIL_ROWS + TABLE_HEAD);
}

export function DefinitionsView(
  { state, area, now }: { state: DefinitionsState; area: Area; now: Date },
) {
  const { theme, columns } = area;
  const { sides, failure, cursor } = state;
  const line = { theme, columns };
  if (sides === undefined) {
    return <Line {...line} spans={[span(` Reading the storage${theme.glyphs.ellipsis}`)]} />;
  }
  const words = comparedWords(state);
  const told = words === undefined
    ? "  Choose a backup to compare it with the broker."
    : `  Enter compares ${words.map(escapeText).join(" with ")}.`;
  return (
    <Box flexDirection="column">
      <Table
        rows={sides}
        columns={columnsOf(state, { theme, now })}
        cursor={cursor}
        area={{ ...area, rows: definitionsPage(area) + TABLE_HEAD }}
      />
      {failure === undefined
        ? <Line {...line} spans={[span(told, "dim")]} />
        : <FailureLines failure={failure} area={{ ...area, rows: DETAIL_ROWS }} />}
    </Box>
  );
}

function columnsOf(
  { marked }: DefinitionsState,
  { theme: { glyphs }, now }: { theme: Theme; now: Date },
): TableColumn<DefinitionsSide>[] {
  const since = (at: number | null | undefined) =>
    at === null || at === undefined ? "" : formatAge((now.getTime() - at) / 1000);
  return [
    {
      title: " ",
      width: 1,
      cell: ({ word }) =>
        word === marked ? span(glyphs.marked, "accent") : span(glyphs.unmarked, "dim"),
      spoken: ({ word }) => word === marked ? "marked" : "",
    },
    {
      title: "DEFINITIONS OF",
      width: "fill",
      cell: ({ word, backup }) =>
        backup === undefined ? span("the broker, as it is now", "strong") : span(escapeText(word)),
    },
    {
      title: "TAKEN",
      width: 23,
      rank: 1,
      cell: ({ backup }) => span(backup?.createdAt ? formatTime(backup.createdAt) : "", "dim"),
    },
    {
      title: "AGE",
      width: 7,
      align: "right",
      cell: ({ backup }) => span(since(backup?.createdAt), "dim"),
    },
  ];
}
