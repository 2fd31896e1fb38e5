import { Box } from "ink";
import { escapeText, queueLabel } from "../../../src/console/text/escape.ts";
import {
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatSeconds,
} from "../../../src/console/text/format.ts";
import type { QueueDoneEvent, StatusEvent } from "../../../src/engine/events.ts";
import type { Area } from "../../app/screen.ts";
import { Line, type Span, span } from "../../components/line.tsx";
import { bar, sparkline } from "../../components/meter.ts";
import { Table } from "../../components/table.tsx";
import { TextLines } from "../../components/text_lines.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme, Tone } from "../../theme/theme.ts";
import {
  BACKUP_COLUMNS,
  figuresText,
  paceText,
  phaseText,
  totalFigures,
} from "./backup_figures.ts";
import { rowsOf, type RunRow, type RunState } from "./state.ts";

/** Lines above the list: bar, rates, step, blank. */
const HEAD_ROWS = 4;

/** Lines of the list that there is room for. */
export function runPage({ rows }: Area): number {
  return Math.max(1, rows - HEAD_ROWS - 1);
}

export function RunView(
  { state, area, stopping, working = "" }: {
    state: RunState;
    area: Area;
    stopping: string;
    /** What is done while queues are worked on. */
    working?: string;
  },
) {
  const isOver = state.phase === "done" || state.phase === "failed";
  // The result, in the words in which the command tells it.
  if (isOver) return <TextLines lines={state.lines} top={state.cursor.top} area={area} />;
  const rows = rowsOf(state);
  return (
    <Box flexDirection="column">
      <Totals state={state} area={area} stopping={stopping} working={working} />
      {rows.length > 0 && (
        <Table
          rows={rows}
          columns={columnsOf(state, area)}
          cursor={state.cursor}
          area={{ ...area, rows: runPage(area) + 1 }}
        />
      )}
    </Box>
  );
}

function Totals(
  { state, area, stopping, working }: {
    state: RunState;
    area: Area;
    stopping: string;
    working: string;
  },
) {
  const { theme, columns } = area;
  const { status, step, phase, warnings } = state;
  const line = { theme, columns };
  const pace = paceText(state);
  const told = phase === "stopping"
    ? `Stopping: ${stopping}`
    : pace ?? (isBackup(state) ? figuresText(totalFigures(rowsOf(state))) : step ?? working);
  const isChanged = phase === "stopping" || pace !== undefined;
  return (
    <>
      {status === undefined ? <Line {...line} spans={[]} /> : (
        <Box aria-role="progressbar">
          <Line {...line} spans={progressSpans(status, area)} spoken={spokenProgress(status)} />
        </Box>
      )}
      <Line
        {...line}
        spans={status === undefined ? [] : rateSpans(state, status, area)}
        {...status === undefined ? {} : { spoken: spokenRate(status) }}
      />
      <Line
        {...line}
        spans={[
          span(`  ${escapeText(told)}`, isChanged ? "attention" : "dim"),
          ...warnings.length === 0 ? [] : [
            span(
              `   ${theme.glyphs.attention} ${escapeText(warnings.at(-1)!.message)}`,
              "attention",
            ),
          ],
        ]}
      />
      <Line {...line} spans={[]} />
    </>
  );
}

function spokenProgress({ percentDone, messagesDone, messagesTotal }: StatusEvent): string {
  const messages = `${formatCount(messagesDone)} of ${formatCount(messagesTotal)} messages`;
  return `${formatPercent(percentDone)}, ${messages}`;
}

function spokenRate({ rateMessages, secondsRemaining, errorCount }: StatusEvent): string {
  const left = secondsRemaining === undefined ? "" : `, ${formatSeconds(secondsRemaining)} left`;
  const failed = errorCount === 0 ? "" : `, ${formatCount(errorCount)} failed`;
  return `${formatCount(rateMessages)} messages a second${left}${failed}`;
}

/** Below this width words are left out. */
const NARROW = 72;

