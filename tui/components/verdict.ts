import type { PlannedBackupQueue } from "../../src/engine/plan_types.ts";
import type { Theme, Tone } from "../theme/theme.ts";
import { type Span, span } from "./line.tsx";

const WORDS: Readonly<Record<PlannedBackupQueue["verdict"], readonly [string, Tone]>> = {
  safe: ["safe", "good"],
  cost: ["at a cost", "attention"],
  refused: ["REFUSED", "bad"],
  excluded: ["excluded", "dim"],
};

/** What reading a queue would do to it, as a sign and a word. */
export function verdictSpan(verdict: PlannedBackupQueue["verdict"], { glyphs }: Theme): Span {
  const [word, tone] = WORDS[verdict];
  const sign = signOf(verdict, glyphs);
  return span(sign === "" ? word : `${sign} ${word}`, tone);
}

/** The sign alone, where there is no room for the word; nothing for what is safe. */
export function verdictSign(verdict: PlannedBackupQueue["verdict"], { glyphs }: Theme): Span {
  return span(signOf(verdict, glyphs), WORDS[verdict][1]);
}

function signOf(verdict: PlannedBackupQueue["verdict"], glyphs: Theme["glyphs"]): string {
  return { safe: "", cost: glyphs.attention, refused: glyphs.failed, excluded: "" }[verdict];
}
