import {
  type Signs,
  signsOf,
  type Style,
  type Tone as TextTone,
} from "../../src/console/text/style.ts";

/** Meanings that looks support; words and signs beside them say the same. */
export type Tone = TextTone | "accent" | "cursor";

/** Properties of Ink's `Text`. Colours are of the 16 that every terminal has, by their names. */
export interface Look {
  readonly color?: string;
  readonly bold?: true;
  readonly dimColor?: true;
  readonly inverse?: true;
}

/** Characters that are drawn. */
export interface Glyphs extends Signs {
  readonly rule: string;
  readonly cursor: string;
  readonly marked: string;
  readonly unmarked: string;
  readonly crumb: string;
  readonly down: string;
  readonly up: string;
  /** From low to high. */
  readonly spark: readonly string[];
  readonly border: "round" | "classic";
}

/** How everything looks. */
export interface Theme {
  readonly style: Style;
  readonly glyphs: Glyphs;
  look(tone: Tone | undefined): Look;
}

// Blue and yellow rather than green and red, for those who do not tell these two apart.
const COLORED: Readonly<Record<Tone, Look>> = {
  good: { color: "blue" },
  attention: { color: "yellow" },
  bad: { color: "red" },
  strong: { bold: true },
  dim: { dimColor: true },
  accent: { color: "cyan" },
  cursor: { inverse: true },
};

const PLAIN: Readonly<Record<Tone, Look>> = {
  good: {},
  attention: { bold: true },
  bad: { bold: true },
  strong: { bold: true },
  dim: {},
  accent: { bold: true },
  cursor: { inverse: true },
};

const UNICODE: Omit<Glyphs, keyof Signs> = {
  rule: "─",
  cursor: "›",
  marked: "●",
  unmarked: "·",
  crumb: "›",
  down: "▼",
  up: "▲",
  spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
  border: "round",
};

const ASCII: typeof UNICODE = {
  rule: "-",
  cursor: ">",
  marked: "*",
  unmarked: " ",
  crumb: ">",
  down: "v",
  up: "^",
  spark: ["_", ".", ":", "-", "=", "+", "*", "#"],
  border: "classic",
};

/** The theme that goes with what a terminal can show. */
export function themeOf(style: Style): Theme {
  const looks = style.color ? COLORED : PLAIN;
  return {
    style,
    glyphs: { ...signsOf(style), ...style.unicode ? UNICODE : ASCII },
    look: (tone) => tone === undefined ? {} : looks[tone],
  };
}
