import { escapeText } from "../../src/console/text/escape.ts";
import type { Finding, FindingStatus } from "../../src/engine/doctor/findings.ts";
import type { Theme, Tone } from "../theme/theme.ts";
import { type Span, span } from "./line.tsx";

const TONES: Readonly<Record<FindingStatus, Tone>> = {
  ok: "good",
  warning: "attention",
  failed: "bad",
};

/** One line of what was found out: its sign, and what it says. */
export function findingSpans({ status, message }: Finding, { glyphs }: Theme): Span[] {
  const signs = { ok: glyphs.ok, warning: glyphs.attention, failed: glyphs.failed };
  return [span(`${signs[status]} `, TONES[status]), span(escapeText(message))];
}
