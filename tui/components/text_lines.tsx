import { Box, Text } from "ink";
import { widthOf } from "../../src/console/text/width.ts";
import type { MoveCommand } from "../app/keys.ts";
import type { Area } from "../app/screen.ts";
import { Line, span } from "./line.tsx";
import { moved } from "./list_cursor.ts";

/** Text that scrolls by whole lines, each of which is wrapped where it is too long. */
export function TextLines(
  { lines, top, area }: { lines: readonly string[]; top: number; area: Area },
) {
  const last = lastTextTop(lines, area);
  const from = Math.min(top, last);
  const text = roomOf(lines, area);
  return (
    <Box flexDirection="column" height={area.rows}>
      <Box flexDirection="column" paddingX={1} height={text.rows} overflow="hidden">
        {lines.slice(from, from + text.rows).map((line, index) => (
          <Box key={index} flexShrink={0}>
            <Text>{line || " "}</Text>
          </Box>
        ))}
      </Box>
      {last > 0 && <MoreLine isAbove={from > 0} isBelow={from < last} area={area} />}
    </Box>
  );
}

/** The last line where a text does not fit: in which directions there is more of it. */
export function MoreLine(
  { isAbove, isBelow, area: { theme, columns } }: {
    isAbove: boolean;
    isBelow: boolean;
    area: Area;
  },
) {
  const { up, down } = theme.glyphs;
  const told = isBelow ? `${down} more below` : `${up} more above`;
  const sign = isAbove && isBelow ? `${up}` : " ";
  return <Line theme={theme} columns={columns} spans={[span(` ${sign}${told}`, "dim")]} />;
}

/** The room of the lines themselves. */
function roomOf(lines: readonly string[], area: Area): Area {
  return lines.reduce((sum, line) => sum + rowsOf(line, area.columns), 0) <= area.rows
    ? area
    : { ...area, rows: area.rows - 1 };
}

/** The first line that is seen after a movement. */
export function scrolledTop(
  top: number,
  command: MoveCommand,
  { lines, area }: { lines: readonly string[]; area: Area },
): number {
  const last = lastTextTop(lines, area);
  const size = { count: last + 1, page: roomOf(lines, area).rows };
  return moved({ index: Math.min(top, last), top: 0 }, command, size).index;
}

/** How far it scrolls: until the last line is seen. */
function lastTextTop(lines: readonly string[], area: Area): number {
  const { columns, rows } = roomOf(lines, area);
  let used = 0;
  for (let at = lines.length - 1; at >= 0; at--) {
    used += rowsOf(lines[at]!, columns);
    if (used > rows) return at + 1;
  }
  return 0;
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(widthOf(line) / Math.max(1, columns - 2)));
}
