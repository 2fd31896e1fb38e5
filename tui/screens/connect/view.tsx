import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { pad } from "../../../src/console/text/width.ts";
import type { Area } from "../../app/screen.ts";
import { Line, span } from "../../components/line.tsx";
import { type ConnectState, FIELDS } from "./state.ts";

const LABEL_WIDTH = 12;

export function ConnectView({ state, area }: { state: ConnectState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const caret = theme.style.unicode ? "▏" : "_";
  return (
    <Box flexDirection="column">
      <Line {...line} spans={[]} />
      {FIELDS.map(({ name, label, about }, index) => {
        const hasFocus = index === state.focus;
        const value = state.values[name];
        const shown = name === "password"
          ? "*".repeat(Math.min(value.length, 8))
          : escapeText(value);
        return (
          <Box key={name} flexDirection="column">
            <Line
              {...line}
              spans={[
                span(hasFocus ? ` ${theme.glyphs.cursor} ` : "   ", "accent"),
                span(pad(label, LABEL_WIDTH), hasFocus ? "strong" : "dim"),
                span(shown, hasFocus ? "accent" : undefined),
                ...hasFocus ? [span(caret, "accent")] : [],
              ]}
            />
            <Line
              {...line}
              spans={[span(`${" ".repeat(LABEL_WIDTH + 3)}${hasFocus ? about : ""}`, "dim")]}
            />
          </Box>
        );
      })}
    </Box>
  );
}
