import { Box } from "ink";
import { shellWord } from "../../../src/console/resume_command.ts";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatCount, plural } from "../../../src/console/text/format.ts";
import { pad } from "../../../src/console/text/width.ts";
import { densityOf, type TimeSpan } from "../../../src/engine/stored/density.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { Paragraphs } from "../../components/paragraphs.tsx";
import { columnChart } from "../../components/meter.ts";
import { caretOf } from "../../components/text_field.ts";
import { type EdgeName, figuresOf, problemOf, type TimeField, type WindowState } from "./state.ts";
import { isoText } from "./window_text.ts";

/** Columns left and right of the timeline. */
const MARGIN = 2;
/** Lines above and below the columns: two texts, window, times, blank, two ends, and these: */
const OTHER_ROWS = 7;
/** What is typed, and what is to be said of it; else the figures. */
const BELOW_ROWS = 4;
const MOST_ROWS = 12;

/** Parts of the timeline that there is room for. */
export function partsOf({ columns }: Pick<Area, "columns">): number {
  return Math.max(10, columns - 2 * MARGIN);
}

/** Which time counts. */
const FIELD_LINES: Readonly<Record<TimeField, readonly string[]>> = {
  backed_up_at: [
    "Messages by when the backup read them;",
    "those of streams by when they were written",
  ],
  timestamp: [
    "Messages by their own timestamp, the property;",
    "those without one are left out, and streams cannot be chosen by it",
  ],
};

export function WindowView({ state, area }: { state: WindowState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { failure, entries, view } = state;
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (entries === undefined) {
    return <Line {...line} spans={[span(` Reading the manifest${theme.glyphs.ellipsis}`)]} />;
  }
  return (
    <Box flexDirection="column">
      {FIELD_LINES[state.field ?? "backed_up_at"].map((text) => (
        <Line {...line} key={text} spans={[span(`  ${text}`, "dim")]} />
      ))}
      {state.field === "timestamp"
        ? <Line {...line} spans={[]} />
        : view === undefined
        ? <Line {...line} spans={[span("  There are none.")]} />
        : <Timeline state={state} view={view} area={area} />}
      <Line {...line} spans={[]} />
      <Line {...line} spans={edgeSpans("start", state, area)} />
      <Line {...line} spans={edgeSpans("end", state, area)} />
      {state.typed !== undefined && <Line {...line} spans={typedSpans(state.typed, area)} />}
      {state.typed === undefined && problemOf(state) === undefined
        ? (
          <>
            <Line {...line} spans={[]} />
            <Line {...line} spans={figureSpans(state, area)} />
          </>
        )
        : (
          <Paragraphs
            parts={[toldSpan(state)]}
            area={{ ...area, rows: BELOW_ROWS - 1 }}
            indent={2}
          />
        )}
    </Box>
  );
}

function Timeline({ state, view, area }: { state: WindowState; view: TimeSpan; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const parts = partsOf(area);
  const segments = state.entries!.flatMap(({ segments }) => segments);
  const density = densityOf(segments, { ...view, parts });
  const rows = Math.max(1, Math.min(MOST_ROWS, area.rows - OTHER_ROWS - BELOW_ROWS));
  const inside = insideOf(state, { ...view, parts });
  const margin = span(" ".repeat(MARGIN));
  return (
    <>
      {columnChart(density, rows, theme.glyphs).map((text, index) => (
        <Line {...line} key={index} spans={[margin, ...toned(text, inside)]} />
      ))}
      <Line {...line} spans={[margin, ...windowSpans(inside, state, area)]} />
      <Line {...line} spans={[margin, ...timeSpans(view, parts)]} />
    </>
  );
}

/** The first and the last part of the timeline that are in the window; none: the first is larger. */
function insideOf(
  { start, end }: WindowState,
  { from, to, parts }: TimeSpan & { parts: number },
): { first: number; last: number } {
  const step = (to + 1 - from) / parts;
  const first = start === undefined ? 0 : Math.floor((start.at - from) / step);
  const last = end === undefined ? parts - 1 : Math.floor((end.at - from) / step);
  return { first: Math.max(0, first), last: Math.min(parts - 1, last) };
}

function toned(text: string, { first, last }: { first: number; last: number }): Span[] {
  const chars = [...text];
  if (first > last) return [span(text, "dim")];
  return [
    span(chars.slice(0, first).join(""), "dim"),
    span(chars.slice(first, last + 1).join(""), "accent"),
    span(chars.slice(last + 1).join(""), "dim"),
  ];
}

/** The window below the columns: `[======]`, or `<` and `>` where it goes on. */
function windowSpans(
  { first, last }: { first: number; last: number },
  { start, end, view }: WindowState,
  { theme: { glyphs } }: Area,
): Span[] {
  if (first > last) return [];
  const chars = Array.from({ length: last - first + 1 }, () => glyphs.rule);
  chars[0] = start === undefined || start.at < view!.from ? "<" : "[";
  chars[chars.length - 1] = end === undefined || end.at > view!.to ? ">" : "]";
  return [span(" ".repeat(first)), span(chars.join(""), "accent")];
}

/** The times at both ends of the timeline. */
function timeSpans({ from, to }: TimeSpan, parts: number): Span[] {
  const [left, right] = [timeText(from), timeText(to)];
  return [span(left + pad(right, parts - left.length, "right"), "dim")];
}

function edgeSpans(name: EdgeName, state: WindowState, { theme }: Area): Span[] {
  const edge = state[name];
  const isMoved = state.edge === name && state.typed === undefined;
  const label = pad(name === "start" ? "From" : "To", 6);
  const sign = isMoved ? `${theme.glyphs.cursor} ` : "  ";
  if (edge === undefined) {
    return [span(sign, "accent"), span(label, isMoved ? "strong" : "dim"), span("open", "dim")];
  }
  const flag = `--time-window-${name}=${escapeText(shellWord(isoText(edge.at)))}`;
  return [
    span(sign, "accent"),
    span(label, isMoved ? "strong" : "dim"),
    span(timeText(edge.at), "accent"),
    span(`  ${flag}`, "dim"),
  ];
}

function typedSpans(typed: string, { theme }: Area): Span[] {
  return [
    span("  Time  ", "strong"),
    span(escapeText(typed), "accent"),
    span(caretOf(theme), "accent"),
  ];
}

/** What is wrong with the window, or how one is typed. */
function toldSpan(state: WindowState): Span {
  const problem = problemOf(state);
  if (problem !== undefined) return span(escapeText(problem), "bad");
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return span(
    "from .. to, such as -2h .. now, or today 13:40 ..; a time of a day without a zone is in that " +
      `of this machine, ${timeZone}: add Z for UTC`,
    "dim",
  );
}

function figureSpans(state: WindowState, { theme }: Area): Span[] {
  const { atLeast, atMost, total } = figuresOf(state);
  if (state.field === "timestamp" && (state.start ?? state.end) !== undefined) {
    return [
      span(`  Not known beforehand how many of ${plural(total, "message")} these are`, "strong"),
    ];
  }
  const range = atLeast === atMost
    ? formatCount(atMost)
    : `${formatCount(atLeast)} to ${formatCount(atMost)}`;
  const sign = atMost === 0 ? `${theme.glyphs.attention} ` : "";
  return [span(`  ${sign}${range} of ${plural(total, "message")}`, "strong")];
}

/** With milliseconds where there are some: many messages are read in a second. */
function timeText(epochMs: number): string {
  return isoText(epochMs).replace("T", " ").replace("Z", " UTC");
}
