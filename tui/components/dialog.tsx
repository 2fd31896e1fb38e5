import { Box, Text } from "ink";
import type { Area } from "../app/screen.ts";
import { truncate } from "../../src/console/text/width.ts";

/** A question in the middle of the screen. */
export interface DialogText {
  readonly title: string;
  readonly lines: readonly string[];
  /** Buttons from left to right. */
  readonly choices: readonly string[];
  /** Which of them has the focus. */
  readonly focus: number;
}

/** A question, in place of the screen below it. */
export function Dialog({ text, area }: { text: DialogText; area: Area }) {
  const { theme } = area;
  const width = Math.min(area.columns - 4, 72);
  return (
    <Box width={area.columns} height={area.rows} alignItems="center" justifyContent="center">
      <Box
        flexDirection="column"
        width={width}
        paddingX={2}
        paddingY={area.rows > 16 ? 1 : 0}
        borderStyle={theme.glyphs.border}
        {...theme.style.color ? { borderColor: "yellow" } : {}}
      >
        <Text bold>{truncate(text.title, width - 6, theme.glyphs.ellipsis)}</Text>
        {text.lines.map((line, index) => <Text key={index}>{line === "" ? " " : line}</Text>)}
        <Box marginTop={1} gap={2}>
          {text.choices.map((choice, index) => (
            <Box key={choice} aria-role="button" aria-state={{ selected: index === text.focus }}>
              <Text
                {...index === text.focus ? theme.look("cursor") : {}}
                aria-label={choice}
              >
                {index === text.focus ? `[ ${choice} ]` : `  ${choice}  `}
              </Text>
            </Box>
          ))}
        </Box>
      </Box>
    </Box>
  );
}
