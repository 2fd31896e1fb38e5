import assert from "node:assert/strict";
import { renderToString } from "ink";
import { widthOf } from "../../src/console/text/width.ts";
import { themeOf } from "../theme/theme.ts";
import { FailureLines } from "./failure.tsx";

const theme = themeOf({ color: false, unicode: true });
const words = (word: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${word}${at}`).join(" ");

/** A failure of 40 and 20 words, in a room. */
function seen(columns: number, rows: number): string {
  const failure = { message: words("message", 40), hint: words("hint", 20) };
  const area = { columns, rows, theme };
  return renderToString(<FailureLines failure={failure} area={area} />, { columns });
}

Deno.test("text that there is no room for is cut at its end, and nothing is drawn over", () => {
  const all = `✖ ${words("message", 40)} Hint: ${words("hint", 20)}`;
  for (const [columns, rows] of [[100, 4], [100, 30], [60, 3], [60, 1]] as const) {
    const lines = seen(columns, rows).split("\n").map((line) => line.trim());
    assert.ok(lines.length <= rows);
    for (const line of lines) assert.ok(widthOf(line) <= columns, line);
    const text = lines.join(" ").trim();
    if (rows === 30) assert.equal(text, all);
    else assert.ok(text.endsWith(" …") && all.startsWith(text.slice(0, -2)), text);
  }
});
