import { Text } from "ink";
import { pad, truncate, widthOf } from "../../src/console/text/width.ts";
import type { Theme, Tone } from "../theme/theme.ts";

/** A piece of a line. Text from outside must have been escaped. */
export interface Span {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

/** A short way to write a span. */
export function span(text: string, tone?: Tone): Span {
  return { text, tone };
}

/** Spans as one line of exactly so many columns: cut, or followed by blanks. */
export function fitted(spans: readonly Span[], columns: number, ellipsis: string): Span[] {
  const kept: Span[] = [];
  let room = columns;
  for (const one of spans) {
    const text = truncate(one.text, room, ellipsis);
    kept.push({ ...one, text });
    room -= widthOf(text);
    if (text !== one.text || room <= 0) break;
  }
  return joined(room > 0 ? [...kept, span(pad("", room))] : kept);
}

/** Neighbours that look alike as one: what is drawn costs by the piece. */
function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const one of spans) {
    const last = result.at(-1);
    // Blanks have no looks, but for inverse ones, which a whole line is.
    if (last !== undefined && (last.tone === one.tone || one.text.trim() === "")) {
      result[result.length - 1] = { ...last, text: last.text + one.text };
    } else result.push(one);
  }
  return result;
}

/** One line of spans. */
export function Line(
  { spans, theme, columns, isCursor = false, spoken }: {
    spans: readonly Span[];
    theme: Theme;
    columns: number;
    isCursor?: boolean;
    /** What a screen reader says in its place. */
    spoken?: string;
  },
) {
  const label = spoken === undefined ? {} : { "aria-label": spoken };
  const shown = fitted(spans, columns, theme.glyphs.ellipsis);
  if (isCursor) {
    // Colours on an inverse line would be hard to read.
    return (
      <Text wrap="truncate" {...theme.look("cursor")} {...label}>
        {shown.map(({ text }) => text).join("")}
      </Text>
    );
  }
  return (
    <Text wrap="truncate" {...label}>
      {shown.map(({ text, tone }, index) => <Text key={index} {...theme.look(tone)}>{text}</Text>)}
    </Text>
  );
}

/** A line that only parts others; nothing of it is said by a screen reader. */
export function Rule({ theme, columns }: { theme: Theme; columns: number }) {
  return (
    <Text wrap="truncate" aria-hidden {...theme.look("dim")}>
      {theme.glyphs.rule.repeat(columns)}
    </Text>
  );
}
