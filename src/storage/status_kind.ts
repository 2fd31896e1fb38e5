import type { FailureKind } from "./object_driver.ts";

const TRANSIENT = [408, 429, 500, 502, 503, 504];

/** Whether a request that was answered with this status may be sent again as it is. */
export function isTransientStatus(status: number): boolean {
  return TRANSIENT.includes(status);
}

/** What a status means where the service says nothing more exact. */
export function kindOfStatus(status: number): FailureKind {
  if (isTransientStatus(status)) return "transient";
  switch (status) {
    case 401:
    case 403:
      return "denied";
    case 404:
      return "missing";
    case 412:
      return "exists";
    case 416:
      return "range";
    case 507:
      return "full";
    default:
      return "permanent";
  }
}
