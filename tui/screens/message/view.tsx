import { Box } from "ink";
import { messageFields, shownBody } from "../../../src/console/text/message_text.ts";
import { pad, widthOf, wrapText } from "../../../src/console/text/width.ts";
import type { StoredMessage } from "../../../src/engine/inspect/stored_message.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import type { MessageState } from "./state.ts";

/** Lines that there is room for. */
export function messagePage({ rows }: Area): number {
  return rows;
}

export function MessageView({ state, area }: { state: MessageState; area: Area }) {
  const { theme, columns, rows } = area;
  const line = { theme, columns };
  const { failure, message, top } = state;
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (message === undefined) {
    return <Line {...line} spans={[span(` Reading the message${theme.glyphs.ellipsis}`)]} />;
  }
  const lines = linesOf(state, area);
  const from = Math.min(top, Math.max(0, lines.length - rows));
  return (
    <Box flexDirection="column">
      {lines.slice(from, from + rows).map((spans, index) => (
        <Line {...line} key={index} spans={spans} />
      ))}
    </Box>
  );
}

/** All lines of the message, in the width that there is. */
export function linesOf({ message, form }: MessageState, area: Area): Span[][] {
  if (message === undefined) return [];
  const { form: shown, lines, note } = shownBody(message, form);
  const told = [`as ${shown}`, ...note === undefined ? [] : [note]].join(", ");
  const width = area.columns - 2;
  return [
    ...fieldLines(message, area),
    [],
    [span(` Body`, "strong"), span(` ${told}`, "dim")],
    ...lines.flatMap((line) => wrapText(line, width)).map((line) => [span(` ${line}`)]),
  ];
}

/** Names as wide as the longest of them, as long as that leaves room for values. */
function fieldLines(message: StoredMessage, { columns }: Area): Span[][] {
  const fields = messageFields(message);
  const longest = Math.max(...fields.map(([name]) => widthOf(name)));
  const width = Math.min(longest, Math.floor(columns / 2));
  return fields.flatMap(([name, value]) => {
    const lines = wrapText(value, Math.max(8, columns - width - 5));
    const names = wrapText(name, width);
    const count = Math.max(lines.length, names.length);
    return Array.from({ length: count }, (_, index) => [
      span(` ${pad(names[index] ?? "", width)}`, "dim"),
      span(`  ${lines[index] ?? ""}`),
    ]);
  });
}
