import type { BackupListing } from "../../engine/list.ts";
import { escapeLines, escapeText } from "./escape.ts";
import { formatAge, formatBytes, formatCount, formatTime } from "./format.ts";
import { paint, type Style, type Tone } from "./style.ts";
import { renderTable } from "./table.ts";

const TONES: Readonly<Record<BackupListing["state"], Tone>> = {
  complete: "good",
  partial: "attention",
  unfinished: "attention",
  damaged: "bad",
};

/** A table of backups, and below it what a person should know of some. */
export function backupListLines(
  backups: readonly BackupListing[],
  { location, style, now }: { location: string; style: Style; now: Date },
): string[] {
  if (backups.length === 0) return [`No backups in ${escapeText(location)}.`];
  const notes = backups.filter(({ note }) => note !== undefined).map(({ backupId, note }) =>
    `${escapeText(backupId)}: ${escapeLines(note!)}`
  );
  return [
    ...renderTable(
      [
        { title: "ID" },
        { title: "STATE" },
        { title: "CREATED" },
        { title: "AGE", align: "right" },
        { title: "QUEUES", align: "right" },
        { title: "MESSAGES", align: "right" },
        { title: "SIZE", align: "right" },
      ],
      backups.map((backup) => [
        escapeText(backup.backupId),
        paint(style, TONES[backup.state], backup.state),
        shown(backup.createdAt, formatTime),
        shown(backup.createdAt, (at) => formatAge((now.getTime() - at) / 1000)),
        shown(backup.queues, formatCount),
        shown(backup.messages, formatCount),
        shown(backup.sizeBytes, formatBytes),
      ]),
    ),
    ...notes.length === 0 ? [] : ["", ...notes],
  ];
}

function shown(value: number | null, format: (value: number) => string): string {
  return value === null ? "-" : format(value);
}
