import { escapeLines } from "../../src/console/text/escape.ts";
import type { Failure } from "../app/failure.ts";
import type { Area } from "../app/screen.ts";
import { span } from "./line.tsx";
import { Paragraphs } from "./paragraphs.tsx";

/** What went wrong, and the way out. */
export function FailureLines({ failure, area }: { failure: Failure; area: Area }) {
  const { message, hint } = failure;
  const parts = [
    span(`${area.theme.glyphs.failed} ${escapeLines(message)}`, "bad"),
    ...hint === undefined ? [] : [span(`Hint: ${escapeLines(hint)}`)],
  ];
  return <Paragraphs parts={parts} area={area} />;
}
