import { Box, Text } from "ink";
import { escapeLines, escapeText } from "../../../src/console/text/escape.ts";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatTime,
} from "../../../src/console/text/format.ts";
import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, span } from "../../components/line.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme, Tone } from "../../theme/theme.ts";
import { type BackupsState, currentBackup } from "./state.ts";

const DETAIL_ROWS = 4;

/** Lines of backups that there is room for. */
export function backupsPage(area: Area): number {
  return pageOf(area, DETAIL_ROWS + TABLE_HEAD);
}

export function BackupsView({ state, area, now }: { state: BackupsState; area: Area; now: Date }) {
  const { theme, columns } = area;
  const { backups, failure, cursor } = state;
  const line = { theme, columns };
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (backups === undefined) {
    return <Line {...line} spans={[span(` Reading the storage${theme.glyphs.ellipsis}`)]} />;
  }
  if (backups.length === 0) return <Line {...line} spans={[span(" No backups here.")]} />;
  const notes = currentBackup(state)?.notes ?? [];
  return (
    <Box flexDirection="column">
      <Table
        rows={backups}
        columns={columnsOf(theme, now)}
        cursor={cursor}
        area={{ ...area, rows: backupsPage(area) + TABLE_HEAD }}
      />
      <Box flexDirection="column" height={DETAIL_ROWS} paddingX={2} overflow="hidden">
        {notes.map((note, index) => <Text key={index}>{escapeLines(note)}</Text>)}
      </Box>
    </Box>
  );
}

const STATES: Readonly<Record<BackupListing["state"], Tone>> = {
  complete: "good",
  partial: "attention",
  unfinished: "attention",
  damaged: "bad",
};

function columnsOf({ glyphs }: Theme, now: Date): TableColumn<BackupListing>[] {
  const signs = {
    complete: glyphs.ok,
    partial: glyphs.attention,
    unfinished: "-",
    damaged: glyphs.failed,
  };
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? span("-", "dim") : span(text(value));
  return [
    { title: "BACKUP", width: "fill", cell: ({ backupId }) => span(escapeText(backupId)) },
    {
      title: "STATE",
      width: 13,
      cell: ({ state }) => span(`${signs[state]} ${state}`, STATES[state]),
    },
    {
      title: "AGE",
      width: 6,
      align: "right",
      cell: ({ createdAt }) => known(createdAt, (at) => formatAge((now.getTime() - at) / 1000)),
    },
    { title: "TAKEN", width: 23, rank: 1, cell: ({ createdAt }) => known(createdAt, formatTime) },
    {
      title: "QUEUES",
      width: 6,
      align: "right",
      rank: 3,
      cell: ({ queues }) => known(queues, formatCount),
    },
    {
      title: "MESSAGES",
      width: 11,
      align: "right",
      rank: 4,
      cell: ({ messages }) => known(messages, formatCount),
    },
    {
      title: "SIZE",
      width: 8,
      align: "right",
      rank: 2,
      cell: ({ sizeBytes }) => known(sizeBytes, formatBytes),
    },
  ];
}
