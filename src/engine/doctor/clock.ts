import type { AreaFindings } from "./findings.ts";

/** Beyond this, times in names, windows and listings mislead. */
const WARNED_MS = 30_000;
/** Beyond this, services refuse signatures: Amazon S3 and Azure from 15 minutes on. */
const FAILED_MS = 10 * 60_000;

/** A clock that was looked at. */
export interface ClockReading {
  /** Whose it is, for the message: "the storage's". */
  readonly whose: string;
  /** What it said, in whole seconds, and what the clock here said then; epoch milliseconds. */
  readonly theirs: number;
  readonly ours: number;
  /** Whether its owner refuses those whose clock is wrong. */
  readonly refuses: boolean;
}

/** How far two clocks are apart, and what that means. */
export function checkClock(findings: AreaFindings, reading: ClockReading): void {
  const { whose, theirs, ours, refuses } = reading;
  // Theirs may be up to a second older than it looks.
  const aheadMs = ours - theirs - 500;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const message = `The clock here is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} ${whose}`;
  const hint = "Set the clock, best by NTP";
  if (Math.abs(aheadMs) < WARNED_MS) {
    return findings.ok("clock", `The clock here and ${whose} agree within ${seconds + 1} s`);
  }
  if (refuses && Math.abs(aheadMs) >= FAILED_MS) return findings.fail("clock", message, hint);
  findings.warn("clock", message, hint);
}
