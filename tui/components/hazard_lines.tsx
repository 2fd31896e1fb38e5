import { escapeLines } from "../../src/console/text/escape.ts";
import type { PlannedBackupQueue } from "../../src/engine/plan_types.ts";
import type { Area } from "../app/screen.ts";
import { span } from "./line.tsx";
import { Paragraphs } from "./paragraphs.tsx";

/** Why a queue is not simply read, and what can be done; nothing for one that is. */
export function HazardLines(
  { hazard, area }: {
    hazard: Pick<PlannedBackupQueue, "reason" | "hint" | "risk" | "notes"> | undefined;
    area: Area;
  },
) {
  const { reason, hint, risk, notes = [] } = hazard ?? {};
  const lines = [
    ...risk === undefined ? [] : [`At risk: ${risk}`],
    ...reason === undefined ? [] : [reason],
    ...hint === undefined ? [] : [`Hint: ${hint}`],
    ...notes.map((note) => `Note: ${note}`),
  ];
  return <Paragraphs parts={lines.map((line) => span(escapeLines(line)))} area={area} indent={2} />;
}
