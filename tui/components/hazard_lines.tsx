import { Box, Text } from "ink";
import { escapeLines } from "../../src/console/text/escape.ts";
import type { PlannedBackupQueue } from "../../src/engine/plan_types.ts";
import type { Area } from "../app/screen.ts";

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
  return (
    <Box flexDirection="column" height={area.rows} paddingX={2} overflow="hidden">
      {lines.map((line, index) => <Text key={index}>{escapeLines(line)}</Text>)}
    </Box>
  );
}
