import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatAge } from "../../../src/console/text/format.ts";
import type { RecentConfig } from "../../app/recent.ts";
import type { Area } from "../../app/screen.ts";
import { Line, span } from "../../components/line.tsx";
import { Table } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { ConfigsState } from "./state.ts";

export function ConfigsView(
  { state: { configs, cursor }, area, now }: { state: ConfigsState; area: Area; now: Date },
) {
  if (configs === undefined) return null;
  if (configs.length === 0) {
    const told = " None yet: those that are opened with --config, or saved here, will be listed.";
    return <Line theme={area.theme} columns={area.columns} spans={[span(told)]} />;
  }
  const columns: TableColumn<RecentConfig>[] = [
    { title: "CONFIGURATION", width: "fill", cell: ({ path }) => span(escapeText(path)) },
    {
      title: "USED",
      width: 8,
      align: "right",
      cell: ({ usedAt }) => span(formatAge((now.getTime() - usedAt) / 1000), "dim"),
    },
  ];
  return (
    <Box flexDirection="column">
      <Table rows={configs} columns={columns} cursor={cursor} area={area} />
    </Box>
  );
}
