import type {
  EngineEvent,
  QueueDoneEvent,
  StatusEvent,
  SummaryEvent,
  WarningEvent,
} from "../../engine/events.ts";
import { escapeText, queueLabel } from "./escape.ts";
import { formatBytes, formatCount, formatSeconds, plural } from "./format.ts";
import type { Output } from "./output.ts";
import type { Reporter } from "./reporter.ts";
import { statusLines, totalLine } from "./status_lines.ts";
import { paint } from "./style.ts";
import { leftOut, leftOutLines, resultLine, summaryLines } from "./summary_text.ts";
import { Tally } from "./tally.ts";

const REDRAW_MS = 100;
const PLAIN_INTERVAL_SECONDS = 30;

/** Progress for people: drawn in place on a terminal, else a line now and then; then the summary. */
export class TextReporter implements Reporter {
  readonly #output: Output;
  readonly #tally = new Tally();
  /** With --quiet: told when they turn out to be why something is missing. */
  readonly #heldWarnings: WarningEvent[] = [];
  #last: StatusEvent | undefined;
  #lastShown: number;

  constructor(output: Output) {
    this.#output = output;
    this.#lastShown = output.terminal.now().getTime();
  }

  event(event: EngineEvent): void {
    switch (event.type) {
      case "status":
        return this.#status(event);
      case "queue_done":
        return this.#queueDone(event);
      case "warning":
        if (this.#output.options.quiet) this.#heldWarnings.push(event);
        return this.#output.warning(event);
      case "step":
        return this.#output.note(paint(this.#output.errStyle, "dim", escapeText(event.message)));
      case "summary":
        return this.#summary(event);
    }
  }

  showStatus(): void {
    if (this.#last === undefined) return;
    const separator = this.#output.errSigns.separator;
    this.#output.block.print(`${totalLine(this.#last, separator)}\n`);
  }

  close(): void {
    this.#output.block.clear();
  }

  #status(status: StatusEvent): void {
    this.#last = status;
    const { options, terminal, errStyle, isLive } = this.#output;
    const now = terminal.now().getTime();
    const seconds = isLive ? REDRAW_MS / 1000 : options.progressInterval ?? PLAIN_INTERVAL_SECONDS;
    if (seconds === 0 || now - this.#lastShown < seconds * 1000) return;
    this.#lastShown = now;
    if (isLive) {
      const size = terminal.stderr.size();
      this.#output.block.update(statusLines(status, { style: errStyle, ...size }));
    } else if (!options.quiet) this.showStatus();
  }

  #queueDone(event: QueueDoneEvent): void {
    this.#tally.add(event);
    const { options, errStyle, isLive } = this.#output;
    // In a log the summary names what was left out, and once is enough.
    if (!isLive && options.verbosity === 0) return;
    const isLeft = event.outcome === "skipped" || event.outcome === "failed";
    for (const line of isLeft ? leftOut(event, errStyle) : [this.#doneLine(event)]) {
      this.#output.note(line);
    }
  }

  #doneLine(event: QueueDoneEvent): string {
    const { errStyle, errSigns } = this.#output;
    const { destination, base, leftOut = 0 } = event;
    const parts = [
      plural(event.messages, "message") +
      (base === undefined ? "" : ` new since ${escapeText(base)}`),
      ...leftOut === 0 ? [] : [`${formatCount(leftOut)} not chosen`],
      formatBytes(event.bytes),
      event.outcome === "resumed" ? "done by an earlier run" : formatSeconds(event.seconds),
    ];
    const sign = paint(errStyle, "good", errSigns.ok);
    const into = destination === undefined
      ? ""
      : ` into ${queueLabel(destination.vhost, destination.queue)}`;
    return `  ${sign} ${queueLabel(event.vhost, event.queue)}${into}: ${parts.join(", ")}`;
  }

  #summary(summary: SummaryEvent): void {
    const { options, outStyle, isLive, terminal } = this.#output;
    if (options.quiet) {
      if (summary.outcome !== "ok") this.#tellMissing(summary);
      return this.#output.result(resultLine(summary, outStyle));
    }
    const apart = isLive && terminal.stdout.isTerminal ? [""] : [];
    this.#output.result([...apart, ...summaryLines(summary, this.#tally, outStyle)]);
  }

  /** What cron mails of a partial result: without names it would help nobody. */
  #tellMissing(summary: SummaryEvent): void {
    const { errStyle } = this.#output;
    const warnings = this.#heldWarnings.map((warning) => this.#output.warningText(warning));
    const left = leftOutLines(summary, this.#tally, errStyle).filter((line) => line !== "");
    for (const line of [...warnings, ...left]) this.#output.block.print(`${line}\n`);
  }
}
