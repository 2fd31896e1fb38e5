import { didYouMean } from "../../config/nearest.ts";
import type { BackupListing, BackupState } from "../../engine/stored/list.ts";
import { escapeLines, escapeText } from "./escape.ts";
import { formatAge, formatBytes, formatCount, formatTime } from "./format.ts";
import { paint, type Style, type Tone } from "./style.ts";
import { renderTable } from "./table.ts";

const TONES: Readonly<Record<BackupState, Tone>> = {
  complete: "good",
  partial: "attention",
  unfinished: "attention",
  damaged: "bad",
};

/** All states of a backup. */
export const BACKUP_STATES = Object.keys(TONES) as BackupState[];

/** Backups that are named beside a note. */
const IDS_SHOWN = 3;

/** A table of backups, and below it what a person should know of some. */
export function backupListLines(
  backups: readonly BackupListing[],
  { style, now }: { style: Style; now: Date },
): string[] {
  const isChained = backups.some(({ bases }) => bases.length > 0);
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
        ...isChained ? [{ title: "STANDS ON" }] : [],
      ],
      backups.map((backup) => [
        escapeText(backup.backupId),
        paint(style, TONES[backup.state], backup.state),
        shown(backup.createdAt, formatTime),
        shown(backup.createdAt, (at) => formatAge((now.getTime() - at) / 1000)),
        shown(backup.queues, formatCount),
        shown(backup.messages, formatCount),
        shown(backup.sizeBytes, formatBytes),
        ...isChained ? [backup.bases.map(escapeText).join(", ")] : [],
      ]),
    ),
    ...noteLines(backups),
  ];
}

/** What there is to say when nothing is listed. */
export function noBackupLines(
  { location, wanted, others }: {
    location: string;
    /** The id that was asked for. */
    wanted: string | undefined;
    others: readonly BackupListing[];
  },
): string[] {
  const where = escapeText(location);
  if (others.length === 0) return [`No backups in ${where}.`];
  if (wanted === undefined) {
    return [`No such backup in ${where}; there ${othersAre(others.length)}.`];
  }
  const near = didYouMean(wanted, others.map(({ backupId }) => backupId));
  return [
    `No backup in ${where} matches "${escapeText(wanted)}"; there ` +
    `${othersAre(others.length)}${near}`,
  ];
}

function othersAre(count: number): string {
  return count === 1 ? "is 1 other" : `are ${formatCount(count)} others`;
}

/** Each note once, with the backups that it is about: a nightly one would repeat it every day. */
function noteLines(backups: readonly BackupListing[]): string[] {
  const noted = backups.flatMap(({ backupId, notes }) => notes.map((note) => ({ backupId, note })));
  return [...Map.groupBy(noted, ({ note }) => note)].flatMap(([note, having]) => {
    // The newest come last, and are asked for most.
    const ids = having.map(({ backupId }) => escapeText(backupId)).slice(-IDS_SHOWN);
    const more = having.length - ids.length;
    const who = more === 0 ? ids.join(", ") : `${ids.join(", ")} and ${formatCount(more)} more`;
    return ["", `${who}:`, ...escapeLines(note).split("\n").map((line) => `  ${line}`)];
  });
}

function shown(value: number | null, format: (value: number) => string): string {
  return value === null ? "-" : format(value);
}
