import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { plural } from "../../../src/console/text/format.ts";
import { pad } from "../../../src/console/text/width.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { caretOf } from "../../components/text_field.ts";
import { TARGET_FIELDS, type TargetState } from "./state.ts";

const LABEL_WIDTH = 12;
/** Lines above the answer: two blanks, the fields, what the one in focus is. */
const FORM_ROWS = TARGET_FIELDS.length + 3;

export function TargetView({ state, area }: { state: TargetState; area: Area }) {
  const { theme, columns, rows } = area;
  const line = { theme, columns };
  const { test } = state;
  return (
    <Box flexDirection="column">
      <Line {...line} spans={[]} />
      {TARGET_FIELDS.map((field, index) => (
        <Line {...line} key={field.name} spans={fieldSpans(field, { index, state, area })} />
      ))}
      <Line
        {...line}
        spans={[span(`${" ".repeat(LABEL_WIDTH + 3)}${TARGET_FIELDS[state.focus]!.about}`, "dim")]}
      />
      <Line {...line} spans={[]} />
      {test.state === "failed"
        ? <FailureLines failure={test.failure} area={{ ...area, rows: rows - FORM_ROWS }} />
        : <Line {...line} spans={answerSpans(state, area)} />}
    </Box>
  );
}

function fieldSpans(
  { name, label }: (typeof TARGET_FIELDS)[number],
  { index, state, area: { theme } }: { index: number; state: TargetState; area: Area },
): Span[] {
  const hasFocus = index === state.focus;
  const value = state.values[name];
  const shown = name === "password" ? "*".repeat(Math.min(value.length, 8)) : escapeText(value);
  return [
    span(hasFocus ? ` ${theme.glyphs.cursor} ` : "   ", "accent"),
    span(pad(label, LABEL_WIDTH), hasFocus ? "strong" : "dim"),
    span(shown, hasFocus ? "accent" : undefined),
    ...hasFocus ? [span(caretOf(theme), "accent")] : [],
  ];
}

function answerSpans({ test, values }: TargetState, { theme: { glyphs } }: Area): Span[] {
  if (test.state === "asking") return [span(` Asking it${glyphs.ellipsis}`)];
  if (test.state !== "there") {
    const isNone = values.host.trim() === "";
    return [span(isNone ? " The target as it is configured" : " Not tried yet", "dim")];
  }
  const { cluster, version, queues, messages } = test.answer;
  return [
    span(` ${glyphs.ok} `, "good"),
    span(`RabbitMQ ${escapeText(version)}, ${plural(queues, "queue")}`),
    span(`, ${plural(messages, "message")}, cluster ${escapeText(cluster)}`, "dim"),
  ];
}
