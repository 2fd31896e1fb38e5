import { formatCount, formatSeconds, plural } from "../../src/console/text/format.ts";
import { queueLabel } from "../../src/console/text/escape.ts";
import type { EngineEvent, QueueDoneEvent } from "../../src/engine/events.ts";

/** What an entry is of; the words are what the log shows and its filter takes. */
export type LogKind = "step" | "queue" | "warning" | "failed" | "result";

/** Something that happened. */
export interface LogEntry {
  /** Counted from 0. */
  readonly number: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly kind: LogKind;
  readonly text: string;
  readonly hint?: string;
}

/** Entries that are kept; the oldest go first. */
const KEPT = 5_000;
/** So many too many are dropped at once: moving them all for each would cost. */
const SLACK = 500;

/** What has happened since the program was opened, without secrets. */
export class LogBook {
  #entries: LogEntry[] = [];
  #count = 0;
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** The oldest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** A number that is another one after each entry. */
  get version(): number {
    return this.#count;
  }

  add(entry: Omit<LogEntry, "number" | "at">): void {
    this.#entries.push({ number: this.#count++, at: this.#now().getTime(), ...entry });
    if (this.#entries.length > KEPT + SLACK) this.#entries = this.#entries.slice(-KEPT);
  }

  /** What fails again and again is told once, until something else happens. */
  addFailure(text: string, hint: string | undefined): void {
    const last = this.#entries.at(-1);
    if (last?.kind === "failed" && last.text === text) return;
    this.add({ kind: "failed", text, ...hint === undefined ? {} : { hint } });
  }

  /** What the engine tells, but for how far it is. */
  addEvent(event: EngineEvent): void {
    switch (event.type) {
      case "status":
      case "summary":
        return;
      case "step":
        return this.add({ kind: "step", text: event.message });
      case "warning":
        return this.add({ kind: "warning", text: event.message, ...hintOf(event) });
      case "queue_done":
        return this.add({
          kind: event.outcome === "failed" ? "failed" : "queue",
          text: queueText(event),
          ...hintOf(event),
        });
    }
  }
}

function hintOf({ hint }: { hint?: string }): { hint?: string } {
  return hint === undefined ? {} : { hint };
}

const OUTCOMES: Readonly<Record<QueueDoneEvent["outcome"], string>> = {
  ok: "done",
  resumed: "done by an earlier run",
  skipped: "left out",
  failed: "FAILED",
};

function queueText(event: QueueDoneEvent): string {
  const { vhost, queue, outcome, messages, seconds, holdSeconds, reason } = event;
  const figures = [
    plural(messages, "message"),
    `in ${formatSeconds(seconds)}`,
    ...holdSeconds === undefined ? [] : [`held for ${formatSeconds(holdSeconds)}`],
    ...event.undelivered ? [`${formatCount(event.undelivered)} not delivered`] : [],
  ];
  const told = outcome === "ok" ? `: ${figures.join(", ")}` : "";
  return `${queueLabel(vhost, queue)} ${OUTCOMES[outcome]}${told}` +
    (reason === undefined ? "" : ` (${reason})`);
}
