import { Box } from "ink";
import { escapeLines, escapeText } from "../../../src/console/text/escape.ts";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatTime,
} from "../../../src/console/text/format.ts";
import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Area } from "../../app/screen.ts";
import type { BackupCheck } from "../../app/session.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { Paragraphs } from "../../components/paragraphs.tsx";
import { pageOf } from "../../components/picker_keys.ts";
import { pickerStatus, sortedBy } from "../../components/picker_status.tsx";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { Theme, Tone } from "../../theme/theme.ts";
import { type BackupRow, type BackupsState, currentBackup, ORDER } from "./state.ts";

/** A line above the list, and those below it. */
const STATUS_ROWS = 1;
const DETAIL_ROWS = 4;

/** Lines of backups that there is room for. */
export function backupsPage(area: Area): number {
  return pageOf(area, STATUS_ROWS + DETAIL_ROWS + TABLE_HEAD);
}

/** What is known of a backup beside its listing. */
type CheckOf = (backupId: string) => BackupCheck | undefined;

export function BackupsView(
  { state, checkOf, area, now }: {
    state: BackupsState;
    checkOf: CheckOf;
    area: Area;
    now: Date;
  },
) {
  const { theme, columns } = area;
  const { isListed, picker, failure } = state;
  const line = { theme, columns };
  if (failure !== undefined) return <FailureLines failure={failure} area={area} />;
  if (!isListed) {
    return <Line {...line} spans={[span(` Reading the storage${theme.glyphs.ellipsis}`)]} />;
  }
  if (picker.rows.length === 0) return <Line {...line} spans={[span(" No backups here.")]} />;
  const current = currentBackup(state);
  const told = current === undefined
    ? []
    : [...current.notes, checkText(checkOf(current.backupId), now)];
  return (
    <Box flexDirection="column">
      <Line {...line} spans={pickerStatus(picker, { noun: "backup", theme, canMark: false })} />
      <Table
        rows={picker.shown}
        columns={columnsOf(state, { theme, now, checkOf })}
        cursor={picker.cursor}
        area={{ ...area, rows: backupsPage(area) + TABLE_HEAD }}
      />
      <Paragraphs
        parts={told.map((note) => span(escapeLines(note)))}
        area={{ ...area, rows: DETAIL_ROWS }}
        indent={2}
      />
    </Box>
  );
}

const STATES: Readonly<Record<BackupListing["state"], Tone>> = {
  complete: "good",
  partial: "attention",
  unfinished: "attention",
  damaged: "bad",
};

function columnsOf(
  { picker }: BackupsState,
  { theme: { glyphs }, now, checkOf }: { theme: Theme; now: Date; checkOf: CheckOf },
): TableColumn<BackupRow>[] {
  const sorted = (order: keyof typeof ORDER) => sortedBy(picker, ORDER[order]);
  const signs = {
    complete: glyphs.ok,
    partial: glyphs.attention,
    unfinished: "-",
    damaged: glyphs.failed,
  };
  const known = (value: number | null, text: (value: number) => string) =>
    value === null ? span("-", "dim") : span(text(value));
  return [
    {
      title: "BACKUP",
      width: "fill",
      ...sorted("name"),
      cell: ({ backup }) => span(escapeText(backup.backupId)),
    },
    {
      title: "STATE",
      width: 12,
      ...sorted("state"),
      cell: ({ backup: { state } }) => span(`${signs[state]} ${state}`, STATES[state]),
    },
    {
      title: "AGE",
      width: 6,
      align: "right",
      ...sorted("age"),
      cell: ({ backup: { createdAt } }) =>
        known(createdAt, (at) => formatAge((now.getTime() - at) / 1000)),
    },
    {
      title: "CHECKED",
      width: 9,
      rank: 5,
      cell: ({ backup }) => checkSpan(checkOf(backup.backupId), glyphs),
    },
    {
      title: "TAKEN",
      width: 23,
      rank: 1,
      cell: ({ backup }) => known(backup.createdAt, formatTime),
    },
    {
      title: "QUEUES",
      width: 6,
      align: "right",
      rank: 4,
      cell: ({ backup }) => known(backup.queues, formatCount),
    },
    {
      title: "MESSAGES",
      width: 11,
      align: "right",
      rank: 2,
      ...sorted("messages"),
      cell: ({ backup }) => known(backup.messages, formatCount),
    },
    {
      title: "SIZE",
      width: 8,
      align: "right",
      rank: 3,
      ...sorted("size"),
      cell: ({ backup }) => known(backup.sizeBytes, formatBytes),
    },
  ];
}

function checkSpan(check: BackupCheck | undefined, glyphs: Theme["glyphs"]): Span {
  if (check === undefined) return span("-", "dim");
  if (!check.isWhole) return span(`${glyphs.failed} damaged`, "bad");
  return span(`${glyphs.ok} ${check.deep ? "deep" : "quick"}`, "good");
}

function checkText(check: BackupCheck | undefined, now: Date): string {
  if (check === undefined) return "Not checked since this program was opened: v does that";
  const age = formatAge((now.getTime() - check.at) / 1000);
  const when = age === "now" ? "just now" : `${age} ago`;
  const how = check.deep ? "down to every record" : "that its objects are there";
  return `Checked ${how}, ${when}: it is ${check.isWhole ? "whole" : "damaged"}`;
}
