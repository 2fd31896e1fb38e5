import type { OutputStream } from "../terminal.ts";
import { truncate, widthOf } from "../../console/text/width.ts";

const ERASE_BELOW = "\u001b[J";

/**
 * Lines at the bottom of a terminal that are drawn anew in place, under text that scrolls. Lines are
 * cut to the width; colour codes in them take no room.
 */
export class LiveBlock {
  readonly #stream: OutputStream;
  #drawn: readonly string[] = [];

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Draws these lines in place of those before; left out while the terminal is behind. */
  update(lines: readonly string[]): void {
    if (this.#stream.congested) return;
    const { columns, rows } = this.#stream.size();
    const fitting = lines.slice(-Math.max(1, rows - 1)).map((line) => cut(line, columns - 1));
    this.#stream.write(this.#backToTop(columns) + fitting.map((line) => `${line}\n`).join(""));
    this.#drawn = fitting;
  }

  /** Writes text, with its line end, above the block. */
  print(text: string): void {
    const kept = this.#drawn;
    this.clear();
    this.#stream.write(text);
    if (kept.length > 0) this.update(kept);
  }

  /** Takes the block off the screen. */
  clear(): void {
    if (this.#drawn.length === 0) return;
    this.#stream.write(this.#backToTop(this.#stream.size().columns));
    this.#drawn = [];
  }

  #backToTop(columns: number): string {
    // After the window became narrower a line takes several rows.
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)),
      0,
    );
    return rows === 0 ? "" : `\u001b[${rows}A\r${ERASE_BELOW}`;
  }
}

function cut(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  // Colour is given up rather than cut in two.
  // deno-lint-ignore no-control-regex
  return truncate(line.replace(/\u001b\[[0-9;]*m/g, ""), columns);
}
