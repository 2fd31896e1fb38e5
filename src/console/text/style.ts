/** What one output stream can show. */
export interface Style {
  readonly color: boolean;
  /** Characters beyond ASCII. */
  readonly unicode: boolean;
}

/** Meanings that colour supports; the words and signs beside it say the same. */
export type Tone = "good" | "attention" | "bad" | "strong" | "dim";

// Blue rather than green beside red, for those who do not tell these two apart.
const CODES: Readonly<Record<Tone, string>> = {
  good: "34",
  attention: "33",
  bad: "31",
  strong: "1",
  dim: "2",
};

/** The text in a colour, where the stream shows any. */
export function paint(style: Style, tone: Tone, text: string): string {
  return style.color && text !== "" ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text;
}

/** Signs that stand before a line. */
export interface Signs {
  readonly ok: string;
  readonly attention: string;
  readonly failed: string;
  readonly separator: string;
  readonly ellipsis: string;
  readonly barFull: string;
  readonly barEmpty: string;
}

const UNICODE: Signs = {
  ok: "✔",
  attention: "!",
  failed: "✖",
  separator: "·",
  ellipsis: "…",
  barFull: "█",
  barEmpty: "░",
};

const ASCII: Signs = {
  ok: "ok",
  attention: "!",
  failed: "x",
  separator: "|",
  ellipsis: "...",
  barFull: "#",
  barEmpty: ".",
};

/** The signs that a stream can show. */
export function signsOf(style: Style): Signs {
  return style.unicode ? UNICODE : ASCII;
}

/** What decides how a stream looks. */
export interface StyleInputs {
  readonly isTerminal: boolean;
  readonly env: (name: string) => string | undefined;
  /** False after `--no-color`. */
  readonly colorWanted: boolean;
}

/** Colour on terminals unless `NO_COLOR`, `TERM=dumb` or a flag forbid it; Unicode by the locale. */
export function styleOf({ isTerminal, env, colorWanted }: StyleInputs): Style {
  const forced = (env("FORCE_COLOR") ?? "") !== "" && env("FORCE_COLOR") !== "0";
  const forbidden = !colorWanted || (env("NO_COLOR") ?? "") !== "" || env("TERM") === "dumb";
  const locale = env("LC_ALL") || env("LC_CTYPE") || env("LANG") || "";
  return {
    color: !forbidden && (isTerminal || forced),
    unicode: /utf-?8/i.test(locale) || env("WT_SESSION") !== undefined,
  };
}
