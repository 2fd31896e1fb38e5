import type { EngineEvent } from "../engine/events.ts";
import type { Redactor } from "./redact.ts";

/** An event as it may be shown: texts in it come from errors of all kinds. */
export function redactEvent(event: EngineEvent, redactor: Redactor): EngineEvent {
  const hint = "hint" in event && event.hint !== undefined
    ? { hint: redactor.redact(event.hint) }
    : {};
  switch (event.type) {
    case "queue_done":
      return event.reason === undefined
        ? { ...event, ...hint }
        : { ...event, ...hint, reason: redactor.redact(event.reason) };
    case "warning":
    case "step":
      return { ...event, ...hint, message: redactor.redact(event.message) };
    default:
      return event;
  }
}
