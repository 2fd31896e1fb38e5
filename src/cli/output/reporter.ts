import type { EngineEvent, EventSink, QueueDoneEvent, SummaryEvent } from "../../engine/events.ts";
import { JsonReporter } from "./json_reporter.ts";
import type { Output } from "./output.ts";
import { TextReporter } from "./text_reporter.ts";

/** Turns what the engine tells into what a person or a script reads. */
export interface Reporter {
  event(event: EngineEvent): void;
  /** Shows how far the run is, now (SIGUSR1). */
  showStatus(): void;
  /** Ends the display; nothing is drawn after it. */
  close(): void;
}

/** A reporter of the kind that the person or script asked for, and the sink that feeds it. */
export function openReporter(
  output: Output,
  exitCodeOf: (summary: SummaryEvent) => number,
): { reporter: Reporter; emit: EventSink } {
  const reporter = output.options.jsonLines
    ? new JsonReporter(output, exitCodeOf)
    : new TextReporter(output);
  return { reporter, emit: (event) => reporter.event(withoutSecrets(event, output)) };
}

/** Reasons come from errors of all kinds, so they go through the redactor like these. */
function withoutSecrets(event: EngineEvent, output: Output): EngineEvent {
  if (event.type !== "queue_done" || event.reason === undefined) return event;
  const { message: reason, hint } = output.safe({ message: event.reason, hint: event.hint });
  const safe: QueueDoneEvent = { ...event, reason };
  return hint === undefined ? safe : { ...safe, hint };
}
