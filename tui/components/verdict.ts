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
  const sign = {
    safe: "",
    cost: `${glyphs.attention} `,
    refused: `${glyphs.failed} `,
    excluded: "",
  };
  return span(`${sign[verdict]}${word}`, tone);
}
