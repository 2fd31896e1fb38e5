import { Box } from "ink";
import { escapeLines } from "../../../src/console/text/escape.ts";
import { plural } from "../../../src/console/text/format.ts";
import type { Area as Examined, Finding } from "../../../src/engine/doctor/findings.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { findingSpans } from "../../components/finding.ts";
import { Line, type Span, span } from "../../components/line.tsx";
import { Paragraphs } from "../../components/paragraphs.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme } from "../../theme/theme.ts";
import type { DoctorState } from "./state.ts";

const STATUS_ROWS = 1;
const DETAIL_ROWS = 4;

/** Lines of findings that there is room for. */
export function doctorPage(area: Area): number {
  return pageOf(area, STATUS_ROWS + DETAIL_ROWS + TABLE_HEAD);
}

export function DoctorView({ state, area }: { state: DoctorState; area: Area }) {
  const { theme, columns } = area;
  const { findings, failure, cursor } = state;
  const current = findings[cursor.index];
  return (
    <Box flexDirection="column">
      <Line theme={theme} columns={columns} spans={statusSpans(state, theme)} />
      {failure !== undefined
        ? <FailureLines failure={failure} area={{ ...area, rows: area.rows - STATUS_ROWS }} />
        : (
          <>
            <Table
              rows={findings}
              columns={columnsOf(theme)}
              cursor={cursor}
              area={{ ...area, rows: doctorPage(area) + TABLE_HEAD }}
            />
            <Paragraphs
              parts={toldOf(current)}
              area={{ ...area, rows: DETAIL_ROWS }}
              indent={2}
            />
          </>
        )}
    </Box>
  );
}

/** All of a finding, and how to mend it. */
function toldOf(finding: Finding | undefined): Span[] {
  if (finding === undefined) return [];
  const { message, hint } = finding;
  return [message, ...hint === undefined ? [] : [`Hint: ${hint}`]]
    .map((text) => span(escapeLines(text)));
}

function statusSpans({ side, isRunning, findings, failure }: DoctorState, theme: Theme): Span[] {
  const { glyphs } = theme;
  const about = span(` A ${side} with this configuration`);
  if (isRunning) return [about, span(`: trying${glyphs.ellipsis}`, "dim")];
  if (failure !== undefined) return [about, span(`: ${glyphs.failed} cannot be tried`, "bad")];
  const count = (wanted: Finding["status"]) =>
    findings.filter(({ status }) => status === wanted).length;
  const failed = count("failed");
  const warnings = count("warning") === 0 ? "" : `, ${plural(count("warning"), "warning")}`;
  return failed > 0
    ? [about, span(` would FAIL: ${plural(failed, "problem")}${warnings}`, "bad")]
    : [about, span(` can run${warnings}`, warnings === "" ? "good" : "attention")];
}

const AREAS: Readonly<Record<Examined, string>> = {
  storage: "storage",
  source: "source",
  target: "target",
  machine: "here",
};

function columnsOf(theme: Theme): TableColumn<Finding>[] {
  return [
    { title: "WHERE", width: 7, cell: ({ area }) => span(AREAS[area], "dim") },
    { title: "", width: 2, cell: (finding) => findingSpans(finding, theme)[0]! },
    { title: "WHAT", width: "fill", cell: (finding) => findingSpans(finding, theme)[1]! },
  ];
}
