import { Box } from "ink";
import { truncate, wrapText } from "../../src/console/text/width.ts";
import type { Area } from "../app/screen.ts";
import { Line, type Span, span } from "./line.tsx";

/**
 * Text from top to bottom, each part from a line of its own on, wrapped at words. What there is no
 * room for is cut, with a sign that there is more; left to itself, Ink would draw lines over each other.
 */
export function Paragraphs(
  { parts, area, indent = 1 }: { parts: readonly Span[]; area: Area; indent?: number },
) {
  const { theme, columns, rows } = area;
  const { ellipsis } = theme.glyphs;
  const width = Math.max(8, columns - 2 * indent);
  const lines = parts.flatMap(({ text, tone }) =>
    text.split("\n").flatMap((line) => wrapText(line, width)).map((line) => span(line, tone))
  );
  const shown = lines.slice(0, rows);
  const last = shown.at(-1);
  if (last !== undefined && lines.length > rows) {
    shown[rows - 1] = { ...last, text: `${truncate(last.text, width - 4, "")} ${ellipsis}` };
  }
  return (
    <Box flexDirection="column" height={rows} flexShrink={0}>
      {shown.map((one, index) => (
        <Line
          key={index}
          theme={theme}
          columns={columns}
          spans={[span(" ".repeat(indent)), one]}
        />
      ))}
    </Box>
  );
}
