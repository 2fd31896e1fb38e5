import { formatCount, formatPercent, formatSeconds } from "../../../src/console/text/format.ts";
import type { QueueProgress } from "../../../src/engine/events.ts";
import { span } from "../../components/line.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import type { RunRow, RunState } from "./state.ts";

/** What became of messages that a backup has read. */
export interface BackupFigures {
  /** Away from consumers right now. */
  readonly held: number;
  readonly returned: number;
  readonly packed: number;
  readonly stored: number;
}

/** The figures of a queue. Of a stream nothing is ever held, nor returned. */
function figuresOf(row: RunRow): BackupFigures {
  if ("active" in row) {
    const { messagesHeld, messagesReturned, messagesPacked, messagesStored } = row.active;
    return {
      held: messagesHeld ?? 0,
      returned: messagesReturned ?? 0,
      packed: messagesPacked ?? 0,
      stored: messagesStored ?? 0,
    };
  }
  const { messages, queueType } = row.ended;
  const returned = queueType === "stream" ? 0 : messages;
  return { held: 0, returned, packed: messages, stored: messages };
}

/** The figures of all queues. */
export function totalFigures(rows: readonly RunRow[]): BackupFigures {
  return rows.map(figuresOf).reduce((sum, one) => ({
    held: sum.held + one.held,
    returned: sum.returned + one.returned,
    packed: sum.packed + one.packed,
    stored: sum.stored + one.stored,
  }), { held: 0, returned: 0, packed: 0, stored: 0 });
}

/** The totals in words. */
export function figuresText({ held, returned, packed, stored }: BackupFigures): string {
  const parts = [
    `${formatCount(held)} held`,
    `${formatCount(returned)} returned`,
    `${formatCount(packed)} packed`,
    `${formatCount(stored)} uploaded`,
  ];
  return parts.join("  ");
}

/** What a pause or a lower speed comes to; undefined at full speed. */
export function paceText({ pace, status }: RunState): string | undefined {
  if (pace.isPaused) {
    const busy = status?.active.filter(isHeld).length ?? 0;
    if (busy === 0) return "Paused: nothing is held";
    const queues = busy === 1
      ? "1 queue is read to its end"
      : `${busy} queues are read to their ends`;
    return `Pausing: ${queues} and given back first`;
  }
  return pace.share === 1 ? undefined : `At 1/${1 / pace.share} of full speed`;
}

/** Nothing is ever held of a stream. */
function isHeld({ phase, messagesHeld }: QueueProgress): boolean {
  return messagesHeld !== undefined && (phase === "reading" || phase === "returning");
}

/** The columns of a backup beside the queue and its state. */
export const BACKUP_COLUMNS: readonly TableColumn<RunRow>[] = [
  {
    title: "READ",
    width: 9,
    align: "right",
    rank: 3,
    cell: (row) => count("active" in row ? row.active.messagesDone : row.ended.messages),
  },
  { title: "HELD", width: 9, align: "right", cell: (row) => count(figuresOf(row).held) },
  {
    title: "RETURNED",
    width: 9,
    align: "right",
    rank: 4,
    cell: (row) => isStream(row) ? span("-", "dim") : count(figuresOf(row).returned),
  },
  {
    title: "PACKED",
    width: 9,
    align: "right",
    rank: 2,
    cell: (row) => count(figuresOf(row).packed),
  },
  {
    title: "UPLOADED",
    width: 9,
    align: "right",
    rank: 5,
    cell: (row) => count(figuresOf(row).stored),
  },
  {
    title: "HELD FOR",
    width: 8,
    align: "right",
    rank: 1,
    cell: (row) =>
      "ended" in row && row.ended.holdSeconds !== undefined
        ? span(formatSeconds(row.ended.holdSeconds), "dim")
        : span(""),
  },
];

function count(value: number) {
  return span(formatCount(value), value === 0 ? "dim" : undefined);
}

function isStream(row: RunRow): boolean {
  return "ended" in row && row.ended.queueType === "stream";
}

/** `reading 37 %`: how far a queue is that is worked on. */
export function phaseText({ phase, messagesDone, messagesTotal }: QueueProgress): string {
  if (phase !== "reading" && phase !== "publishing" && phase !== "verifying") return phase;
  const fraction = messagesTotal === 0 ? 0 : Math.min(1, messagesDone / messagesTotal);
  return `${phase} ${formatPercent(fraction)}`;
}
