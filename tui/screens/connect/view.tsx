import { Box } from "ink";
import { escapeLines, escapeText } from "../../../src/console/text/escape.ts";
import { pad } from "../../../src/console/text/width.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { findingSpans } from "../../components/finding.ts";
import { Line, span } from "../../components/line.tsx";
import { Paragraphs } from "../../components/paragraphs.tsx";
import { caretOf } from "../../components/text_field.ts";
import type { Places } from "../start/state.ts";
import { type ConnectState, FIELDS, PARTS, worstOf } from "./state.ts";

const LABEL_WIDTH = 16;

export function ConnectView(
  { state, places, area }: { state: ConnectState; places: Places; area: Area },
) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { about } = FIELDS[state.focus]!;
  return (
    <Box flexDirection="column">
      <Line {...line} spans={[]} />
      {FIELDS.map(({ name, label }, index) => {
        const hasFocus = index === state.focus;
        return (
          <Box key={name} aria-role="textbox" aria-state={{ selected: hasFocus }}>
            <Line
              {...line}
              spans={[
                span(hasFocus ? ` ${theme.glyphs.cursor} ` : "   ", "accent"),
                span(pad(label, LABEL_WIDTH), hasFocus ? "strong" : "dim"),
                ...valueSpans(name, state, places),
                ...hasFocus ? [span(caretOf(theme), "accent")] : [],
              ]}
              spoken={`${label}: ${
                valueSpans(name, state, places).map(({ text }) => text).join("")
              }`}
            />
          </Box>
        );
      })}
      <Line {...line} spans={[span(`${" ".repeat(LABEL_WIDTH + 3)}${about}`, "dim")]} />
      {state.test !== "none" && <Trial state={state} area={area} />}
    </Box>
  );
}

function valueSpans(
  name: (typeof FIELDS)[number]["name"],
  { values }: ConnectState,
  places: Places,
) {
  const value = values[name];
  if (name === "password") return [span("*".repeat(Math.min(value.length, 8)))];
  const { login, storage } = places;
  const known = {
    host: places.source ?? (login === undefined ? undefined : places.target),
    // A broker that was typed has a user of its own.
    user: values.host === "" ? login?.user : undefined,
    management: values.host === "" ? login?.management : undefined,
    storage,
  }[name];
  if (value === "" && known !== undefined) return [span(`${escapeText(known)}, as it is`, "dim")];
  return [span(escapeText(value))];
}

/** What came of trying it: a line for each part, and the way out of what fails first. */
function Trial({ state, area }: { state: ConnectState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { findings, failure, test } = state;
  if (failure !== undefined) return <FailureLines failure={failure} area={{ ...area, rows: 5 }} />;
  const shown = PARTS.flatMap(({ has }) => findings.filter(has));
  const worst = worstOf(shown.filter(({ status }) => status !== "ok"));
  return (
    <>
      {PARTS.map(({ name, has }) => {
        const finding = worstOf(findings.filter(has));
        const label = span(`   ${pad(name, LABEL_WIDTH)}`, "dim");
        const told = finding === undefined
          ? [span(test === "running" ? `trying${theme.glyphs.ellipsis}` : "not tried", "dim")]
          : findingSpans(finding, theme);
        return <Line {...line} key={name} spans={[label, ...told]} />;
      })}
      {worst?.hint !== undefined && (
        <Paragraphs
          parts={[span(`Hint: ${escapeLines(worst.hint)}`)]}
          area={{ ...area, rows: 3 }}
          indent={3}
        />
      )}
    </>
  );
}
