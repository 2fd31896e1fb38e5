const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\p{Emoji_Presentation}\u{20000}-\u{3fffd}]$/u;
// deno-lint-ignore no-control-regex
const STYLE = /\u001b\[[0-9;]*m/g;

/** Columns that a text takes on a terminal; colour codes take none (Unicode TR11, approximately). */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text.replace(STYLE, "")) width += charWidth(char);
  return width;
}

/** The text cut to a number of columns, an ellipsis in place of what is missing. No colour codes. */
export function truncate(text: string, columns: number, ellipsis = "…"): string {
  if (widthOf(text) <= columns) return text;
  const room = columns - widthOf(ellipsis);
  let kept = "";
  let width = 0;
  for (const char of text) {
    width += charWidth(char);
    if (width > room) break;
    kept += char;
  }
  return room < 0 ? "" : kept + ellipsis;
}

/** The text in lines of at most so many columns, broken at blanks where there are any. No line ends. */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  let width = 0;
  /** Where a line may end: behind a blank that has words before it. */
  let end = 0;
  for (const char of text) {
    const size = charWidth(char);
    if (width + size > columns && line !== "") {
      if (char === " ") end = line.length;
      lines.push(end === 0 ? line : line.slice(0, end).trimEnd());
      line = end === 0 ? "" : line.slice(end);
      width = widthOf(line);
      end = 0;
      if (char === " ") continue;
    }
    line += char;
    width += size;
    if (char === " " && line.trim() !== "") end = line.length;
  }
  return [...lines, line];
}

/** The text followed, or preceded, by blanks up to a number of columns. */
export function pad(text: string, columns: number, side: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - widthOf(text)));
  return side === "left" ? text + blanks : blanks + text;
}

function charWidth(char: string): number {
  if (char >= " " && char < "\u007f") return 1;
  if (ZERO_WIDTH.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}
