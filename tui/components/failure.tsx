import { Box, Text } from "ink";
import { escapeLines } from "../../src/console/text/escape.ts";
import type { Failure } from "../app/failure.ts";
import type { Area } from "../app/screen.ts";

/** What went wrong, and the way out. */
export function FailureLines({ failure, area }: { failure: Failure; area: Area }) {
  const { theme } = area;
  return (
    <Box flexDirection="column" height={area.rows} paddingX={1} overflow="hidden">
      <Text {...theme.look("bad")}>
        {theme.glyphs.failed} {escapeLines(failure.message)}
      </Text>
      {failure.hint !== undefined && <Text>Hint: {escapeLines(failure.hint)}</Text>}
    </Box>
  );
}
