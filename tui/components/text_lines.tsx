import { Box, Text } from "ink";
import { widthOf } from "../../src/console/text/width.ts";
import type { MoveCommand } from "../app/keys.ts";
import type { Area } from "../app/screen.ts";
import { moved } from "./list_cursor.ts";

/** Text that scrolls by whole lines, each of which is wrapped where it is too long. */
export function TextLines(
  { lines, top, area }: { lines: readonly string[]; top: number; area: Area },
) {
  const from = Math.min(top, lastTextTop(lines, area));
  return (
    <Box flexDirection="column" paddingX={1} height={area.rows} overflow="hidden">
      {lines.slice(from, from + area.rows).map((line, index) => (
        <Box key={index} flexShrink={0}>
          <Text>{line || " "}</Text>
        </Box>
      ))}
    </Box>
  );
}

/** The first line that is seen after a movement. */
export function scrolledTop(
  top: number,
  command: MoveCommand,
  { lines, area }: { lines: readonly string[]; area: Area },
): number {
  const last = lastTextTop(lines, area);
  const size = { count: last + 1, page: area.rows };
  return moved({ index: Math.min(top, last), top: 0 }, command, size).index;
}

/** How far it scrolls: until the last line is seen. */
function lastTextTop(lines: readonly string[], { columns, rows }: Area): number {
  const room = Math.max(1, columns - 2);
  let used = 0;
  for (let at = lines.length - 1; at >= 0; at--) {
    used += Math.max(1, Math.ceil(widthOf(lines[at]!) / room));
    if (used > rows) return at + 1;
  }
  return 0;
}
