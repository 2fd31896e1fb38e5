import { Box, Text } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import type { Area } from "../../app/screen.ts";
import { caretOf } from "../../components/text_field.ts";
import type { ConfirmState } from "./state.ts";

const WIDTH = 72;

export function ConfirmView(
  { state, target, lines, button: label, area }: {
    state: ConfirmState;
    target: string;
    lines: readonly string[];
    button: string;
    area: Area;
  },
) {
  const { theme, columns, rows } = area;
  const { typed, focus, isWrong } = state;
  const hint = focus === "confirm"
    ? "Enter presses the button."
    : typed.trim() === target
    ? "Enter or Tab goes to the other button, which does it."
    : "Then Enter or Tab goes to the other button.";
  const button = (name: ConfirmState["focus"], label: string) => (
    <Text {...focus === name ? theme.look("cursor") : {}}>
      {focus === name ? `[ ${label} ]` : `  ${label}  `}
    </Text>
  );
  return (
    <Box width={columns} height={rows} alignItems="center" justifyContent="center">
      <Box
        flexDirection="column"
        width={Math.min(WIDTH, columns - 4)}
        paddingX={2}
        borderStyle={theme.glyphs.border}
        {...theme.style.color ? { borderColor: "yellow" } : {}}
      >
        {lines.map((line, index) => <Text key={index}>{escapeText(line)}</Text>)}
        <Box marginTop={1}>
          <Text>
            Type <Text bold>{escapeText(target)}</Text> to confirm:
          </Text>
        </Box>
        <Text {...theme.look("accent")}>
          {theme.glyphs.cursor} {escapeText(typed)}
          {caretOf(theme)}
        </Text>
        <Text {...theme.look(isWrong ? "bad" : undefined)}>
          {isWrong ? "That is not its name; nothing was written." : hint}
        </Text>
        <Box gap={2}>
          {button("cancel", "Cancel")}
          {button("confirm", label)}
        </Box>
      </Box>
    </Box>
  );
}
