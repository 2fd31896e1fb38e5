import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, span } from "../../components/line.tsx";
import { TextLines } from "../../components/text_lines.tsx";
import type { ReportState } from "./state.ts";

export function ReportView(
  { state, area, asking }: { state: ReportState; area: Area; asking: string },
) {
  const { lines, failure, top } = state;
  const { theme, columns } = area;
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (lines === undefined) {
    const told = ` ${asking}${theme.glyphs.ellipsis}`;
    return <Line theme={theme} columns={columns} spans={[span(told)]} />;
  }
  return <TextLines lines={lines} top={top} area={area} />;
}