function progressSpans(status: StatusEvent, { columns, theme }: Area): Span[] {
  const { percentDone, messagesDone, messagesTotal, queuesDone, queuesTotal } = status;
  const messages = `${formatCount(messagesDone)} of ${formatCount(messagesTotal)}`;
  const queues = [formatCount(queuesDone), formatCount(queuesTotal)];
  const text = columns < NARROW
    ? `  ${messages}  ${queues.join("/")} queues`
    : `  ${messages} messages   ${queues.join(" of ")} queues`;
  const width = Math.max(8, Math.min(40, columns - text.length - 12));
  return [
    span("  "),
    ...bar(percentDone, width, theme.glyphs),
    span(` ${formatPercent(percentDone).padStart(5)}`, "strong"),
    span(text),
  ];
}

function rateSpans(state: RunState, status: StatusEvent, { theme, columns }: Area): Span[] {
  const { rateMessages, rateBytes, secondsRemaining, secondsElapsed, errorCount } = status;
  const { rates } = state;
  const isNarrow = columns < NARROW;
  const left = isStoring(state)
    ? ", storing what was read"
    : secondsRemaining === undefined
    ? ""
    : `, about ${formatSeconds(secondsRemaining)} left`;
  const failed = `   ${theme.glyphs.failed} ${formatCount(errorCount)} failed`;
  return [
    span("  "),
    span(sparkline(rates, isNarrow ? 8 : 20, theme.glyphs), "accent"),
    span(` ${formatRate(rateMessages)}`, "strong"),
    ...isNarrow ? [] : [span(`  ${formatBytes(rateBytes)}/s`, "dim")],
    span(`   ${formatSeconds(secondsElapsed)}${left}`),
    ...errorCount === 0 ? [] : [span(failed, "bad")],
  ];
}

/** All is read, and not all is in the storage: the time that reading takes says nothing any more. */
function isStoring(state: RunState): boolean {
  const { status } = state;
  if (!isBackup(state) || status === undefined) return false;
  return status.messagesDone >= status.messagesTotal &&
    totalFigures(rowsOf(state)).stored < status.messagesDone;
}

/** Whether queues of a backup are worked on, or were. */
function isBackup(state: RunState): boolean {
  return state.status?.operation === "backup" && rowsOf(state).length > 0;
}

function columnsOf(state: RunState, { theme }: Area): readonly TableColumn<RunRow>[] {
  const about: TableColumn<RunRow>[] = [
    { title: "QUEUE", width: "fill", cell: (row) => span(nameOf(row)) },
    { title: "STATE", width: 15, cell: (row) => stateSpan(row, theme) },
  ];
  if (isBackup(state)) return [...about, ...BACKUP_COLUMNS];
  return [
    ...about,
    {
      title: "MESSAGES",
      width: 11,
      align: "right",
      cell: (row) => span(formatCount(messagesOf(row))),
    },
    {
      title: "SIZE",
      width: 9,
      align: "right",
      rank: 2,
      cell: (row) => span(formatBytes(bytesOf(row)), "dim"),
    },
  ];
}

const OUTCOMES: Readonly<Record<QueueDoneEvent["outcome"], readonly [string, Tone]>> = {
  ok: ["done", "good"],
  resumed: ["done before", "good"],
  skipped: ["left out", "attention"],
  failed: ["FAILED", "bad"],
};

function stateSpan(row: RunRow, { glyphs }: Theme): Span {
  if ("active" in row) return span(phaseText(row.active), "accent");
  const [word, tone] = OUTCOMES[row.ended.outcome];
  const sign = tone === "good" ? glyphs.ok : tone === "bad" ? glyphs.failed : "-";
  return span(`${sign} ${word}`, tone);
}

function nameOf(row: RunRow): string {
  const { vhost, queue, destination } = "active" in row ? row.active : row.ended;
  const name = queueLabel(vhost, queue);
  if (destination === undefined) return name;
  return `${name} -> ${queueLabel(destination.vhost, destination.queue)}`;
}

function messagesOf(row: RunRow): number {
  return "active" in row ? row.active.messagesDone : row.ended.messages;
}

function bytesOf(row: RunRow): number {
  return "active" in row ? row.active.bytesDone : row.ended.bytes;
}
